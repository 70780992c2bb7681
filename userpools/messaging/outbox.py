"""Messages as rows: written in the transaction that causes them, claimed and sent by a worker."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from django.db.models import Exists, OuterRef
from django.utils import timezone

from userpools import bell, ids, sealing
from userpools.errors import (
    AwsError,
    CodeDeliveryFailureException,
    InvalidEmailRoleAccessPolicyException,
    InvalidSmsRoleAccessPolicyException,
)
from userpools.models import Medium, Message, MessageState, PoolUser, UserPool
from userpools.ports import Sms
from userpools.sealing import Purpose
from userpools.worklist import Worklist

from . import email, sms, sms_guard, wording
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
WORK = Worklist(Message, MessageState.DUE, MessageState.FAILED, LEASE, BACK_OFF)
MAX_ATTEMPTS = WORK.most_attempts
# How long a message is worth sending: as long as its code lives. An invitation always is.
CODE_LIFETIME = timedelta(hours=24)
USEFUL_FOR = {
    Kind.SIGN_UP: CODE_LIFETIME,
    Kind.RESEND_CODE: CODE_LIFETIME,
    Kind.VERIFY_ATTRIBUTE: CODE_LIFETIME,
    Kind.UPDATE_ATTRIBUTE: CODE_LIFETIME,
    Kind.RESET_PASSWORD: timedelta(hours=1),
    Kind.AUTHENTICATION: timedelta(minutes=15),
}
INSTEAD: dict[str, type[AwsError]] = {
    Medium.EMAIL: InvalidEmailRoleAccessPolicyException,
    Medium.SMS: InvalidSmsRoleAccessPolicyException,
}
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
    words: wording.Wording = wording.PLAIN,
    expires_at: datetime | None = None,
) -> CodeDelivery:
    """Write a message, to be sent once the caller's transaction has committed.

    Where a function of the pool's sends the medium's messages, its event is written instead.

    Raises CodeDeliveryFailureException, and so undoes the caller's transaction, where it is known
    at once that the message could never be sent; a failure that shows later is the message's own.

    `username` is what {username} stands for, the user's own by default; `link` is where a
    verification link leads, in pools that send links; `words` go before the pool's template.
    The default's words are in the language of the user's `locale`. After `expires_at`, by default
    when codes of the kind expire, it is not sent any more.
    """
    kind, medium = Kind(kind), Medium(medium)
    name = username or (user.username if user else "")
    if wording.has_sender(pool, medium):
        wording.hand_over(
            pool,
            kind,
            medium,
            user=user,
            username=name,
            code=code or "",
            told={DEFAULT_ATTRIBUTE[medium]: destination},
            origin=words.origin,
        )
        return _delivery(medium, destination, attribute_name)
    values, template = Values(code or "", name, link), words.templates.get(medium)
    locale = user.attributes.get("locale", "") if user else ""
    row, content = _composed(pool, kind, medium, destination, values, template, expires_at, locale)
    _check(pool, row, content)
    if medium == Medium.SMS:
        _count(pool)
    _seal(row, content)
    row.user = user
    row.username = user.username if user else username
    row.save(force_insert=True)
    bell.ring(DELIVER_TASK, str(row.pk))
    return _delivery(medium, destination, attribute_name)


def rehearse(
    *, pool: UserPool, medium: Medium, kind: Kind | str, destination: str, code: str, username: str
) -> CodeDelivery:
    """Do the work of `post` for somebody who gets no message, and write nothing.

    Raises CodeDeliveryFailureException where no message could be sent to anybody. That a backend
    refuses this one destination is kept back, as it would tell who exists.
    """
    if wording.has_sender(pool, medium):
        return _delivery(medium, destination, "")
    row, content = _composed(pool, Kind(kind), medium, destination, Values(code, username))
    try:
        _check(pool, row, content)
    except CodeDeliveryFailureException:
        if not is_usable(pool, medium):
            raise
    if medium == Medium.SMS:
        _count(pool, sent=False)
    _seal(row, content)
    return _delivery(medium, destination, "")


def is_usable(pool: UserPool, medium: Medium) -> bool:
    """Say whether messages of the pool go out by this medium: it has a backend, and a sender."""
    if wording.has_sender(pool, medium):
        return True
    if medium == Medium.EMAIL:
        return email.is_usable(_sender_of(pool, medium))
    return sms.is_usable()


def can_send(pool: UserPool, medium: Medium, destination: str) -> bool:
    """Say whether a message to this destination would be taken by `post`; log why not."""
    if wording.has_sender(pool, medium):
        return True
    row = Message(pool_id=pool.pk, medium=medium)
    content = dict.fromkeys(("subject", "body", "plain", "code"), "")
    try:
        _check(pool, row, {"to": destination, **content, **_sender_of(pool, medium)})
    except CodeDeliveryFailureException as exc:
        log.warning("message refused", pool_id=pool.pk, medium=medium, reason=exc.message)
        return False
    return True


def _composed(
    pool: UserPool,
    kind: Kind,
    medium: Medium,
    destination: str,
    values: Values,
    template: Template | None = None,
    expires_at: datetime | None = None,
    locale: str = "",
) -> tuple[Message, dict[str, Any]]:
    text = compose(pool, kind, medium, values, template, locale=locale)
    row = Message(
        pool_id=pool.pk, medium=medium, kind=kind, masked_to=masked(medium, destination)[:64]
    )
    content = {
        "to": destination,
        "subject": text.subject,
        "body": text.body,
        "plain": text.plain,
        "code": values.code,
        "expires_at": _expiry(kind, expires_at),
        **_sender_of(pool, medium),
    }
    return row, content


def _seal(row: Message, content: dict[str, Any]) -> None:
    row.sealed = sealing.seal(Purpose.MESSAGE, orjson.dumps(content), context=str(row.pk))


def _delivery(medium: Medium, destination: str, attribute_name: str) -> CodeDelivery:
    return CodeDelivery(
        masked(medium, destination), medium, attribute_name or DEFAULT_ATTRIBUTE[medium]
    )


def _expiry(kind: Kind, expires_at: datetime | None) -> float | None:
    """Return the epoch seconds after which the message is of no use; None for never."""
    if expires_at is None and kind in USEFUL_FOR:
        expires_at = timezone.now() + USEFUL_FOR[kind]
    return expires_at.timestamp() if expires_at else None


def _sender_of(pool: UserPool, medium: Medium) -> dict[str, Any]:
    if medium == Medium.EMAIL:
        return email.sender_of(pool)
    return {"region": (pool.setting("SmsConfiguration") or {}).get("SnsRegion") or ""}


def _check(pool: UserPool, row: Message, content: dict[str, Any]) -> None:
    """Raise CodeDeliveryFailureException for what could never be sent."""
    with _modelled(row.medium):
        if row.medium == Medium.EMAIL:
            email.check(content)
            return
        # The backend first: that there is none is told alike of everybody's number.
        sms.check(_sms(row, content))
        sms_guard.check_number(content["to"], pool)


def _count(pool: UserPool, *, sent: bool = True) -> None:
    """Count a text message, or for one that is not sent, see whether the pool has any left."""
    with _modelled(Medium.SMS):
        if sent:
            sms_guard.take(pool)
        else:
            sms_guard.require_left(pool)


@contextmanager
def _modelled(medium: str) -> Iterator[None]:
    """Name what operations answer whose model does not list CodeDeliveryFailureException."""
    try:
        yield
    except CodeDeliveryFailureException as exc:
        raise CodeDeliveryFailureException(exc.message, instead=INSTEAD[medium]) from exc


def deliver(message_id: uuid.UUID | str) -> bool:
    """Send a message that is due, and say whether it was sent by this call."""
    now = timezone.now()
    if not WORK.claim(message_id, now):
        return False
    row = _opened(message_id)
    if row is None:
        return False
    try:
        content: dict[str, Any] = orjson.loads(
            sealing.unseal(Purpose.MESSAGE, row.sealed or b"", context=str(row.pk))
        )
    except sealing.Broken as exc:
        _note_failure(row, f"{type(exc).__name__}: {exc}", is_last=True)
        return False
    if reason := _pointless(row, content, now):
        _drop(row, reason)
        return False
    try:
        _send(row, content)
    except Exception as exc:  # whatever a backend raises, the row must say so and be tried again
        # The error itself may quote the address and the text: neither belongs in a log.
        error = _described(exc, row, content)
        log.warning("message not sent", message=str(row.pk), error=error)
        _note_failure(row, error)
        return False
    WORK.held(row).update(
        state=MessageState.SENT, sent_at=timezone.now(), sealed=None, last_error=""
    )
    log.info("message sent", message=str(row.pk), kind=row.kind, pool_id=row.pool_id)
    return True


def _opened(message_id: uuid.UUID | str) -> Any:
    """Return a claimed row with what it depends on; None if it was deleted meanwhile."""
    return (
        Message.objects.filter(pk=message_id)
        .annotate(
            has_pool=Exists(UserPool.objects.filter(pk=OuterRef("pool_id"))),
            has_user=Exists(PoolUser.objects.filter(pk=OuterRef("user_id"))),
        )
        .first()
    )


def _pointless(row: Any, content: dict[str, Any], now: datetime) -> str:
    """Say why a message is not worth sending any more; empty if it is."""
    if not row.has_pool or (row.user_id is not None and not row.has_user):
        return "The user does not exist any more."
    expires_at = content.get("expires_at")
    if expires_at is not None and now.timestamp() >= expires_at:
        return "Its code expired before it could be sent."
    return ""


def _drop(row: Message, reason: str) -> None:
    """Fail a message for good: what it says is removed, so that it cannot be tried again."""
    WORK.held(row).update(state=MessageState.FAILED, last_error=reason, sealed=None)
    log.warning("message dropped", message=str(row.pk), kind=row.kind, reason=reason)


def _details(row: Message, content: dict[str, Any]) -> dict[str, Any]:
    """Return what development backends show besides the message itself."""
    return {
        "id": str(row.pk),
        "pool_id": row.pool_id,
        "username": row.username,
        "kind": row.kind,
        "code": content["code"],
        "created_at": row.created_at,
    }


def _sms(row: Message, content: dict[str, Any]) -> Sms:
    return Sms(
        to=content["to"],
        body=content["body"],
        pool_id=row.pool_id,
        kind=row.kind,
        region=content.get("region", ""),
        details=_details(row, content),
    )


def _send(row: Message, content: dict[str, Any]) -> None:
    if row.medium == Medium.EMAIL:
        email.send(content, _details(row, content))
    else:
        sms.send(_sms(row, content))


def _note_failure(row: Message, error: str, *, is_last: bool = False) -> None:
    if WORK.note_failure(row, error, is_last=is_last):
        log.error("message failed", message=str(row.pk), kind=row.kind, pool_id=row.pool_id)


def _described(exc: Exception, row: Message, content: dict[str, Any]) -> str:
    """Name the error for operators, without address, text and code."""
    text = f"{type(exc).__name__}: {exc}"
    for secret in (content["body"], content["code"]):
        text = text.replace(secret, "[redacted]") if secret else text
    # Providers write numbers without the plus sign, too.
    for address in (content["to"], content["to"].removeprefix("+")):
        text = text.replace(address, row.masked_to)
    return text


def deliver_due(limit: int = 100) -> int:
    """Send messages that are due, oldest first, and return how many were sent.

    Also finds those whose bell was lost or whose worker died.
    """
    return sum(deliver(pk) for pk in WORK.take_stock(limit))


def retry(message_id: uuid.UUID | str) -> bool:
    """Make a failed message due again, with all its attempts.

    False for any other, and for one that has no content any more.
    """
    renewed = WORK.renew(message_id, sealed__isnull=False)
    if renewed:
        bell.ring(DELIVER_TASK, str(message_id))
    return renewed
