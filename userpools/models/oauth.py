"""The OAuth models that django-oauth-toolkit swaps, with pool users in place of operators.

Access and ID tokens are signed and never stored, and a refresh token names a `SignInSession`: these
three have no table. They exist because the package asks for the models.
"""

from django.db import models
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
)

from .client import AppClient
from .user import PoolUser


class Grant(AbstractGrant):
    """An authorization code (RFC 6749, section 4.1), for one user and client."""

    user = models.ForeignKey(PoolUser, on_delete=models.CASCADE, related_name="grants")
    application = models.ForeignKey(AppClient, on_delete=models.CASCADE, related_name="grants")

    class Meta(AbstractGrant.Meta):
        abstract = False


class AccessToken(AbstractAccessToken):
    """Never stored."""

    user = None
    application = None
    source_refresh_token = None
    id_token = None

    class Meta(AbstractAccessToken.Meta):
        abstract = False
        managed = False


class RefreshToken(AbstractRefreshToken):
    """Never stored: `SignInSession` is the record of a refresh-token family."""

    user = None
    application = None
    access_token = None

    class Meta(AbstractRefreshToken.Meta):
        abstract = False
        managed = False
        unique_together = ()


class IDToken(AbstractIDToken):
    """Never stored."""

    user = None
    application = None

    class Meta(AbstractIDToken.Meta):
        abstract = False
        managed = False


class DeviceGrant(AbstractDeviceGrant):
    """A device authorization (RFC 8628)."""

    user = models.ForeignKey(
        PoolUser, on_delete=models.CASCADE, related_name="device_grants", null=True, blank=True
    )

    class Meta(AbstractDeviceGrant.Meta):
        abstract = False
