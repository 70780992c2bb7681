"""`manage.py messages`: what was sent to people, and what waits."""

from typing import Any

from django.core.management.base import CommandError

from userpools.conf import settings
from userpools.local_api import actor
from userpools.messaging import outbox, sms_guard, trial
from userpools.models import Medium, Message, MessageState, UserPool
from userpools.services import pools

from ._base import FAILED, NounCommand, Result, argument, verb
from .pool import POOL

BATCH = 100


class Command(NounCommand):
    """Messages, without what they say: that is sealed, and gone once sent."""

    help = "List messages, deliver those that are due, send a test message, show limits."

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
            self._retry(options["id"])
        sent = 0
        while count := outbox.deliver_due(BATCH):
            sent += count
        return {"Sent": sent, "Waiting": Message.objects.filter(state=MessageState.DUE).count()}

    @verb("Try a failed message again.", argument("id"))
    def retry(self, options: dict[str, Any]) -> Result:
        self._retry(options["id"])
        return {"Id": options["id"], "State": MessageState.DUE.value}

    def _retry(self, message_id: str) -> None:
        if not outbox.retry(Message.objects.get(pk=message_id).pk):
            raise CommandError(
                "Only a failed message that still has its content can be sent again.",
                returncode=FAILED,
            )

    @verb(
        "Show how many text messages of a pool left, or let it begin anew with them.",
        POOL,
        argument("--reset", action="store_true", help="Forget what was counted."),
    )
    def limits(self, options: dict[str, Any]) -> Result:
        pool = UserPool.objects.get(pk=options["pool"])
        if not settings.REDIS_URL:
            self.note(
                "Without REDIS_URL the server counts in its own memory:"
                " the console shows and resets that."
            )
        if options["reset"]:
            pools.forget_text_messages(pool, actor=actor())
            return f"Reset the text message limits of {pool.pk}."
        counted = [
            {"Limit": usage.limit.name, "Sent": usage.window.count, "Allowed": usage.limit.most}
            for usage in sms_guard.usage_of(pool)
        ]
        refused = {"Limit": "refused", "Sent": sms_guard.refused_today(pool).count}
        return [*counted, {**refused, "Allowed": None}]

    @verb(
        "Send a test message now through the configured backends, past the queue.",
        argument("--email", metavar="ADDRESS"),
        argument("--sms", metavar="NUMBER", help="With its country: +49..."),
        needs_database=False,
    )
    def test(self, options: dict[str, Any]) -> Result:
        wanted = [
            (Medium.EMAIL, options["email"], trial.send_email),
            (Medium.SMS, options["sms"], trial.send_sms),
        ]
        if not any(to for _, to, _ in wanted):
            raise CommandError("Say where to: --email ADDRESS, --sms NUMBER.", returncode=2)
        names = trial.backend_names()
        sent = []
        for medium, to, send in wanted:
            if not to:
                continue
            backend = names[medium]
            try:
                send(to)
            except Exception as exc:  # whatever a backend raises is what was asked for
                raise CommandError(
                    f"{medium} by {backend} failed: {type(exc).__name__}: {exc}", returncode=FAILED
                ) from exc
            sent.append({"Medium": str(medium), "To": to, "Backend": backend, "State": "sent"})
        return sent
