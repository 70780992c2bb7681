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


# Choice-based sign-in


@pytest.fixture
def choice(idp, make_pool, people, hiding):
    """A hiding client of a pool of people who may begin with a code by e-mail, and its calls."""
    allowed = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
    pool = make_pool(Policies=allowed)
    people(pool)
    return Choice(idp, hiding(pool, "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"))


class Choice:
    def __init__(self, idp, client):
        self.idp, self.client = idp, client

    def begin(self, name, **parameters):
        return self.idp.initiate_auth(
            ClientId=self.client.client_id,
            AuthFlow="USER_AUTH",
            AuthParameters={"USERNAME": name, **parameters},
        )

    def answer(self, name, issued, **responses):
        return self.idp.respond_to_auth_challenge(
            ClientId=self.client.client_id,
            ChallengeName=issued["ChallengeName"],
            Session=issued["Session"],
            ChallengeResponses={"USERNAME": name, **responses},
        )


# Who has to replace a password is offered no code, and who has none no password, as the service
# tells their applications; the others look alike.
WITH_CODES = ["confirmed", "disabled", "unconfirmed", "no-password", "external", "nobody"]
WITH_PASSWORDS = [name for name in EVERYBODY if name != "no-password"]
WITH_BOTH = [name for name in WITH_CODES if name in WITH_PASSWORDS]


def test_the_same_is_offered_whoever_is_named(choice, cost):
    offers = {name: choice.begin(name)["AvailableChallenges"] for name in WITH_BOTH}
    assert same(offers) == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]
    costs = {name: cost(choice.client, lambda name=name: choice.begin(name)) for name in EVERYBODY}
    assert same(costs) == ("done", 1, {"seal": 1})


def test_being_sent_a_code_costs_the_same_whoever_is_named(choice, cost):
    first, second = {}, {}
    preferred = {"PREFERRED_CHALLENGE": "EMAIL_OTP"}
    for name in WITH_CODES:
        assert choice.begin(name, **preferred)["ChallengeName"] == "EMAIL_OTP"
        first[name] = cost(choice.client, lambda name=name: choice.begin(name, **preferred))
        issued = choice.begin(name)
        second[name] = cost(
            choice.client,
            lambda name=name, issued=issued: choice.answer(name, issued, ANSWER="EMAIL_OTP"),
        )
    for costs in (first, second):
        ending, _, work = same(costs)
        assert ending == "done"
        assert work == {"seal": 2, "code hash": 1}


def test_a_wrong_code_costs_the_same_whoever_is_named(choice, cost):
    sent, unsent = {}, {}
    for name in WITH_CODES:
        issued = choice.begin(name, PREFERRED_CHALLENGE="EMAIL_OTP")

        def guess(name=name, issued=issued):
            choice.answer(name, issued, EMAIL_OTP_CODE="12345678")

        sent[name] = cost(choice.client, guess)
        before = {**choice.begin(name), "ChallengeName": "EMAIL_OTP"}
        unsent[name] = cost(choice.client, lambda name=name, it=before: guess(name, it))
    for costs, hashes in ((sent, {"code hash": 1}), (unsent, {})):
        (code, said), _, work = same(costs)
        assert (code, said) == (
            "CodeMismatchException",
            "Invalid code or auth state for the user.",
        )
        assert work == hashes


def test_a_wrong_chosen_password_costs_the_same_whoever_is_named(choice, cost):
    wrong = {"PASSWORD": "Wrong-Password-1"}
    at_once, later = {}, {}
    for name in WITH_PASSWORDS:
        at_once[name] = cost(
            choice.client,
            lambda name=name: choice.begin(name, PREFERRED_CHALLENGE="PASSWORD", **wrong),
        )
        issued = choice.begin(name)
        later[name] = cost(
            choice.client,
            lambda name=name, issued=issued: choice.answer(
                name, issued, ANSWER="PASSWORD", **wrong
            ),
        )
    for costs in (at_once, later):
        ending, _, work = same(costs)
        assert ending == ("NotAuthorizedException", "Incorrect username or password.")
        assert work == {"power": 1}


def test_a_wrong_chosen_srp_costs_the_same_whoever_is_named(choice, cost, srp_sign_in):
    first, second = {}, {}
    for name in WITH_PASSWORDS:
        attempt = srp_sign_in(choice.client, name, "Wrong-Password-1")
        chosen = {"PREFERRED_CHALLENGE": "PASSWORD_SRP", "SRP_A": f"{attempt.srp.A:x}"}
        first[name] = cost(choice.client, lambda name=name, it=chosen: choice.begin(name, **it))
        issued = choice.begin(name, **chosen)
        attempt.challenge = issued["ChallengeParameters"]
        given = attempt.responses()
        second[name] = cost(
            choice.client,
            lambda name=name, issued=issued, given=given: choice.answer(name, issued, **given),
        )
    assert same(first)[2] == {"power": 1, "seal": 2}
    ending, _, work = same(second)
    assert ending == ("NotAuthorizedException", "Incorrect username or password.")
    assert work == {"power": 2}


@pytest.mark.parametrize("backend", [NO_SMS, DOMESTIC_SMS])
def test_choosing_a_code_by_a_medium_that_fails_costs_the_same(
    idp, make_pool, make_user, hiding, cost, sms_by, backend
):
    allowed = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SMS_OTP"]}}
    pool = make_pool(Policies=allowed)
    choice = Choice(idp, hiding(pool, "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"))
    make_user(pool, "by-phone", **PEOPLE["by-phone"])
    sms_by(backend)
    costs = {
        name: cost(
            choice.client,
            lambda name=name: choice.begin(name, PREFERRED_CHALLENGE="SMS_OTP"),
        )
        for name in ("by-phone", "nobody", "+15550009999")
    }
    ending, _, _ = same(costs)
    assert (ending == "done") == (backend == DOMESTIC_SMS)
