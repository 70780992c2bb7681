"""Messages as rows: written in the transaction that causes them, claimed and sent by a worker."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from django.db.models import F
from django.utils import timezone

from userpools import bell, ids, sealing
from userpools.conf import settings
from userpools.models import Medium, Message, MessageState, PoolUser, UserPool
from userpools.ports import Sms
from userpools.sealing import Purpose

from . import email
from .compose import Kind, Template, Values, compose

log = structlog.get_logger("poolhouse.messages")

DELIVER_TASK = "userpools.tasks.deliver_message"
# Longer than a backend may take (email.TIMEOUT for each step of a conversation).
LEASE = timedelta(minutes=3)
# How long to wait after each failed attempt; after one more the message has failed.
BACK_OFF = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
)
MAX_ATTEMPTS = len(BACK_OFF) + 1
LONGEST_ERROR = 500
DEFAULT_ATTRIBUTE = {Medium.EMAIL: "email", Medium.SMS: "phone_number"}


@dataclass(frozen=True, slots=True)
class CodeDelivery:
    """Where a code went, as callers are told; the destination is masked."""

    destination: str
    medium: Medium
    attribute_name: str

    def wire(self) -> dict[str, str]:
        """Return CodeDeliveryDetailsType of the service model."""
        return {
            "Destination": self.destination,
            "DeliveryMedium": str(self.medium),
            "AttributeName": self.attribute_name,
        }


def masked(medium: str, destination: str) -> str:
    """Mask an address for people to recognise their own."""
    return ids.mask_email(destination) if medium == Medium.EMAIL else ids.mask_phone(destination)


def post(
    *,
    pool: UserPool,
    user: PoolUser | None,
    medium: Medium | str,
    kind: Kind | str,
    destination: str,
    code: str | None = None,
    username: str = "",
    attribute_name: str = "",
    link: str = "",
    template: Template | None = None,
) -> CodeDelivery:
    """Write a message, to be sent once the caller's transaction has committed.

    `username` is what {username} stands for, the user's own by default; `link` is where a
    verification link leads, in pools that send links; `template` goes before the pool's, as a
    custom message trigger's answer does.
    """
    kind, medium = Kind(kind), Medium(medium)
    name = username or (user.username if user else "")
    text = compose(pool, kind, medium, Values(code or "", name, link), template)
    row = Message(
        pool_id=pool.pk,
        user=user,
        username=user.username if user else username,
        medium=medium,
        kind=kind,
        masked_to=masked(medium, destination)[:64],
    )
    content = {
        "to": destination,
        "subject": text.subject,
        "body": text.body,
        "plain": text.plain,
        "code": code or "",
        **(email.sender_of(pool) if medium == Medium.EMAIL else {}),
    }
    row.sealed = sealing.seal(Purpose.MESSAGE, orjson.dumps(content), context=str(row.pk))
    row.save(force_insert=True)
    bell.ring(DELIVER_TASK, str(row.pk))
    return CodeDelivery(
        masked(medium, destination), medium, attribute_name or DEFAULT_ATTRIBUTE[medium]
    )


def deliver(message_id: uuid.UUID | str) -> bool:
    """Send a message that is due, and say whether it was sent by this call.

    One conditional update claims the row; a worker that dies leaves it due again when its lease
    ends, so a message is sent at least once.
    """
    now = timezone.now()
    claimed = Message.objects.filter(
        pk=message_id, state=MessageState.DUE, due_at__lte=now, attempts__lt=MAX_ATTEMPTS
    ).update(due_at=now + LEASE, attempts=F("attempts") + 1)
    if not claimed:
        return False
    row = Message.objects.get(pk=message_id)
    try:
        content: dict[str, Any] = orjson.loads(
            sealing.unseal(Purpose.MESSAGE, row.sealed or b"", context=str(row.pk))
        )
    except sealing.Broken as exc:
        _note_failure(row, f"{type(exc).__name__}: {exc}", attempts=MAX_ATTEMPTS)
        return False
    try:
        _send(row, content)
    except Exception as exc:  # whatever a backend raises, the row must say so and be tried again
        # The error itself may quote the address and the text: neither belongs in a log.
        error = _described(exc, row, content)
        log.warning("message not sent", message=str(row.pk), error=error)
        _note_failure(row, error, attempts=row.attempts)
        return False
    _claimed(row).update(
        state=MessageState.SENT, sent_at=timezone.now(), sealed=None, last_error=""
    )
    log.info("message sent", message=str(row.pk), kind=row.kind, pool_id=row.pool_id)
    return True


def _send(row: Message, content: dict[str, Any]) -> None:
    details = {
        "id": str(row.pk),
        "pool_id": row.pool_id,
        "username": row.username,
        "kind": row.kind,
        "code": content["code"],
        "created_at": row.created_at,
    }
    if row.medium == Medium.EMAIL:
        email.send(content, details)
    else:
        sms = Sms(to=content["to"], body=content["body"], pool_id=row.pool_id, details=details)
        settings.SMS_BACKEND().send(sms)


def _claimed(row: Message) -> Any:
    """The row as long as nobody claimed it after us."""
    return Message.objects.filter(pk=row.pk, state=MessageState.DUE, attempts=row.attempts)


def _note_failure(row: Message, error: str, *, attempts: int) -> None:
    last_error = error.replace("\x00", "")[:LONGEST_ERROR]
    if attempts >= MAX_ATTEMPTS:
        _claimed(row).update(state=MessageState.FAILED, last_error=last_error)
        log.error("message failed", message=str(row.pk), kind=row.kind, pool_id=row.pool_id)
        return
    due_at = timezone.now() + BACK_OFF[attempts - 1]
    _claimed(row).update(due_at=due_at, last_error=last_error)


def _described(exc: Exception, row: Message, content: dict[str, Any]) -> str:
    """Name the error for operators, without address, text and code."""
    text = f"{type(exc).__name__}: {exc}"
    for secret in (content["body"], content["code"]):
        text = text.replace(secret, "[redacted]") if secret else text
    return text.replace(content["to"], row.masked_to)


def deliver_due(limit: int = 100) -> int:
    """Send messages that are due, oldest first, and return how many were sent.

    Also finds those whose bell was lost or whose worker died.
    """
    now = timezone.now()
    _fail_abandoned(now)
    due = Message.objects.filter(state=MessageState.DUE, due_at__lte=now).order_by("due_at")
    return sum(deliver(pk) for pk in list(due.values_list("pk", flat=True)[:limit]))


def _fail_abandoned(now: datetime) -> None:
    """Fail what no attempt is left for: its last worker died before it could say so."""
    Message.objects.filter(
        state=MessageState.DUE, due_at__lte=now, attempts__gte=MAX_ATTEMPTS
    ).update(state=MessageState.FAILED, last_error="The worker ended before the last attempt did.")


def retry(message_id: uuid.UUID | str) -> bool:
    """Make a failed message due again, with all its attempts; False for any other."""
    renewed = Message.objects.filter(pk=message_id, state=MessageState.FAILED).update(
        state=MessageState.DUE, attempts=0, due_at=timezone.now()
    )
    if renewed:
        bell.ring(DELIVER_TASK, str(message_id))
    return bool(renewed)
