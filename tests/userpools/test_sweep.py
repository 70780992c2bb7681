import uuid
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.utils import timezone

from userpools import sweep
from userpools.models import (
    AppClient,
    AuditEntry,
    AuthEvent,
    CodePurpose,
    CustomAuthStep,
    Grant,
    KeyUse,
    Medium,
    Message,
    MessageState,
    PoolUser,
    SignInSession,
    SpentStep,
    UserPool,
    VerificationCode,
)
from userpools.tokens import keys

NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture
def people(db):
    cache.clear()
    return UserPool.objects.create(id="eu-west-1_Sweep0001", name="people", region="eu-west-1")


@pytest.fixture
def jane(people):
    return PoolUser.objects.create(pool=people, username="jane", username_key="jane")


@pytest.fixture
def app(people):
    return AppClient.objects.create(client_id="app", pool=people, name="app")


@pytest.fixture
def make_session(app, jane):
    def make(**columns):
        members = {"expires_at": NOW + 30 * DAY, **columns}
        return SignInSession.objects.create(
            pool=jane.pool,
            client=app,
            user=jane,
            user_epoch=0,
            event_id=uuid.uuid4(),
            auth_time=NOW,
            **members,
        )

    return make


def test_live_sessions_stay(make_session):
    kept = {
        make_session(),
        make_session(expires_at=NOW - 6 * DAY),
        make_session(revoked_at=NOW - 6 * DAY),
    }
    assert sweep.sweep()["sessions"] == 0
    assert set(SignInSession.objects.all()) == kept


def test_sessions_that_ended_long_ago_go(make_session):
    kept = make_session()
    make_session(expires_at=NOW - 8 * DAY)
    make_session(revoked_at=NOW - 8 * DAY)
    assert sweep.sweep()["sessions"] == 2
    assert list(SignInSession.objects.all()) == [kept]


def test_the_retention_is_a_setting(make_session, settings):
    make_session(expires_at=NOW - timedelta(seconds=90))
    retention = {**sweep.settings.RETENTION, "sessions": 60}
    settings.POOLHOUSE = {**settings.POOLHOUSE, "RETENTION": retention}
    assert sweep.sweep()["sessions"] == 1


def test_spent_steps_go_when_they_expire(db):
    now = timezone.now()  # the module's may be minutes old
    for expires_at in (now - timedelta(seconds=1), now + timedelta(minutes=3)):
        SpentStep.objects.create(attempt=uuid.uuid4(), step="PASSWORD", expires_at=expires_at)
    assert sweep.sweep()["spent_steps"] == 1
    assert SpentStep.objects.count() == 1


def test_steps_of_custom_sign_ins_go_when_they_expire(db):
    now = timezone.now()
    for expires_at in (now - timedelta(seconds=1), now + timedelta(minutes=3)):
        CustomAuthStep.objects.create(sealed=b"x", expires_at=expires_at)
    assert sweep.sweep()["custom_auth_steps"] == 1
    assert CustomAuthStep.objects.get().expires_at > now


def test_codes_go_a_day_after_they_expire(jane):
    for purpose, age in ((CodePurpose.SIGN_UP, 2), (CodePurpose.RESET_PASSWORD, 0.5)):
        VerificationCode.objects.create(
            user=jane, purpose=purpose, code_hash=b"x", expires_at=NOW - age * DAY
        )
    assert sweep.sweep()["codes"] == 1
    assert VerificationCode.objects.get().purpose == CodePurpose.RESET_PASSWORD


def test_authorization_codes_go_a_day_after_they_expire(app, jane):
    for code, age in (("old", 2), ("new", 0.5)):
        Grant.objects.create(
            user=jane, application=app, code=code, expires=NOW - age * DAY, redirect_uri="x"
        )
    assert sweep.sweep()["grants"] == 1
    assert Grant.objects.get().code == "new"


def test_messages_that_still_wait_stay_whatever_their_age(jane):
    for state in MessageState:
        for age in (6, 8):
            Message.objects.create(
                pool=jane.pool,
                user=jane,
                medium=Medium.EMAIL,
                kind="sign_up",
                state=state,
                created_at=NOW - age * DAY,
            )
    assert sweep.sweep()["messages"] == 2
    assert Message.objects.filter(state=MessageState.DUE).count() == 2


def test_records_are_kept_for_their_time(db):
    for days in (89, 91, 399, 401):
        AuthEvent.objects.create(
            pool_id="p", event_type="SignIn", outcome="Pass", created_at=NOW - days * DAY
        )
        AuditEntry.objects.create(actor="a", source="api", action="x", created_at=NOW - days * DAY)
    counts = sweep.sweep()
    assert (counts["auth_events"], counts["audit"]) == (3, 1)


def test_rows_go_in_batches_and_no_more_than_a_sweep_may_take(db, monkeypatch):
    monkeypatch.setattr(sweep, "BATCH", 3)
    monkeypatch.setattr(sweep, "MOST_ROWS", 6)
    SpentStep.objects.bulk_create(
        SpentStep(attempt=uuid.uuid4(), step="x", expires_at=NOW - DAY) for _ in range(8)
    )
    assert sweep.sweep()["spent_steps"] == 6
    assert sweep.sweep()["spent_steps"] == 2
    assert sweep.sweep()["spent_steps"] == 0


def test_signing_keys_go_when_their_overlap_is_over(people):
    for use in KeyUse:
        keys.make_key(people, use).save()
    keys.rotate(people, overlap=timedelta(seconds=-1))
    keys.rotate(people)
    version = UserPool.objects.get().version
    assert sweep.sweep()["signing_keys"] == 2
    assert people.signing_keys.count() == 4
    assert UserPool.objects.get().version != version
    assert sweep.sweep()["signing_keys"] == 0


def test_users_are_counted_once_an_hour(people, jane):
    assert sweep.sweep()["users_counted"] == 1
    assert UserPool.objects.get().user_count == 1
    PoolUser.objects.create(pool=people, username="john", username_key="john")
    assert sweep.sweep()["users_counted"] == 0
    cache.clear()
    assert sweep.sweep()["users_counted"] == 1
    assert UserPool.objects.get().user_count == 2


def test_another_application_adds_a_step_once(db, monkeypatch):
    monkeypatch.setattr(sweep, "_steps", {})
    sweep.register("jobs", lambda now: 7)
    assert sweep.sweep() == {"jobs": 7}
    with pytest.raises(ValueError, match="jobs"):
        sweep.register("jobs", lambda now: 0)


def test_console_sessions_go_when_they_expire(db):
    now = timezone.now()
    for key, expire_date in (("old", now - DAY), ("new", now + DAY)):
        Session.objects.create(session_key=key, session_data="x", expire_date=expire_date)
    assert sweep.sweep()["console_sessions"] == 1
    assert Session.objects.get().session_key == "new"
