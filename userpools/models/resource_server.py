"""Resource servers: APIs that a pool's tokens are for, with the scopes that they know."""

from django.db import models
from django.utils import timezone

from .pool import UserPool


class ResourceServer(models.Model):
    """An API. `scopes` is the list of CreateResourceServer in wire spelling."""

    pool = models.ForeignKey(UserPool, on_delete=models.CASCADE, related_name="resource_servers")
    identifier = models.CharField(max_length=256)
    name = models.CharField(max_length=256)
    scopes = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["identifier"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "identifier"], name="resource_server_in_pool")
        ]

    def __str__(self) -> str:
        return self.identifier

    @property
    def full_scopes(self) -> dict[str, str]:
        """The scopes as tokens name them, `identifier/name`, with their descriptions."""
        return {
            f"{self.identifier}/{scope['ScopeName']}": scope["ScopeDescription"]
            for scope in self.scopes
        }


def custom_scopes(pool: UserPool) -> frozenset[str]:
    """Return the scopes of the pool's resource servers; read once for each version of the pool."""
    known: frozenset[str] | None = pool.__dict__.get("loaded_scopes")
    if known is None:
        servers = ResourceServer.objects.filter(pool_id=pool.pk)
        known = frozenset(scope for server in servers for scope in server.full_scopes)
        pool.__dict__["loaded_scopes"] = known
    return known
