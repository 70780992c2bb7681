"""The OAuth models that django-oauth-toolkit swaps, with pool users in place of operators.

Access and ID tokens are signed and never stored, and a refresh token names a `SignInSession`: these
three have no table. They exist because the package asks for the models.
"""

import uuid

from django.db import models
from django.utils import timezone
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
)

from .client import AppClient
from .statements import Select
from .user import PoolUser


class Grant(AbstractGrant):
    """An authorization code (RFC 6749, section 4.1), for one user and client.

    `code` is a keyed hash of it. `session_id` is the id of the sign-in session that redeeming it
    makes; the row stays, so that a code that comes again finds what to revoke.
    """

    user = models.ForeignKey(PoolUser, on_delete=models.CASCADE, related_name="grants")
    application = models.ForeignKey(AppClient, on_delete=models.CASCADE, related_name="grants")
    session_id = models.UUIDField(default=uuid.uuid4)
    event_id = models.UUIDField(default=uuid.uuid4)
    user_epoch = models.PositiveIntegerField(default=0)
    auth_time = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta(AbstractGrant.Meta):
        abstract = False
        indexes = [models.Index(fields=["expires"], name="grant_expiry")]


grant_with_user = Select(
    lambda: Grant.objects.select_related("user").defer("user__password_sealed"),
    "code",
    "application_id",
)


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
