"""Clients that hide who exists: the same work for everybody until the password or code is right.

Counted, not timed: statements, hashes, modular powers and seals.
"""

from collections import Counter
from functools import wraps

import pytest
from botocore.exceptions import ClientError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import PASSWORD
from userpools import sealing
from userpools.audit import Actor
from userpools.auth import passwords, srp
from userpools.errors import CodeDeliveryFailureException
from userpools.models import AppClient, PoolUser, UserPool, VerificationCode
from userpools.models.pool import pools as cached_pools
from userpools.services import pools
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db

CONSOLE = Actor("root", "console")
STATES = ["confirmed", "disabled", "unconfirmed", "invited", "reset", "no-password", "external"]
EVERYBODY = [*STATES, "nobody"]
EMAIL = {"email": "x@example.com", "email_verified": "true"}


def listed(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


@pytest.fixture
def work(monkeypatch):
    """Count the dear calls: Argon2 hashes, modular powers, seals and keyed hashes of codes."""
    counted = Counter()

    def count(module, name, kind):
        real = getattr(module, name)

        @wraps(real)
        def counting(*args, **kwargs):
            counted[kind] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)

    count(passwords, "_argon2_hash", "argon2")
    count(passwords, "_argon2_matches", "argon2")
    count(srp, "_power", "power")
    count(sealing, "seal", "seal")
    count(sealing, "keyed_hash", "code hash")
    count(sealing, "keyed_hash_matches", "code hash")
    return counted


@pytest.fixture
def cost(work):
    """Return what a call that may be refused costs, and how it ends."""

    def measure(client, call):
        # What a process reads anew every other second is read before.
        cached_pools.forget(client.pool_id)
        keys_of(UserPool.cached(client.pool_id))
        AppClient.cached(client.client_id)
        work.clear()
        with CaptureQueriesContext(connection) as captured:
            try:
                call()
                ending = "done"
            except ClientError as exc:
                ending = (exc.response["Error"]["Code"], exc.response["Error"]["Message"])
        return ending, len(captured), dict(work)

    return measure


@pytest.fixture
def people(idp, make_user):
    """Fill a pool with a user in each state, named after it, all with PASSWORD where any."""

    def fill(pool):
        for state in STATES:
            make_user(pool, state, **EMAIL)
        rows = PoolUser.objects.filter(pool=pool)
        rows.filter(username="disabled").update(enabled=False)
        for name, status in (
            ("unconfirmed", "UNCONFIRMED"),
            ("invited", "FORCE_CHANGE_PASSWORD"),
            ("reset", "RESET_REQUIRED"),
            ("external", "EXTERNAL_PROVIDER"),
        ):
            rows.filter(username=name).update(status=status)
        rows.filter(username__in=["no-password", "external"]).update(
            password_form="", password_salt="", password_sealed=None, password_set_at=None
        )

    return fill


@pytest.fixture
def hiding(make_client):
    def make(pool, *flows):
        return make_client(
            pool,
            PreventUserExistenceErrors="ENABLED",
            **({"ExplicitAuthFlows": list(flows)} if flows else {}),
        )

    return make


