"""The RSA keys that a pool signs its tokens with."""

from django.db import models
from django.utils import timezone

from .pool import UserPool


class KeyUse(models.TextChoices):
    """Which token a key signs: each pool has one active key for each."""

    ID = "id", "ID tokens"
    ACCESS = "access", "Access tokens"


class SigningKey(models.Model):
    """A key pair; the private half is sealed. Published until `retire_at`."""

    kid = models.CharField(max_length=64, primary_key=True)
    pool = models.ForeignKey(UserPool, on_delete=models.CASCADE, related_name="signing_keys")
    use = models.CharField(max_length=8, choices=KeyUse)
    public_jwk = models.JSONField()
    private_sealed = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    is_active = models.BooleanField(default=True)
    retire_at = models.DateTimeField(
        null=True, blank=True, help_text="When the key leaves the published set."
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "use"],
                condition=models.Q(is_active=True),
                name="one_active_key_for_a_use",
            ),
        ]

    def __str__(self) -> str:
        return self.kid

    @property
    def sealing_context(self) -> str:
        """What binds the sealed private key to this row."""
        return f"{self.pool_id}:{self.kid}"


class MasterKey(models.Model):
    """A key-encryption key, by id, that values in this database were sealed with.

    A server that lacks one of them refuses to start.
    """

    key_id = models.CharField(max_length=16, primary_key=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key_id
