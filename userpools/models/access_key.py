"""Access keys: what an operator's programs sign their calls with."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from userpools import ids, sealing
from userpools.sealing import Purpose

from .operator import Operator


class AccessKey(models.Model):
    """A long-lived SigV4 key pair; the secret is sealed, as checking a signature needs it whole."""

    access_key_id = models.CharField(max_length=128, primary_key=True)
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="access_keys")
    description = models.CharField(max_length=200, blank=True)
    secret_sealed = models.BinaryField()
    policy = models.JSONField(
        null=True,
        blank=True,
        help_text="A policy document (Effect, Action, Resource). Without one a superuser's key may"
        " do everything and any other operator's key nothing.",
    )
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_used_service = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.access_key_id

    @property
    def sealing_context(self) -> str:
        """What binds the sealed secret to this row."""
        return f"{self.access_key_id}:{self.operator_id}"

    @classmethod
    def issue(
        cls,
        operator: Operator,
        *,
        policy: dict[str, object] | None = None,
        description: str = "",
        expires_at: datetime | None = None,
    ) -> tuple["AccessKey", str]:
        """Create a key; return it with its secret, which is shown this once."""
        secret = ids.new_secret_access_key()
        key = cls(
            access_key_id=ids.new_access_key_id(),
            operator=operator,
            policy=policy,
            description=description,
            expires_at=expires_at,
        )
        key.secret_sealed = sealing.seal(
            Purpose.ACCESS_KEY, secret.encode(), context=key.sealing_context
        )
        key.save(force_insert=True)
        return key, secret

    def secret(self) -> str:
        """Return the secret in clear."""
        return sealing.unseal(
            Purpose.ACCESS_KEY, bytes(self.secret_sealed), context=self.sealing_context
        ).decode()

    def is_usable(self, now: datetime) -> bool:
        """Say whether key and operator are active and the key has not expired."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.is_active and self.operator.is_active and not expired
