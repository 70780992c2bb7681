"""E-mail: the pool's sender, and delivery through Django's EMAIL_BACKEND."""

import re
from typing import Any

from django.conf import settings as django_settings
from django.core import mail

from userpools.models import UserPool

# Seconds that one step of a conversation with the mail server may take, unless EMAIL_TIMEOUT says.
TIMEOUT = 20

_IDENTITY_ADDRESS = re.compile(r"arn:[^:]*:ses:[^:]*:[^:]*:identity/(?P<address>[^@\s]+@[^@\s]+)")


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


def send(content: dict[str, Any], details: dict[str, Any]) -> None:
    """Send one message; raise what the backend raises, OSError for most failures.

    Markup goes out with a plain text beside it.
    """
    message = PoolEmail(
        subject=content["subject"],
        body=content["plain"] or content["body"],
        from_email=content["from_email"],
        to=[content["to"]],
        reply_to=content["reply_to"],
        connection=mail.get_connection(timeout=django_settings.EMAIL_TIMEOUT or TIMEOUT),
    )
    if content["plain"]:
        message.attach_alternative(content["body"], "text/html")
    message.details = {**details, "body": content["body"]}
    message.send()
