"""Passwords that a user had before, in pools whose policy forbids using them again."""

from django.db import models
from django.utils import timezone

from .user import PoolUser


class PastPassword(models.Model):
    """One former password of a user, in the form that it was kept in."""

    user = models.ForeignKey(PoolUser, on_delete=models.CASCADE, related_name="past_passwords")
    form = models.CharField(max_length=16)
    salt = models.CharField(max_length=64, blank=True, default="")
    pool_name = models.CharField(max_length=55, blank=True, default="")
    sealed = models.BinaryField()
    replaced_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-replaced_at", "-pk"]

    def __str__(self) -> str:
        return f"former password of {self.user_id}"

    @property
    def sealing_context(self) -> str:
        """What binds the sealed password to its user; the same as when it was the present one."""
        return self.user.sealing_context
