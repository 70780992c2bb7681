"""The table of second factors: who has to do what after a password."""

import pytest

from userpools.auth.mfa_decision import Decision, Factor, Owner, decide
from userpools.models import UserPool

SMS, APP, EMAIL = Factor.SMS, Factor.SOFTWARE_TOKEN, Factor.EMAIL
DETAILS = {
    SMS: {"SmsMfaConfiguration": {}},
    APP: {"SoftwareTokenMfaConfiguration": {"Enabled": True}},
    EMAIL: {"EmailMfaConfiguration": {}},
}
PHONE = {"phone_number": "+491511234567"}
ADDRESS = {"email": "ana@example.com"}
BOTH = {**PHONE, **ADDRESS}


def pool_of(mode, factors=(SMS, APP, EMAIL), recovery=None):
    details = {}
    for factor in factors:
        details |= DETAILS[factor]
    configuration = {}
    if recovery is not None:
        configuration["AccountRecoverySetting"] = {
            "RecoveryMechanisms": [
                {"Name": name, "Priority": place} for place, name in enumerate(recovery, 1)
            ]
        }
    return UserPool(mfa_configuration=mode, mfa_details=details, configuration=configuration)


def owner(attributes=None, active=(), preferred="", app=False):
    return Owner(attributes or {}, frozenset(active), preferred, app)


def go_on():
    return Decision()


def asked(*factors):
    return Decision(factors)


def set_up(*factors):
    return Decision(to_set_up=factors)


impossible = Decision(is_impossible=True)
by_phone, by_email = ["verified_phone_number"], ["verified_email"]
by_admin = ["admin_only"]


@pytest.mark.parametrize(
    ("pool", "user", "decision"),
    [
        (pool_of("OFF"), owner(BOTH, [SMS, APP], SMS, app=True), go_on()),
        (pool_of("OPTIONAL"), owner(BOTH, app=True), go_on()),
        (pool_of("OPTIONAL"), owner(PHONE, [SMS]), asked(SMS)),
        (pool_of("OPTIONAL"), owner(BOTH, [SMS, EMAIL]), asked(SMS, EMAIL)),
        (pool_of("OPTIONAL"), owner(BOTH, [SMS, APP], APP, app=True), asked(APP)),
        # Chosen once, and gone since: the contact, the app, or the pool's factor.
        (pool_of("OPTIONAL"), owner({}, [SMS], SMS), go_on()),
        (pool_of("OPTIONAL"), owner(BOTH, [APP]), go_on()),
        (pool_of("OPTIONAL", [APP]), owner(PHONE, [SMS], SMS), go_on()),
        (pool_of("ON", [APP]), owner(PHONE, [SMS], SMS, app=True), asked(APP)),
        (pool_of("ON"), owner(BOTH, [SMS, APP], app=True), asked(SMS, APP)),
        (pool_of("ON"), owner(BOTH, [SMS, APP], SMS, app=True), asked(SMS)),
        # Nothing chosen, and the pool demands a factor.
        (pool_of("ON"), owner(app=True), asked(APP)),
        (pool_of("ON", recovery=by_email), owner(ADDRESS, app=True), asked(APP)),
        (pool_of("ON", recovery=by_email), owner(BOTH, app=True), asked(SMS, APP)),
        (pool_of("ON", recovery=by_admin), owner(ADDRESS, app=True), asked(APP, EMAIL)),
        (pool_of("ON", [SMS, EMAIL], by_email), owner(ADDRESS), impossible),
        (pool_of("ON", [SMS, EMAIL], by_phone), owner(PHONE), impossible),
        (pool_of("ON", [SMS, EMAIL], by_phone), owner(ADDRESS), asked(EMAIL)),
        (pool_of("ON", [SMS, EMAIL], by_email), owner(PHONE), asked(SMS)),
        (pool_of("ON", [SMS, EMAIL], by_admin), owner(BOTH), asked(SMS, EMAIL)),
        (pool_of("ON", [SMS, EMAIL], by_phone), owner(BOTH), asked(EMAIL)),
        (pool_of("ON", [SMS, EMAIL], by_phone + by_email), owner(BOTH), asked(EMAIL)),
        (pool_of("ON", recovery=by_email), owner(ADDRESS), set_up(APP)),
        (pool_of("ON"), owner(), set_up(SMS, APP, EMAIL)),
        (pool_of("ON", recovery=by_email), owner(), set_up(SMS, APP)),
        (pool_of("ON", [EMAIL], by_email), owner(), impossible),
        # Pools from before the setting: a phone number is enough.
        (pool_of("ON", [SMS]), owner(PHONE), asked(SMS)),
    ],
)
def test_the_next_step_after_a_password(pool, user, decision):
    assert decide(pool, user) == decision
