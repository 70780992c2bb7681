"""What a sign-in on the hosted pages leaves in a browser: one row behind one cookie."""

import uuid

from django.db import models
from django.utils import timezone

from .client import AppClient
from .pool import UserPool
from .statements import Insert, Select
from .user import PoolUser


class BrowserSession(models.Model):
    """A browser's session with a pool, for all of the pool's clients.

    Alive while not ended, not expired, and of the user's present epoch. A sign-out of the user
    everywhere carries it over; disabling, resetting and deleting do not.
    """

    # Of the attempt that it closes.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    pool = models.ForeignKey(
        UserPool, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    client = models.ForeignKey(
        AppClient, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    user = models.ForeignKey(PoolUser, on_delete=models.CASCADE, related_name="browser_sessions")
    user_epoch = models.PositiveIntegerField()
    # Of the sign-in's event, which the tokens name.
    event_id = models.UUIDField()
    auth_time = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "browser session"
        indexes = [models.Index(fields=["expires_at"], name="browser_session_expiry")]

    def __str__(self) -> str:
        return str(self.id)


browser_session_with_user = Select(
    lambda: BrowserSession.objects.select_related("user").defer("user__password_sealed"),
    "id",
    "pool_id",
)
insert_browser_session = Insert(BrowserSession)
