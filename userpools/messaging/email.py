"""E-mail: the pool's sender, and delivery through Django's EMAIL_BACKEND."""

import re
from collections.abc import Sequence
from email.utils import parseaddr
from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address
from django.utils.module_loading import import_string

from userpools.errors import CodeDeliveryFailureException
from userpools.models import UserPool

# Seconds that one step of a conversation with the mail server may take, unless EMAIL_TIMEOUT says.
TIMEOUT = 20
# The backend of a production server that was not told where mail goes.
NO_EMAIL = "userpools.messaging.email.NoEmail"

# What needs no parser to be told from other things, which takes longer than all else in `check`.
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_PLAIN_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[a-z0-9-]+(?:\.[a-z0-9-]+)*", re.ASCII | re.I)
_IDENTITY_ADDRESS = re.compile(r"arn:[^:]*:ses:[^:]*:[^:]*:identity/(?P<address>[^@\s]+@[^@\s]+)")


class NoEmail(BaseEmailBackend):
    """Takes no message: production was not told where mail goes."""

    def check(self, message: mail.EmailMessage) -> None:
        """Raise CodeDeliveryFailureException."""
        raise CodeDeliveryFailureException("No e-mail backend is configured.")

    def send_messages(self, email_messages: Sequence[mail.EmailMessage]) -> int:
        """Raise CodeDeliveryFailureException."""
        for message in email_messages:
            self.check(message)
        return 0


class PoolEmail(mail.EmailMultiAlternatives):
    """A message of a pool. `details` is for the development backend and never sent."""

    details: dict[str, Any] = {}


def sender_of(pool: UserPool) -> dict[str, Any]:
    """Return `from_email` and `reply_to` by EmailConfiguration.

    From, else the address of the SES identity in SourceArn, else DEFAULT_FROM_EMAIL.
    """
    configuration = pool.setting("EmailConfiguration") or {}
    identity = _IDENTITY_ADDRESS.fullmatch(configuration.get("SourceArn") or "")
    reply_to = configuration.get("ReplyToEmailAddress")
    return {
        "from_email": configuration.get("From")
        or (identity["address"] if identity else django_settings.DEFAULT_FROM_EMAIL),
        "reply_to": [reply_to] if reply_to else [],
    }


def check(content: dict[str, Any]) -> None:
    """Raise CodeDeliveryFailureException for what could never be sent.

    That is: an address that is none, or several; a sender that is none; and what the backend says.
    """
    if not _is_one_address(content["to"]):
        raise CodeDeliveryFailureException("The e-mail address is not valid.")
    if not _has_sender(content):
        raise CodeDeliveryFailureException("The sender of the pool's e-mail is not valid.")
    # Made only where it has something to say: a provider's backend may cost much to make.
    if hasattr(import_string(django_settings.EMAIL_BACKEND), "check"):
        _backend().check(_message(content))


def is_usable(sender: dict[str, Any]) -> bool:
    """Say whether there is a backend that takes messages, and the sender is one."""
    backend = import_string(django_settings.EMAIL_BACKEND)
    return not issubclass(backend, NoEmail) and _has_sender(sender)


def _has_sender(content: dict[str, Any]) -> bool:
    return all(_is_sender(text) for text in (content["from_email"], *content["reply_to"]))


def _is_one_address(text: str) -> bool:
    if _PLAIN_ADDRESS.fullmatch(text):
        return True
    return "@" in text and parseaddr(text)[1] == text and _is_sender(text)


@lru_cache(maxsize=1024)
def _is_sender(text: str) -> bool:
    """Say whether Django's backends will take an address, with or without a name before it."""
    try:
        sanitize_address(text, "utf-8")
    except ValueError:
        return False
    return True


def send(content: dict[str, Any], details: dict[str, Any]) -> None:
    """Send one message; raise what the backend raises, OSError for most failures.

    Markup goes out with a plain text beside it.
    """
    message = _message(content)
    message.connection = _backend()
    message.details = {**details, "body": content["body"]}
    message.send()


def _backend() -> Any:
    return mail.get_connection(timeout=django_settings.EMAIL_TIMEOUT or TIMEOUT)


def _message(content: dict[str, Any]) -> PoolEmail:
    message = PoolEmail(
        subject=content["subject"],
        body=content["plain"] or content["body"],
        from_email=content["from_email"],
        to=[content["to"]],
        reply_to=content["reply_to"],
    )
    if content["plain"]:
        message.attach_alternative(content["body"], "text/html")
    return message
