"""What a successful sign-in leaves: one row for each refresh-token family."""

import uuid

from django.db import models
from django.utils import timezone

from .client import AppClient
from .pool import UserPool
from .statements import Insert, Select
from .user import PoolUser


class SignInSession(models.Model):
    """A refresh-token family. Its id is `origin_jti`, and the id of the attempt that made it.

    The id being the attempt's, inserting the row is what closes the attempt: a replay cannot insert
    it twice. The session is alive while not revoked, not expired, and of the user's present epoch.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    pool = models.ForeignKey(
        UserPool, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    client = models.ForeignKey(
        AppClient, on_delete=models.CASCADE, related_name="sessions", db_constraint=False
    )
    user = models.ForeignKey(PoolUser, on_delete=models.CASCADE, related_name="sessions")
    user_epoch = models.PositiveIntegerField()
    event_id = models.UUIDField()
    auth_time = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    scope = models.TextField(default="aws.cognito.signin.user.admin")
    # What the OAuth endpoints issued it for, kept through refreshes.
    is_hosted = models.BooleanField(default=False, db_default=False)
    resource = models.TextField(blank=True, default="", db_default="")
    device_key = models.CharField(max_length=128, blank=True, default="")
    # Whether a second factor was passed. The default is for servers of the version before.
    passed_factor = models.BooleanField(default=False, db_default=False)

    # Rotation: a refresh token names the generation that it belongs to.
    generation = models.PositiveIntegerField(default=0)
    rotated_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "sign-in session"
        indexes = [
            models.Index(fields=["expires_at"], name="session_expiry"),
            models.Index(
                fields=["revoked_at"],
                name="session_revoked",
                condition=models.Q(revoked_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


# A session of a pool, with its user but for the password; without the times that no check needs,
# as reading a time costs as much as ten other columns.
session_with_user = Select(
    lambda: SignInSession.objects.select_related("user").defer(
        "created_at", "user__created_at", "user__modified_at", "user__password_sealed"
    ),
    "id",
    "pool_id",
)
insert_session = Insert(SignInSession)


class SpentStep(models.Model):
    """A challenge that was answered with success; inserted once, so that a replay fails."""

    attempt = models.UUIDField()
    step = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "step"], name="step_spent_once")]
        indexes = [models.Index(fields=["expires_at"], name="spent_step_expiry")]

    def __str__(self) -> str:
        return f"{self.attempt} {self.step}"
