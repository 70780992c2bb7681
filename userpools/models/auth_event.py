"""Each sign-in attempt and its outcome."""

import uuid

from django.db import models
from django.utils import timezone


class AuthEvent(models.Model):
    """One event of a pool. It names user and client without constraints, as it outlives both."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    pool_id = models.CharField(max_length=55)
    user_sub = models.UUIDField(null=True)
    username = models.CharField(max_length=128, blank=True, default="")
    client_id = models.CharField(max_length=128, blank=True, default="")
    event_type = models.CharField(max_length=32)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=128, blank=True, default="")
    flow = models.CharField(max_length=32, blank=True, default="")
    ip_address = models.CharField(max_length=64, blank=True, default="")
    user_agent = models.CharField(max_length=256, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "sign-in event"
        indexes = [
            models.Index(fields=["pool_id", "user_sub", "-created_at"], name="event_of_user"),
            models.Index(fields=["created_at"], name="event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.outcome}"
