"""Groups of a pool, with the role that each gives its members, and who is in them."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from .pool import UserPool
from .user import PoolUser


class GroupQuerySet(models.QuerySet["Group"]):
    """Queries for groups."""

    def of(self, user: PoolUser) -> list["Group"]:
        """Return the user's groups, strongest first; no query for a user in none."""
        if not user.group_count:
            return []
        strongest = models.F("precedence").asc(nulls_last=True)
        return list(self.filter(memberships__user=user).order_by(strongest, "name"))


class Group(models.Model):
    """A group. Precedence 0 is the strongest; a group without one is weakest."""

    pool = models.ForeignKey(UserPool, on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=128)
    description = models.CharField(max_length=2048, blank=True, default="")
    role_arn = models.CharField("role ARN", max_length=2048, blank=True, default="")
    precedence = models.BigIntegerField(null=True, blank=True, validators=[MinValueValidator(0)])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = GroupQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["pool", "name"], name="group_name_in_pool")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's place in a group."""

    # Their indexes are below.
    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )
    user = models.ForeignKey(
        PoolUser, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # In the order of ListUsersInGroup.
        indexes = [models.Index(fields=["group", "id"], name="members_of_group")]
        constraints = [models.UniqueConstraint(fields=["user", "group"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"
