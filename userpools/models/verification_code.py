"""Codes that prove a contact: hashed, bound to purpose, user and destination, used once."""

from django.db import models
from django.utils import timezone

from .user import PoolUser


class CodePurpose(models.TextChoices):
    """What a code may be used for."""

    SIGN_UP = "sign_up", "Confirm sign-up"
    RESET_PASSWORD = "reset_password", "Reset password"
    VERIFY_ATTRIBUTE = "verify_attribute", "Verify attribute"
    AUTHENTICATION = "authentication", "Sign in"


class VerificationCode(models.Model):
    """The newest code of a purpose (and attribute) of a user; an older one is overwritten.

    `tries` counts the guesses of the hour that began at `tries_since`, over all its codes. With
    `is_pending` the destination is a value that waits for this code before the user has it.
    """

    user = models.ForeignKey(PoolUser, on_delete=models.CASCADE, related_name="codes")
    purpose = models.CharField(max_length=32, choices=CodePurpose)
    attribute = models.CharField(max_length=64, blank=True, default="")
    destination = models.CharField(max_length=2048, blank=True, default="")
    is_pending = models.BooleanField(default=False)
    code_hash = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    tries_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "purpose", "attribute"], name="newest_code_only"
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="code_expiry")]

    def __str__(self) -> str:
        return f"{self.purpose} for {self.user_id}"
