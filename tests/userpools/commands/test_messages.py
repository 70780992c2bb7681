"""`manage.py messages`: retrying, and the test message."""

import pytest
from django.core import mail
from django.core.management import CommandError

from userpools.messaging import sms_guard
from userpools.models import AuditEntry, Message, MessageState, UserPool


@pytest.fixture
def failed(db):
    pool = UserPool.objects.create(id="eu-west-1_Commands1", name="commands", region="eu-west-1")
    return Message.objects.create(
        pool=pool, medium="EMAIL", kind="sign_up", state=MessageState.FAILED, sealed=b"sealed"
    )


def test_a_failed_message_is_tried_again(ask, failed):
    assert ask("messages", "retry", str(failed.pk)) == {"Id": str(failed.pk), "State": "due"}
    failed.refresh_from_db()
    assert failed.state == MessageState.DUE


def test_what_is_not_failed_or_has_no_content_is_not(run, failed):
    run("messages", "retry", str(failed.pk))
    with pytest.raises(CommandError, match="Only a failed message"):
        run("messages", "retry", str(failed.pk))
    Message.objects.update(state=MessageState.FAILED, sealed=None)
    with pytest.raises(CommandError, match="Only a failed message"):
        run("messages", "retry", str(failed.pk))


def test_a_test_message_goes_through_the_configured_backends(ask, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.POOLHOUSE = {
        **settings.POOLHOUSE, "SMS_BACKEND": "userpools.messaging.sms.ConsoleSms",
    }  # fmt: skip
    sent = ask("messages", "test", "--email", "a@example.com", "--sms", "+15550001234")
    assert [(row["Medium"], row["To"], row["State"]) for row in sent] == [
        ("EMAIL", "a@example.com", "sent"),
        ("SMS", "+15550001234", "sent"),
    ]
    assert [row["Backend"] for row in sent] == [
        settings.EMAIL_BACKEND,
        "userpools.messaging.sms.ConsoleSms",
    ]
    assert mail.outbox[0].to == ["a@example.com"]
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sms", "+15550001234"), "SMS by userpools.messaging.sms.NoSms failed: .*configured"),
        (("--email", "nobody"), "EMAIL by .* failed: .*not valid"),
        ((), "--email"),
    ],
)
def test_a_test_message_that_does_not_leave_is_a_failure(run, settings, arguments, says):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": "userpools.messaging.sms.NoSms"}
    with pytest.raises(CommandError, match=says) as caught:
        run("messages", "test", *arguments)
    assert caught.value.returncode == (1 if arguments else 2)


def test_the_doctor_says_which_backends_there_are(ask):
    (found,) = [row for row in ask("doctor") if row["Part"] == "delivery"]
    assert found["State"] == "ok"
    assert "OutboxEmailBackend" in found["Finding"]
    assert "OutboxSms" in found["Finding"]


def test_the_doctor_finds_a_provider_that_was_not_told_enough(run, capsys, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": "userpools.messaging.sms.HttpSms"}
    with pytest.raises(CommandError, match="delivery"):
        run("doctor")


def test_limits_are_shown_and_forgotten(ask, run, failed):
    pool = failed.pool
    UserPool.objects.filter(pk=pool.pk).update(sms_daily=7)
    sms_guard.forget(pool)
    for _ in range(2):
        sms_guard.take(pool)
    assert ask("messages", "limits", pool.pk) == [
        {"Limit": "pool_hour", "Sent": 2, "Allowed": None},
        {"Limit": "pool_day", "Sent": 2, "Allowed": 7},
        {"Limit": "refused", "Sent": 0, "Allowed": None},
    ]
    run("messages", "limits", pool.pk, "--reset")
    assert ask("messages", "limits", pool.pk)[1]["Sent"] == 0
    assert AuditEntry.objects.get().action == "ResetTextMessageLimits"
