"""The user pools application: installs the keys, the wire layer and every app's operations."""

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules

from userpools import awsjson, sealing
from userpools.conf import settings


class UserPoolsConfig(AppConfig):
    """User pools, their clients, users and groups, sign-in, tokens and the cognito-idp API."""

    name = "userpools"
    verbose_name = "User pools"

    def ready(self) -> None:
        """Install the key ring, configure the protocol layer, register operations and checks."""
        from userpools import access_keys, checks, limits  # noqa: F401, PLC0415 - models are ready only now

        if settings.MASTER_KEYS:
            try:
                sealing.install(sealing.KeyRing(sealing.parse_keys(settings.MASTER_KEYS)))
            except ValueError as exc:
                raise ImproperlyConfigured(f"{exc} Make one: manage.py keys new-master.") from None
        awsjson.configure(
            credential_resolvers=access_keys.resolvers(),
            authorizer=access_keys.PolicyAuthorizer(),
            limiter=limits.CategoryLimiter(),
            client_address=limits.client_address,
            region_allowed=lambda region: not settings.REGIONS or region in settings.REGIONS,
            default_region=settings.DEFAULT_REGION,
            account_id=settings.ACCOUNT_ID,
            check_output=settings.CHECK_OUTPUT,
        )
        autodiscover_modules("operations")
