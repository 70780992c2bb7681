"""`manage.py messages`: what was sent to people, and what waits."""

from typing import Any

from userpools.messaging import outbox
from userpools.models import Message, MessageState

from ._base import NounCommand, Result, argument, verb

BATCH = 100


class Command(NounCommand):
    """Messages, without what they say: that is sealed, and gone once sent."""

    help = "List messages, deliver those that are due."

    @verb(
        "List the newest messages.",
        argument("--pool", metavar="POOL_ID"),
        argument("--state", choices=MessageState.values),
        argument("--limit", type=int, default=50),
    )
    def list(self, options: dict[str, Any]) -> Result:
        rows = Message.objects.order_by("-created_at")
        if options["pool"]:
            rows = rows.filter(pool_id=options["pool"])
        if options["state"]:
            rows = rows.filter(state=options["state"])
        return [
            {
                "Id": str(row.pk),
                "Created": row.created_at.isoformat(timespec="seconds"),
                "State": row.state,
                "Kind": row.kind,
                "To": row.masked_to,
                "Username": row.username,
                "Attempts": row.attempts,
                "Error": row.last_error or None,
            }
            for row in rows[: options["limit"]]
        ]

    @verb("Send what is due now.", argument("--id", help="Try this failed message again."))
    def deliver(self, options: dict[str, Any]) -> Result:
        if options["id"]:
            outbox.retry(Message.objects.get(pk=options["id"]).pk)
        sent = 0
        while count := outbox.deliver_due(BATCH):
            sent += count
        return {"Sent": sent, "Waiting": Message.objects.filter(state=MessageState.DUE).count()}
