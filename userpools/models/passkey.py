"""Passkeys: what a pool user's authenticators left at registration."""

import re

from django.db import models
from django.utils import timezone

from .pool import UserPool
from .statements import Select
from .user import PoolUser

# A credential id has 1023 bytes at most, which are so many characters of base64url.
# Source: Web Authentication Level 3, "Credential ID".
LONGEST_ID_BYTES = 1023
LONGEST_ID = 1364
_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_ID}}}", re.ASCII)


def is_credential_id(text: object) -> bool:
    """Say whether a text can be the id of a passkey: nothing else is looked for."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


class PasskeyQuerySet(models.QuerySet["Passkey"]):
    """Queries for passkeys; each starts from a pool or a user."""

    def of(self, user: PoolUser) -> "PasskeyQuerySet":
        """The user's, oldest first."""
        return self.filter(user_id=user.pk).order_by("id")

    def used_up_to(self, passkey: "Passkey", sign_count: int) -> "PasskeyQuerySet":
        """The passkey as long as its counter allows a sign-in with `sign_count`.

        Some authenticators do not count and always say 0. Source: Web Authentication Level 3,
        "Verifying an Authentication Assertion", the step on signCount.
        """
        older = models.Q(sign_count__lt=sign_count)
        return self.filter(older if sign_count else models.Q(sign_count=0), pk=passkey.pk)


class Passkey(models.Model):
    """A credential of one user, for one relying party id: of no use once the pool has another.

    `credential_id` is base64url without padding, `public_key` a COSE key, `sign_count` the
    authenticator's counter when it was last used. Nothing here is secret.
    """

    pool = models.ForeignKey(
        UserPool, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    user = models.ForeignKey(PoolUser, on_delete=models.CASCADE, related_name="passkeys")
    credential_id = models.CharField(max_length=LONGEST_ID)
    public_key = models.BinaryField()
    sign_count = models.PositiveBigIntegerField(default=0)
    relying_party_id = models.CharField(max_length=127)
    friendly_name = models.CharField(max_length=128)
    attachment = models.CharField(max_length=32, blank=True, default="")
    transports = models.CharField(max_length=128, blank=True, default="")
    aaguid = models.UUIDField()
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    objects = PasskeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "credential_id"], name="passkey_in_pool"),
        ]

    def __str__(self) -> str:
        return self.friendly_name


passkey_by_id = Select(Passkey.objects.all, "pool_id", "credential_id")
