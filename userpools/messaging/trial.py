"""Which backends send messages, and a test message that shows whether they do."""

from django.conf import settings as django_settings

from userpools.conf import settings
from userpools.messaging import email, sms, sms_guard
from userpools.models import Medium
from userpools.ports import Sms

KIND = "test"
SUBJECT = "Test message"
BODY = "This is a test message of the identity server: messages arrive."


def backend_names() -> dict[str, str]:
    """Return the dotted path of each medium's backend."""
    texts = settings.SMS_BACKEND
    return {
        str(Medium.EMAIL): django_settings.EMAIL_BACKEND,
        str(Medium.SMS): f"{texts.__module__}.{texts.__qualname__}",
    }


def missing_settings() -> list[str]:
    """Return the environment names of what the SMS backend was not told, where it can say so."""
    missing: list[str] = getattr(settings.SMS_BACKEND, "missing", list)()
    return missing


def send_email(to: str) -> None:
    """Send a test e-mail at once, from DEFAULT_FROM_EMAIL; raise what the backend raises."""
    content = {
        "to": to,
        "subject": SUBJECT,
        "body": BODY,
        "plain": "",
        "from_email": django_settings.DEFAULT_FROM_EMAIL,
        "reply_to": [],
    }
    email.check(content)
    email.send(content, {"kind": KIND})


def send_sms(to: str) -> None:
    """Send a test text at once; raise what the backend raises."""
    message = Sms(to=to, body=BODY, pool_id="", kind=KIND, details={"kind": KIND})
    sms_guard.check_number(to)
    sms.check(message)
    sms.send(message)
