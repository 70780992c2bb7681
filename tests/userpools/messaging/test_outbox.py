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
from userpools.messaging import outbox
from userpools.models import Medium, Message, MessageState
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
