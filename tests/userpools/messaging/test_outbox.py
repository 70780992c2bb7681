import smtplib
from datetime import timedelta
from queue import SimpleQueue

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils import timezone

from userpools import bell, sealing
from userpools.errors import CodeDeliveryFailureException
from userpools.messaging import outbox
from userpools.models import Medium, Message, MessageState, PoolUser, UserPool
from userpools.sealing import Purpose


class Unreachable(BaseEmailBackend):
    """A mail server that is down."""

    def send_messages(self, email_messages):
        to = email_messages[0].to[0]
        raise smtplib.SMTPRecipientsRefused({to: (550, b"no such user, code 123456")})


@pytest.fixture
def locmem(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def unreachable(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Unreachable"


@pytest.fixture
def post(reader):
    def post(**changes):
        members = {
            "medium": "EMAIL",
            "kind": "sign_up",
            "destination": "jane@example.com",
            "code": "123456",
        }
        outbox.post(pool=reader.pool, user=reader, **{**members, **changes})
        return Message.objects.get()

    return post


def test_a_refused_message_is_kept_and_tried_again_later(post, unreachable):
    row = post()
    assert not outbox.deliver(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (MessageState.DUE, 1)
    assert row.due_at > timezone.now()
    assert row.sealed


def test_the_error_is_visible_without_address_and_code(post, unreachable):
    row = post()
    outbox.deliver(row.pk)
    row.refresh_from_db()
    assert "no such user" in row.last_error
    assert "j***@e***" in row.last_error
    assert "jane@example.com" not in row.last_error
    assert "123456" not in row.last_error


def test_neither_log_nor_row_quotes_address_text_or_code(post, unreachable, capsys):
    post()
    row = Message.objects.get()
    outbox.deliver(row.pk)
    row.refresh_from_db()
    for text in (capsys.readouterr().err, row.last_error):
        assert "SMTPRecipientsRefused" in text
        assert "123456" not in text
        assert "@example.com" not in text


def test_after_the_last_attempt_a_message_has_failed_and_can_be_renewed(post, unreachable):
    row = post()
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        for _ in range(outbox.MAX_ATTEMPTS):
            outbox.deliver_due()
            clock.shift(timedelta(hours=1))
    row.refresh_from_db()
    assert (row.state, row.attempts) == (MessageState.FAILED, outbox.MAX_ATTEMPTS)
    assert row.last_error
    assert outbox.retry(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (MessageState.DUE, 0)
    assert not outbox.retry(row.pk)


def test_a_message_is_not_sent_before_its_time(post, locmem):
    row = post()
    Message.objects.update(due_at=timezone.now() + timedelta(minutes=1))
    assert not outbox.deliver(row.pk)
    assert mail.outbox == []


def test_a_message_that_another_worker_has_claimed_is_left_to_it(post, locmem):
    row = post()
    assert outbox.deliver(row.pk)
    assert not outbox.deliver(row.pk)
    assert len(mail.outbox) == 1


def test_a_message_whose_worker_died_is_sent_when_the_lease_ends(post, locmem):
    post()
    Message.objects.update(due_at=timezone.now() + outbox.LEASE, attempts=1)
    assert outbox.deliver_due() == 0
    with time_machine.travel(timezone.now() + outbox.LEASE + timedelta(seconds=1)):
        assert outbox.deliver_due() == 1


def test_a_message_that_kills_every_worker_fails_at_last(post, locmem):
    row = post()
    Message.objects.update(attempts=outbox.MAX_ATTEMPTS)
    assert outbox.deliver_due() == 0
    row.refresh_from_db()
    assert row.state == MessageState.FAILED
    assert row.last_error


def test_content_of_another_row_does_not_open(post, locmem):
    row = post()
    row.sealed = sealing.seal(Purpose.MESSAGE, b"{}", context="another row")
    row.save()
    assert not outbox.deliver(row.pk)
    row.refresh_from_db()
    assert row.state == MessageState.FAILED
    assert mail.outbox == []


def test_a_rolled_back_cause_leaves_no_message(reader):
    with transaction.atomic():
        outbox.post(
            pool=reader.pool,
            user=reader,
            medium="EMAIL",
            kind="sign_up",
            destination="jane@example.com",
            code="123456",
        )
        transaction.set_rollback(True)
    assert not Message.objects.exists()


def test_a_bell_names_the_row_and_nothing_else(
    post, monkeypatch, django_capture_on_commit_callbacks
):
    waiting = SimpleQueue()
    monkeypatch.setattr(bell.InProcess, "waiting", waiting)
    with django_capture_on_commit_callbacks(execute=True):
        row = post()
    assert waiting.get_nowait() == ("userpools.tasks.deliver_message", (str(row.pk),))


def test_a_sent_message_keeps_nothing_of_its_content(post, locmem):
    row = post()
    assert outbox.deliver(row.pk)
    row.refresh_from_db()
    assert row.state == MessageState.SENT
    assert row.sealed is None
    assert row.masked_to == "j***@e***"
    assert row.sent_at is not None
    sent = mail.outbox[0]
    assert (sent.to, sent.subject) == (["jane@example.com"], "Your verification code")
    assert sent.body == "Your confirmation code is 123456"


def test_content_is_not_readable_in_the_row(post):
    row = post()
    for secret in (b"123456", b"jane@example.com", b"confirmation"):
        assert secret not in bytes(row.sealed)


def test_markup_goes_out_beside_a_plain_text(make_pool, reader, locmem, post):
    reader.pool.configuration = {"EmailVerificationMessage": "<b>{####}</b>"}
    row = post()
    outbox.deliver(row.pk)
    assert mail.outbox[0].body == "123456"
    assert mail.outbox[0].alternatives == [("<b>123456</b>", "text/html")]


@pytest.mark.parametrize(
    ("configuration", "sender"),
    [
        ({}, "no-reply@127.0.0.1"),
        ({"From": "Ann <ann@example.com>"}, "Ann <ann@example.com>"),
        (
            {"SourceArn": "arn:aws:ses:eu-west-1:000000000000:identity/no-reply@example.com"},
            "no-reply@example.com",
        ),
        (
            {"SourceArn": "arn:aws:ses:eu-west-1:000000000000:identity/example.com"},
            "no-reply@127.0.0.1",
        ),
    ],
)
def test_the_sender_is_the_pool_s(reader, locmem, post, configuration, sender):
    reader.pool.configuration = {
        "EmailConfiguration": {**configuration, "ReplyToEmailAddress": "help@example.com"}
    }
    outbox.deliver(post().pk)
    assert mail.outbox[0].from_email == sender
    assert mail.outbox[0].reply_to == ["help@example.com"]


def test_the_caller_is_told_the_masked_destination(reader):
    delivery = outbox.post(
        pool=reader.pool,
        user=reader,
        medium=Medium.SMS,
        kind="sign_up",
        destination="+15550001234",
        code="123456",
    )
    assert delivery.wire() == {
        "Destination": "+*******1234",
        "DeliveryMedium": "SMS",
        "AttributeName": "phone_number",
    }


# What is known at once


def test_a_provider_s_no_undoes_what_the_operation_wrote(post, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": "userpools.messaging.sms.NoSms"}

    @transaction.atomic
    def operation():
        PoolUser.objects.update(status="CONFIRMED")
        post(medium="SMS", destination="+15550001234")

    with pytest.raises(CodeDeliveryFailureException, match="No SMS backend"):
        operation()
    assert not Message.objects.exists()
    assert PoolUser.objects.get().status != "CONFIRMED"


def test_without_an_e_mail_backend_nothing_is_written(post, settings):
    settings.EMAIL_BACKEND = "userpools.messaging.email.NoEmail"
    with pytest.raises(CodeDeliveryFailureException, match="No e-mail backend"):
        post()
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("medium", "destination"),
    [
        ("EMAIL", "jane"),
        ("EMAIL", "jane@example.com, eve@example.com"),
        ("EMAIL", "Jane <jane@example.com>"),
        ("EMAIL", "jane@example.com\r\nBcc: eve@example.com"),
        ("SMS", "15550001234"),
        ("SMS", "+1 555 000"),
        ("SMS", "+15550001234\n"),
        ("SMS", "jane@example.com"),
    ],
)
def test_an_address_that_is_none_or_several_is_refused(post, medium, destination):
    with pytest.raises(CodeDeliveryFailureException) as caught:
        post(medium=medium, destination=destination)
    assert destination not in caught.value.message
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "configuration",
    [
        {"From": "Ann\r\nBcc: eve@example.com <ann@example.com>"},
        {"From": "ann@example.com, eve@example.com"},
        {"ReplyToEmailAddress": "ann@example.com\nBcc:eve@example.com"},
    ],
)
def test_a_sender_that_would_add_headers_is_refused(reader, post, configuration):
    reader.pool.configuration = {"EmailConfiguration": configuration}
    with pytest.raises(CodeDeliveryFailureException, match="sender"):
        post()


class Choosy:
    """An SMS backend that serves one country."""

    def check(self, message):
        if not message.to.startswith("+1"):
            raise CodeDeliveryFailureException("The country is not served.")

    def send(self, message):
        raise AssertionError


@pytest.fixture
def choosy(settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": f"{__name__}.Choosy"}


def test_a_backend_may_refuse_a_destination(post, choosy):
    with pytest.raises(CodeDeliveryFailureException, match="not served"):
        post(medium="SMS", destination="+4930123456")
    assert post(medium="SMS", destination="+15550001234").masked_to == "+*******1234"


def test_a_refused_destination_does_not_tell_who_exists(reader, choosy):
    pretended = outbox.rehearse(
        pool=reader.pool, medium=Medium.SMS, kind="reset_password",
        destination="+4930123456", code="123456", username="nobody",
    )  # fmt: skip
    assert pretended.destination == "+******3456"
    assert not outbox.can_send(reader.pool, Medium.SMS, "+4930123456")


# What is not worth sending any more


@pytest.mark.parametrize(
    ("kind", "late", "early"),
    [
        ("authentication", timedelta(minutes=15), timedelta(minutes=14)),
        ("reset_password", timedelta(hours=1), timedelta(minutes=59)),
        ("sign_up", timedelta(hours=24), timedelta(hours=23)),
        ("verify_attribute", timedelta(hours=24), timedelta(hours=23)),
    ],
)
def test_a_code_that_expired_on_its_way_is_not_sent(post, locmem, kind, late, early):
    row = post(kind=kind)
    with time_machine.travel(timezone.now() + late):
        assert not outbox.deliver(row.pk)
    row.refresh_from_db()
    assert (row.state, row.sealed) == (MessageState.FAILED, None)
    assert "expired" in row.last_error
    assert not outbox.retry(row.pk)
    assert mail.outbox == []

    Message.objects.all().delete()
    row = post(kind=kind)
    with time_machine.travel(timezone.now() + early):
        assert outbox.deliver(row.pk)


def test_a_caller_may_say_when_its_code_expires(post, locmem):
    row = post(kind="authentication", expires_at=timezone.now() + timedelta(minutes=3))
    with time_machine.travel(timezone.now() + timedelta(minutes=3)):
        assert not outbox.deliver(row.pk)


def test_an_invitation_is_worth_sending_whenever_it_can_be(post, locmem):
    row = post(kind="invitation")
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        assert outbox.deliver(row.pk)


def test_nothing_is_sent_to_a_user_deleted_meanwhile(post, reader, locmem):
    row = post()
    # As a transaction does that wrote the message while another one deleted the user.
    PoolUser.objects.filter(pk=reader.pk)._raw_delete("default")
    assert not outbox.deliver(row.pk)
    row.refresh_from_db()
    assert (row.state, row.sealed) == (MessageState.FAILED, None)
    assert mail.outbox == []


def test_nothing_is_sent_for_a_pool_deleted_meanwhile(post, reader, locmem):
    row = post()
    Message.objects.update(user=None)
    PoolUser.objects.filter(pk=reader.pk)._raw_delete("default")
    UserPool.objects.filter(pk=reader.pool_id)._raw_delete("default")
    assert not outbox.deliver(row.pk)
    assert mail.outbox == []


def test_a_user_s_messages_go_with_the_user(post, reader):
    row = post()
    reader.delete()
    assert not outbox.deliver(row.pk)
    assert not Message.objects.exists()


# Workers


def test_a_message_whose_bell_was_lost_is_found(post, locmem):
    post()
    assert outbox.deliver_due() == 1
    assert len(mail.outbox) == 1


class Interrupted(BaseEmailBackend):
    """A worker that is told to end while it sends."""

    def send_messages(self, email_messages):
        raise SystemExit


def test_a_worker_that_ends_while_sending_leaves_the_message_due(post, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Interrupted"
    row = post()
    with pytest.raises(SystemExit):
        outbox.deliver(row.pk)
    assert outbox.deliver_due() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with time_machine.travel(timezone.now() + outbox.LEASE + timedelta(seconds=1)):
        assert outbox.deliver_due() == 1
    assert len(mail.outbox) == 1


class Overtaken(BaseEmailBackend):
    """A worker so slow that another one has sent the message before it fails."""

    def send_messages(self, email_messages):
        Message.objects.update(attempts=2, state=MessageState.SENT, sealed=None)
        raise OSError


def test_a_worker_whose_lease_ended_changes_nothing_any_more(post, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Overtaken"
    row = post()
    assert not outbox.deliver(row.pk)
    row.refresh_from_db()
    assert (row.state, row.last_error) == (MessageState.SENT, "")


def test_attempts_are_spaced_further_and_further_apart(post, unreachable):
    row = post()
    waits = []
    for _ in outbox.BACK_OFF:
        before = timezone.now()
        Message.objects.update(due_at=before)
        outbox.deliver(row.pk)
        row.refresh_from_db()
        waits.append(row.due_at - before)
    for wait, expected in zip(waits, outbox.BACK_OFF, strict=True):
        assert expected <= wait < expected + timedelta(seconds=5)


class Chatty:
    """An SMS backend whose errors quote all they can."""

    def send(self, message):
        raise CodeDeliveryFailureException(
            f"{message.to} {message.to[1:]} %2B{message.to[1:]}: {message.body}"
        )


def test_a_number_is_masked_in_every_spelling(post, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": f"{__name__}.Chatty"}
    row = post(medium="SMS", destination="+15550001234")
    outbox.deliver(row.pk)
    row.refresh_from_db()
    assert "15550001234" not in row.last_error
    assert "123456" not in row.last_error


def test_a_backend_is_told_what_it_may_need(post, reader, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": f"{__name__}.Keeping"}
    reader.pool.configuration = {
        "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::1:role/x", "SnsRegion": "ap-south-1"}
    }
    outbox.deliver(post(medium="SMS", destination="+15550001234").pk)
    (sms,) = Keeping.sent
    assert (sms.to, sms.pool_id, sms.kind, sms.region) == (
        "+15550001234", reader.pool_id, "sign_up", "ap-south-1",
    )  # fmt: skip


class Keeping:
    """An SMS backend that keeps what it is given."""

    sent = []

    def send(self, message):
        self.sent.append(message)


# Headers


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\u2028", "\x0b"])
def test_line_breaks_in_names_and_subjects_add_no_header(reader, locmem, post, line_break):
    reader.pool.configuration = {
        "AdminCreateUserConfig": {
            "InviteMessageTemplate": {
                "EmailSubject": f"Hello{line_break}Bcc: eve@example.com {{username}}",
                "EmailMessage": "{username} {####}",
            }
        }
    }
    outbox.deliver(post(kind="invitation", username=f"x{line_break}Cc: eve@example.com").pk)
    sent = mail.outbox[0].message()
    assert (sent["To"], sent["Bcc"], sent["Cc"]) == ("jane@example.com", None, None)
    assert mail.outbox[0].subject == "Hello Bcc: eve@example.com x Cc: eve@example.com"