def same(costs):
    assert len(costs) > 1
    first = next(iter(costs.values()))
    assert {name: found for name, found in costs.items() if found != first} == {}
    return first


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (["verifier"], {"power": 1}),
        (["argon2id"], {"argon2": 1}),
        (["argon2id", "verifier"], {"argon2": 1, "power": 1}),
    ],
    ids=["verifier", "argon2id", "mixed"],
)
def test_a_wrong_password_costs_the_same_whoever_is_named(
    idp, pool, people, hiding, cost, forms, expected
):
    client = hiding(pool, "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
    if forms == ["argon2id"]:
        pools.set_password_storage(pool.id, "argon2id", actor=CONSOLE)
        people(pool)
        UserPool.objects.update(has_mixed_passwords=False)
        pool.touch()
    else:
        people(pool)
        for form in forms:
            pools.set_password_storage(pool.id, form, actor=CONSOLE)

    def begin(name):
        idp.initiate_auth(
            ClientId=client.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": "Wrong-Password-1"},
        )

    costs = {}
    for name in EVERYBODY:
        costs[name] = cost(client, lambda name=name: begin(name))
    ending, _, work = same(costs)
    assert ending == ("NotAuthorizedException", "Incorrect username or password.")
    assert work == expected


def test_a_form_left_behind_costs_as_much_as_the_new_one(idp, pool, make_user, hiding, cost):
    """In a mixed pool a password in either form, and none, cost the same."""
    client = hiding(pool, "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
    make_user(pool, "old")
    pools.set_password_storage(pool.id, "argon2id", actor=CONSOLE)
    make_user(pool, "new")
    assert set(PoolUser.objects.values_list("password_form", flat=True)) == {
        "verifier",
        "argon2id",
    }

    def begin(name):
        idp.initiate_auth(
            ClientId=client.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": "Wrong-Password-1"},
        )

    costs = {name: cost(client, lambda name=name: begin(name)) for name in ("old", "new", "nobody")}
    assert same(costs)[2] == {"argon2": 1, "power": 1}


def test_srp_costs_the_same_whoever_is_named(pool, people, hiding, cost, srp_sign_in):
    client = hiding(pool)
    people(pool)
    first, second = {}, {}
    for name in EVERYBODY:
        attempt = srp_sign_in(client, name, "Wrong-Password-1")
        first[name] = cost(client, attempt.start)
        responses = attempt.responses()
        second[name] = cost(client, lambda attempt=attempt, given=responses: attempt.respond(given))
    assert same(first)[2] == {"power": 1, "seal": 2}
    ending, _, work = same(second)
    assert ending == ("NotAuthorizedException", "Incorrect username or password.")
    assert work == {"power": 2}


def test_asking_for_a_reset_costs_the_same_whoever_is_named(idp, pool, people, hiding, cost):
    client = hiding(pool)
    people(pool)

    def ask(name):
        idp.forgot_password(ClientId=client.client_id, Username=name)

    for _ in range(2):  # the first code of a name, and one that replaces another
        costs = {name: cost(client, lambda name=name: ask(name)) for name in EVERYBODY}
        ending, _, work = same(costs)
        assert ending == "done"
        assert work == {"seal": 1, "code hash": 1}


@pytest.mark.parametrize("asked", [True, False])
def test_a_wrong_reset_code_costs_the_same_whoever_is_named(idp, pool, people, hiding, cost, asked):
    client = hiding(pool)
    people(pool)
    if asked:
        for name in EVERYBODY:
            idp.forgot_password(ClientId=client.client_id, Username=name)

    def guess(name):
        idp.confirm_forgot_password(
            ClientId=client.client_id,
            Username=name,
            ConfirmationCode="x",
            Password="Battery-Staple-7",
        )

    costs = {name: cost(client, lambda name=name: guess(name)) for name in EVERYBODY}
    (code, _), _, work = same(costs)
    assert code == ("CodeMismatchException" if asked else "ExpiredCodeException")
    assert work == {"code hash": 1}


def test_confirming_costs_the_same_for_accounts_and_nobody(
    idp, make_pool, make_client, hiding, cost
):
    pool = make_pool(AutoVerifiedAttributes=["email"])
    client = hiding(pool)
    for name in ("unconfirmed", "disabled"):
        idp.sign_up(
            ClientId=client.client_id,
            Username=name,
            Password=PASSWORD,
            UserAttributes=listed(email=f"{name}@example.com"),
        )
    idp.admin_disable_user(UserPoolId=pool.id, Username="disabled")
    names = ("unconfirmed", "disabled", "nobody")

    def resend(name):
        idp.resend_confirmation_code(ClientId=client.client_id, Username=name)

    def guess(name):
        idp.confirm_sign_up(ClientId=client.client_id, Username=name, ConfirmationCode="x")

    costs = {name: cost(client, lambda name=name: resend(name)) for name in names}
    assert same(costs)[2] == {"seal": 1, "code hash": 1}
    costs = {name: cost(client, lambda name=name: guess(name)) for name in names}
    ending, _, work = same(costs)
    assert ending[0] == "CodeMismatchException"
    assert work == {"code hash": 1}


# Codes that cannot be sent


class DomesticSms:
    """Takes messages to numbers of one country alone."""

    def check(self, message):
        if not message.to.startswith("+49"):
            raise CodeDeliveryFailureException("The country is not served.")

    def send(self, message):
        raise AssertionError


BOTH = ["email", "phone_number"]
NO_SMS = "userpools.messaging.sms.NoSms"
DOMESTIC_SMS = f"{__name__}.DomesticSms"
PEOPLE = {
    "by-phone": {"phone_number": "+15550001234", "phone_number_verified": "true"},
    "by-email": EMAIL,
    "by-both": {**EMAIL, "phone_number": "+15550001235", "phone_number_verified": "true"},
}


@pytest.fixture
def sms_by(settings):
    def choose(backend):
        settings.POOLHOUSE = {**settings.POOLHOUSE, "SMS_BACKEND": backend}

    return choose


@pytest.mark.parametrize("verified", [BOTH, ["email"], ["phone_number"], []], ids=str)
@pytest.mark.parametrize("backend", [NO_SMS, DOMESTIC_SMS])
def test_asking_for_a_reset_by_a_medium_that_fails_costs_the_same(
    idp, make_pool, make_user, hiding, cost, sms_by, verified, backend
):
    pool = make_pool(AutoVerifiedAttributes=verified)
    client = hiding(pool)
    for name, attributes in PEOPLE.items():
        make_user(pool, name, **attributes)
    sms_by(backend)

    def ask(name):
        idp.forgot_password(ClientId=client.client_id, Username=name)

    for _ in range(2):
        names = (*PEOPLE, "nobody", "+15550009999", "x@example.org")
        costs = {name: cost(client, lambda name=name: ask(name)) for name in names}
        assert same(costs)[0] == "done"


@pytest.mark.parametrize("backend", [NO_SMS, DOMESTIC_SMS])
def test_asking_for_a_code_by_a_medium_that_fails_costs_the_same(
    idp, make_pool, hiding, cost, sms_by, backend
):
    pool = make_pool(AutoVerifiedAttributes=BOTH)
    client = hiding(pool)
    for name, attributes in PEOPLE.items():
        contacts = {key: value for key, value in attributes.items() if key in BOTH}
        idp.sign_up(
            ClientId=client.client_id,
            Username=name,
            Password=PASSWORD,
            UserAttributes=listed(**contacts),
        )
    sms_by(backend)

    def ask(name):
        idp.resend_confirmation_code(ClientId=client.client_id, Username=name)

    names = (*PEOPLE, "nobody", "+15550009999", "x@example.org")
    costs = {name: cost(client, lambda name=name: ask(name)) for name in names}
    assert same(costs)[0] == "done"


def test_without_any_medium_everybody_is_told_so(
    idp, make_pool, make_user, hiding, cost, sms_by, settings
):
    pool = make_pool(AutoVerifiedAttributes=BOTH)
    client = hiding(pool)
    for name, attributes in PEOPLE.items():
        make_user(pool, name, **attributes)
    sms_by(NO_SMS)
    settings.EMAIL_BACKEND = "userpools.messaging.email.NoEmail"

    def ask(name):
        idp.forgot_password(ClientId=client.client_id, Username=name)

    costs = {name: cost(client, lambda name=name: ask(name)) for name in (*PEOPLE, "nobody")}
    assert same(costs)[0][0] == "CodeDeliveryFailureException"
    assert not VerificationCode.objects.exists()


def test_a_code_that_can_be_sent_is_sent_beside_a_medium_that_fails(
    idp, make_pool, make_user, hiding, sms_by, sent
):
    pool = make_pool(AutoVerifiedAttributes=BOTH)
    client = hiding(pool)
    make_user(pool, "by-email", **EMAIL)
    sms_by(NO_SMS)
    idp.forgot_password(ClientId=client.client_id, Username="by-email")
    (message,) = sent()
    assert message["to"] == "x@example.com"


def test_the_right_password_and_code_are_told_from_the_others(idp, pool, make_user, hiding, sent):
    """The positive control: what is hidden is hidden from strangers alone."""
    client = hiding(pool)
    make_user(pool, "confirmed", **EMAIL)
    begin = {"ClientId": client.client_id, "AuthFlow": "USER_PASSWORD_AUTH"}
    parameters = {"USERNAME": "confirmed", "PASSWORD": PASSWORD}
    assert idp.initiate_auth(**begin, AuthParameters=parameters)["AuthenticationResult"]
    idp.forgot_password(ClientId=client.client_id, Username="confirmed")
    (message,) = sent()
    idp.confirm_forgot_password(
        ClientId=client.client_id,
        Username="confirmed",
        ConfirmationCode=message["code"],
        Password="Battery-Staple-7",
    )
