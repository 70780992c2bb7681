"""Messages to people: written in the transaction that causes them, sent by a worker."""

import uuid

from django.db import models
from django.utils import timezone

from .pool import UserPool
from .user import PoolUser


class Medium(models.TextChoices):
    """How a message travels."""

    EMAIL = "EMAIL", "E-mail"
    SMS = "SMS", "SMS"


class MessageState(models.TextChoices):
    """Where a message stands."""

    DUE = "due", "Due"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class Message(models.Model):
    """One message. Address, text and code are sealed, and purged once it is delivered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    pool = models.ForeignKey(
        UserPool, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    user = models.ForeignKey(
        PoolUser, on_delete=models.CASCADE, related_name="messages", null=True, db_constraint=False
    )
    username = models.CharField(max_length=128, blank=True, default="")
    medium = models.CharField(max_length=8, choices=Medium)
    kind = models.CharField(max_length=64)
    masked_to = models.CharField(max_length=64, blank=True, default="")
    sealed = models.BinaryField(null=True)
    state = models.CharField(max_length=8, choices=MessageState, default=MessageState.DUE)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["due_at"], name="message_due", condition=models.Q(state=MessageState.DUE)
            ),
            models.Index(fields=["created_at"], name="message_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.masked_to}"
