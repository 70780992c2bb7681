"""`manage.py audit`: who changed what."""

from typing import Any

from userpools.models import AuditEntry

from ._base import NounCommand, Result, argument, verb


class Command(NounCommand):
    """The record of administrative acts."""

    help = "List administrative acts, the newest first."

    @verb(
        "List acts.",
        argument("--pool", metavar="POOL_ID"),
        argument("--actor", help="Part of the actor's name."),
        argument("--action", help="Name of an operation, such as DeleteUserPool."),
        argument("--limit", type=int, default=50),
        argument("--changes", action="store_true", help="Show the state before and after."),
    )
    def list(self, options: dict[str, Any]) -> Result:
        rows = AuditEntry.objects.order_by("-created_at", "-pk")
        if options["pool"]:
            rows = rows.filter(pool_id=options["pool"])
        if options["actor"]:
            rows = rows.filter(actor__icontains=options["actor"])
        if options["action"]:
            rows = rows.filter(action=options["action"])
        return [described(row, changes=options["changes"]) for row in rows[: options["limit"]]]


def described(row: AuditEntry, *, changes: bool) -> dict[str, Any]:
    """Return an act."""
    act: dict[str, Any] = {
        "At": row.created_at.isoformat(timespec="seconds"),
        "Actor": row.actor,
        "Source": row.source,
        "Action": row.action,
        "Resource": row.resource,
    }
    return {**act, "Before": row.before, "After": row.after} if changes else act
