"""Authenticator apps: one a pool user, its seed sealed."""

from django.db import models
from django_otp.models import Device

from .statements import Select
from .user import PoolUser


class SoftwareToken(Device):
    """The authenticator app of a pool user (TOTP, RFC 6238).

    `sealed` is the seed in use once `confirmed`; `pending_sealed` one that the user has been shown
    and not yet proved, so that a new app replaces the old only after its first code was right.
    The newest accepted step is on the user's row, where the sign-in that uses it up is written.
    """

    user = models.OneToOneField(PoolUser, on_delete=models.CASCADE, related_name="software_token")
    name = models.TextField(blank=True, default="")
    confirmed = models.BooleanField(default=False)
    sealed = models.BinaryField(null=True)
    pending_sealed = models.BinaryField(null=True)

    class Meta:
        verbose_name = "authenticator app"

    def __str__(self) -> str:
        return self.name or "authenticator app"

    @property
    def sealing_context(self) -> str:
        """What binds the sealed seeds to the user."""
        return self.user.sealing_context


# A user with the app, by the same columns as user_by_sub.
user_with_token = Select(
    lambda: PoolUser.objects.select_related("software_token"), "pool_id", "sub"
)
