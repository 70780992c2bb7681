import json
import stat

import pytest
from django.core.mail import send_mail

from userpools.errors import CodeDeliveryFailureException
from userpools.messaging import outbox
from userpools.messaging.development import is_development_backend
from userpools.messaging.sms import NoSms
from userpools.models import Message
from userpools.ports import Sms

SMTP = "django.core.mail.backends.smtp.EmailBackend"
NO_SMS = "userpools.messaging.sms.NoSms"


def files(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


def post(reader, **changes):
    members = {
        "medium": "EMAIL",
        "kind": "sign_up",
        "destination": "jane@example.com",
        "code": "123456",
    }
    outbox.post(pool=reader.pool, user=reader, **{**members, **changes})


@pytest.mark.parametrize(
    ("email", "sms", "expected"),
    [
        (SMTP, NO_SMS, False),
        ("userpools.messaging.development.OutboxEmailBackend", NO_SMS, True),
        ("django.core.mail.backends.console.EmailBackend", NO_SMS, True),
        (SMTP, "userpools.messaging.development.OutboxSms", True),
        (SMTP, "userpools.messaging.sms.ConsoleSms", True),
    ],
)
def test_backends_that_show_codes_are_told_apart(settings, email, sms, expected):
    settings.EMAIL_BACKEND = email
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": sms}
    assert is_development_backend() is expected


def test_without_a_provider_text_messages_fail():
    with pytest.raises(CodeDeliveryFailureException):
        NoSms().send(Sms(to="+15550001234", body="hello", pool_id="eu-west-1_x"))


def test_an_e_mail_becomes_a_file_for_its_owner_alone(reader, outbox_folder, capsys):
    post(reader)
    outbox.deliver_due()
    row = Message.objects.get()
    (path,) = outbox_folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(outbox_folder.stat().st_mode) == 0o700
    assert json.loads(path.read_text()) == {
        "to": "jane@example.com",
        "medium": "EMAIL",
        "pool_id": reader.pool_id,
        "username": "jane",
        "kind": "sign_up",
        "subject": "Your verification code",
        "body": "Your confirmation code is 123456",
        "code": "123456",
        "created_at": row.created_at.isoformat(),
    }
    assert "Your confirmation code is 123456" in capsys.readouterr().out


def test_a_text_message_becomes_a_file(reader, outbox_folder):
    post(reader, medium="SMS", destination="+15550001234")
    outbox.deliver_due()
    (message,) = files(outbox_folder)
    assert (message["medium"], message["to"]) == ("SMS", "+15550001234")
    assert (message["code"], message["subject"]) == ("123456", "")


def test_file_names_sort_by_time(reader, outbox_folder):
    for number in range(5):
        post(reader, code=f"{number:06}")
    outbox.deliver_due()
    assert [message["code"] for message in files(outbox_folder)] == [
        f"{number:06}" for number in range(5)
    ]


def test_a_message_sent_again_replaces_its_file(reader, outbox_folder):
    post(reader)
    outbox.deliver_due()
    sent = Message.objects.get()
    post(reader)
    copy = Message.objects.exclude(pk=sent.pk).get()
    sealed = bytes(copy.sealed)
    assert outbox.deliver(copy.pk)
    Message.objects.filter(pk=copy.pk).update(state="due", sealed=sealed, attempts=1)
    Message.objects.filter(pk=copy.pk).update(due_at=copy.due_at)
    assert outbox.deliver(copy.pk)
    assert len(list(outbox_folder.iterdir())) == 2


def test_other_mail_of_django_is_written_too(outbox_folder):
    send_mail("Subject", "Body", "from@example.com", ["to@example.com"])
    (message,) = files(outbox_folder)
    assert (message["to"], message["subject"], message["body"]) == (
        "to@example.com",
        "Subject",
        "Body",
    )
