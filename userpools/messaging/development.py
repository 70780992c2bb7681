"""Backends for development: each message is printed and written into the outbox folder."""

import os
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings as django_settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from userpools.conf import settings
from userpools.models import Medium
from userpools.ports import Sms

# Django's own backends that show mail to whoever reads the output or the folder.
_DJANGO_DEVELOPMENT = (
    "django.core.mail.backends.console.",
    "django.core.mail.backends.filebased.",
    "django.core.mail.backends.locmem.",
    "django.core.mail.backends.dummy.",
)


def is_development_backend() -> bool:
    """Say whether e-mail or text messages go to a backend that is for development alone."""
    path = django_settings.EMAIL_BACKEND
    return (
        path.startswith(_DJANGO_DEVELOPMENT)
        or getattr(import_string(path), "for_development", False)
        or getattr(settings.SMS_BACKEND, "for_development", False)
    )


class OutboxEmailBackend(BaseEmailBackend):
    """A Django e-mail backend that delivers into the outbox folder."""

    for_development = True

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write one file for each recipient."""
        for message in email_messages:
            for recipient in message.recipients():
                details = getattr(message, "details", {})
                body = details.get("body", message.body)
                keep(Medium.EMAIL, recipient, str(message.subject), str(body), details)
        return len(email_messages)


class OutboxSms:
    """An SMS backend that delivers into the outbox folder."""

    for_development = True

    def send(self, message: Sms) -> None:
        """Write one file."""
        details = {"pool_id": message.pool_id, **message.details}
        keep(Medium.SMS, message.to, "", message.body, details)


def keep(medium: Medium, to: str, subject: str, body: str, details: dict[str, Any]) -> None:
    """Print a message and write it as one JSON file; sent again, it replaces its file.

    File names sort by the messages' times.
    """
    created_at = details.get("created_at") or datetime.now(UTC)
    record = {
        "to": to,
        "medium": str(medium),
        "pool_id": details.get("pool_id", ""),
        "username": details.get("username", ""),
        "kind": details.get("kind", ""),
        "subject": subject,
        "body": body,
        "code": details.get("code", ""),
        "created_at": created_at,
    }
    if settings.OUTBOX_DIR:
        moment = created_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"{moment}-{details.get('id') or uuid.uuid4()}.json"
        _write(Path(settings.OUTBOX_DIR), name, orjson.dumps(record, option=orjson.OPT_INDENT_2))
    headline = f"{medium} to {to}: {subject}" if subject else f"{medium} to {to}:"
    sys.stdout.write(f"{headline}\n    {body}\n")
    sys.stdout.flush()


def _write(folder: Path, name: str, content: bytes) -> None:
    """Write a file that appears whole or not at all, for its owner's eyes only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f".{uuid.uuid4()}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        unfinished.replace(folder / name)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
