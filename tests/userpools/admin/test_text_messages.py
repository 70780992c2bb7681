"""A pool's text messages in the console: its bounds, what was counted, and beginning anew."""

import pytest

from tests.userpools.admin.conftest import last_act, page
from tests.userpools.admin.test_pools import add, errors, save
from userpools.messaging import outbox, sms_guard
from userpools.models import UserPool


@pytest.fixture
def counted(pool):
    """The pool with a limit of one, used up, and one message that was refused."""
    UserPool.objects.filter(pk=pool.pk).update(sms_hourly=1, sms_blocked="+49")
    pool.refresh_from_db()
    outbox.post(
        pool=pool, user=None, medium="SMS", kind="sign_up", destination="+15550001234", code="1"
    )
    assert not outbox.can_send(pool, "SMS", "+4915112345678")
    return pool


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sms_allowed", "49"),
        ("sms_allowed", "+0"),
        ("sms_blocked", "+49\n+4 9"),
        ("sms_blocked", "\n".join(f"+{n:015d}" for n in range(10**14, 10**14 + 200))),
        ("sms_hourly", "-1"),
        ("sms_daily", "many"),
        ("sms_daily", "2147483648"),
    ],
)
def test_what_is_no_bound_is_refused(browser, pool, field, value):
    assert list(errors(save(browser, pool, **{field: value}))) == [field]
    assert UserPool.objects.get(pk=pool.pk).sms_allowed == ""


def test_bounds_are_saved_and_audited(browser, pool):
    bounds = {"sms_allowed": "+1\n+44", "sms_blocked": "+1876", "sms_hourly": "100"}
    assert save(browser, pool, **bounds).status_code == 302
    kept = UserPool.objects.get(pk=pool.pk)
    assert (kept.sms_allowed, kept.sms_blocked) == ("+1 +44", "+1876")
    assert (kept.sms_hourly, kept.sms_daily) == (100, None)
    assert last_act().action == "SetTextMessageGuard"
    assert last_act().after["TextMessages"]["Hourly"] == 100


def test_a_new_pool_has_its_bounds_at_once(browser, db):
    assert add(browser, sms_daily="0", sms_allowed="+49").status_code == 302
    kept = UserPool.objects.get()
    assert (kept.sms_daily, kept.sms_allowed) == (0, "+49")


def test_bounds_that_nobody_touched_stay(browser, pool):
    save(browser, pool, sms_daily="5")
    save(browser, pool, pool_name="Renamed")
    assert UserPool.objects.get(pk=pool.pk).sms_daily == 5
    assert last_act().action == "UpdateUserPool"


def test_the_pool_s_page_shows_what_was_counted(browser, counted):
    html = browser.get(page("userpool", counted)).content.decode()
    assert "This pool, an hour" in html
    assert "Refused in a day" in html


def test_a_pool_may_begin_anew(browser, counted):
    response = browser.post(page("userpool", counted, act="reset-text-messages"))
    assert response.status_code == 302
    assert last_act().action == "ResetTextMessageLimits"
    assert not any(usage.is_used_up for usage in sms_guard.usage_of(counted))
