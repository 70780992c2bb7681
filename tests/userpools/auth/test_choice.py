"""Choice-based sign-in through boto3: what is offered, choosing, and each way to go on."""

import base64
import secrets
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.userpools.auth.choice import (
    ALL,
    EMAIL,
    FLOWS,
    INVALID,
    PHONE,
    USED,
    WRONG,
    answer,
    answered_wrongly,
    begin,
    begun_wrongly,
    read_before,
    without_password,
)
from tests.userpools.auth.srp_client import SrpClient
from userpools.audit import Actor
from userpools.auth import sealed
from userpools.auth.attempt import Attempt, password_mark
from userpools.auth.challenges.web_authn import CHALLENGE_BYTES
from userpools.auth.engine import CHALLENGES
from userpools.auth.first_factors import BY_NAME
from userpools.auth.secret_hash import secret_hash
from userpools.awsjson.service import Call
from userpools.models import AppClient, AuthEvent, PoolUser, SignInSession
from userpools.services import pools

pytestmark = pytest.mark.django_db


# The flow


def test_a_client_has_to_allow_it(idp, choosing, make_user):
    client = choosing(ExplicitAuthFlows=FLOWS[1:])
    make_user(client.pool)
    said = begun_wrongly(idp, "InvalidParameterException", client)
    assert said == "USER_AUTH is not enabled for the client."


def test_a_lower_tier_has_it_not(idp, make_pool, make_client, make_user):
    pool = make_pool(UserPoolTier="LITE")
    make_user(pool)
    begun_wrongly(idp, "FeatureUnavailableInTierException", make_client(pool))


@pytest.mark.parametrize("parameters", [{}, {"USERNAME": ""}])
def test_a_name_is_needed(idp, app, parameters):
    said = refused(
        idp,
        "InvalidParameterException",
        idp.initiate_auth,
        ClientId=app.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters=parameters,
    )
    assert said == "Missing required parameter USERNAME"


def test_an_unknown_name_is_told(idp, app):
    said = begun_wrongly(idp, "UserNotFoundException", app, "nobody")
    assert said == "User does not exist."


def test_a_client_with_a_secret_proves_it(idp, choosing, make_user):
    client = choosing(GenerateSecret=True)
    make_user(client.pool, "ana", **EMAIL)
    begun_wrongly(idp, "NotAuthorizedException", client)
    begun_wrongly(idp, "NotAuthorizedException", client, SECRET_HASH="wrong")
    proof = secret_hash(client.secret_values[0], "ana", client.client_id)
    issued = begin(idp, client, SECRET_HASH=proof)
    assert issued["ChallengeName"] == "SELECT_CHALLENGE"
    answered_wrongly(idp, "NotAuthorizedException", client, issued, ANSWER="PASSWORD")
    chosen = answer(idp, client, issued, ANSWER="PASSWORD", SECRET_HASH=proof)
    assert chosen["ChallengeName"] == "PASSWORD"


# What is offered


@pytest.mark.parametrize(
    ("allowed", "attributes", "offered"),
    [
        (["PASSWORD"], {**EMAIL, **PHONE}, []),
        (["PASSWORD", "EMAIL_OTP"], {**EMAIL, **PHONE}, ["EMAIL_OTP"]),
        (["PASSWORD", "SMS_OTP"], {**EMAIL, **PHONE}, ["SMS_OTP"]),
        (ALL, PHONE, ["SMS_OTP"]),
        (ALL, {}, []),
        ([*ALL, "WEB_AUTHN"], {**EMAIL, **PHONE}, ["EMAIL_OTP", "SMS_OTP"]),
    ],
)
def test_what_the_pool_allows_and_the_user_has_is_offered(
    idp, choosing, make_user, allowed, attributes, offered
):
    client = choosing(*allowed)
    make_user(client.pool, "ana", **attributes)
    issued = begin(idp, client)
    assert issued["ChallengeName"] == "SELECT_CHALLENGE"
    assert issued["ChallengeParameters"] == {}
    assert issued["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", *offered]
    assert 20 <= len(issued["Session"]) <= 4096


def test_a_user_without_a_password_is_not_asked_for_one(idp, app):
    without_password(app)
    for preferred in ("PASSWORD", "PASSWORD_SRP"):
        issued = begin(idp, app, PREFERRED_CHALLENGE=preferred, PASSWORD=PASSWORD)
        assert issued["ChallengeName"] == "SELECT_CHALLENGE"
        assert issued["AvailableChallenges"] == ["EMAIL_OTP", "SMS_OTP"]


def test_a_temporary_password_comes_first(idp, app):
    idp.admin_set_user_password(
        UserPoolId=app.pool_id, Username="ana", Password=PASSWORD, Permanent=False
    )
    issued = begin(idp, app, PREFERRED_CHALLENGE="EMAIL_OTP")
    assert issued["ChallengeName"] == "SELECT_CHALLENGE"
    assert issued["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
    asked = answer(idp, app, issued, ANSWER="PASSWORD", PASSWORD=PASSWORD)
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert answer(idp, app, asked, NEW_PASSWORD="Battery-Staple-7")["AuthenticationResult"]


def test_a_pool_of_hashes_offers_no_srp(idp, choosing, make_user):
    client = choosing(ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    make_user(client.pool, "ana")
    assert begin(idp, client)["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
    pools.set_password_storage(client.pool_id, "argon2id", actor=Actor("root", "console"))
    make_user(client.pool, "eva")
    for name in ("ana", "eva"):
        assert begin(idp, client, name)["AvailableChallenges"] == ["PASSWORD"]


def test_whoever_can_begin_with_nothing_is_refused(idp, app, make_user):
    make_user(app.pool, "eva")
    without_password(app, "eva")
    assert begun_wrongly(idp, "NotAuthorizedException", app, "eva") == WRONG
    assert AuthEvent.objects.filter(username="eva", outcome="Fail").count() == 1


def test_a_factor_that_is_not_had_leads_to_the_choice(idp, app, make_user, sent):
    make_user(app.pool, "eva", **EMAIL)
    for preferred in ("SMS_OTP", "WEB_AUTHN", "SOFTWARE_TOKEN", "x"):
        issued = begin(idp, app, "eva", PREFERRED_CHALLENGE=preferred)
        assert issued["ChallengeName"] == "SELECT_CHALLENGE"
        assert issued["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]
    assert not sent()


@pytest.mark.parametrize("error", ["disabled", "reset"])
def test_a_state_that_forbids_it_is_told_at_once(idp, app, error):
    if error == "disabled":
        idp.admin_disable_user(UserPoolId=app.pool_id, Username="ana")
        said = begun_wrongly(idp, "NotAuthorizedException", app, PREFERRED_CHALLENGE="EMAIL_OTP")
        assert said == "User is disabled."
    else:
        PoolUser.objects.update(status="RESET_REQUIRED")
        begun_wrongly(idp, "PasswordResetRequiredException", app, PREFERRED_CHALLENGE="EMAIL_OTP")


# Choosing


@pytest.mark.parametrize("choice", ["WEB_AUTHN", "PASSWORD_VERIFIER", "SELECT_CHALLENGE", "x"])
def test_only_what_is_offered_can_be_chosen(idp, app, choice):
    answered_wrongly(idp, "InvalidParameterException", app, begin(idp, app), ANSWER=choice)


def test_a_choice_is_needed(idp, app):
    said = answered_wrongly(idp, "InvalidParameterException", app, begin(idp, app))
    assert said == "Missing required parameter ANSWER"


@pytest.mark.parametrize(
    "challenge", ["PASSWORD_VERIFIER", "SMS_MFA", "NEW_PASSWORD_REQUIRED", "WEB_AUTHN"]
)
def test_only_what_is_offered_can_be_answered(idp, app, challenge):
    said = answered_wrongly(
        idp,
        "NotAuthorizedException",
        app,
        begin(idp, app),
        challenge,
        PASSWORD_CLAIM_SECRET_BLOCK="eA==",
    )
    assert said in {INVALID, WRONG}


def test_a_chosen_factor_stays_the_choice(idp, app):
    chosen = answer(idp, app, begin(idp, app), ANSWER="PASSWORD")
    assert chosen["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    said = answered_wrongly(idp, "NotAuthorizedException", app, chosen, "EMAIL_OTP")
    assert said == INVALID


def test_a_choice_is_made_once(idp, app, sent):
    issued = begin(idp, app)
    answer(idp, app, issued, ANSWER="EMAIL_OTP")
    for again in ("EMAIL_OTP", "SMS_OTP", "PASSWORD"):
        said = answered_wrongly(idp, "NotAuthorizedException", app, issued, ANSWER=again)
        assert said == USED
    assert len(sent()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_choice_made_in_parallel_sends_one_message(idp, app, sent):
    issued = begin(idp, app)
    outcomes = in_parallel(8, lambda: answer(idp, app, issued, ANSWER="SMS_OTP"))
    assert outcomes.count("done") == 1
    assert set(outcomes) == {"done", "NotAuthorizedException"}
    assert len(sent()) == 1


def test_a_session_of_another_client_or_user_is_refused(idp, app, make_client, make_user):
    issued = begin(idp, app)
    other = make_client(app.pool, ExplicitAuthFlows=FLOWS)
    make_user(app.pool, "eva", **EMAIL)
    for client, name in ((other, "ana"), (app, "eva")):
        said = answered_wrongly(
            idp, "NotAuthorizedException", client, issued, name=name, ANSWER="EMAIL_OTP"
        )
        assert said == INVALID


def test_a_choice_expires(idp, app):
    issued = begin(idp, app)
    with time_machine.travel(timedelta(minutes=4)):
        said = answered_wrongly(idp, "NotAuthorizedException", app, issued, ANSWER="PASSWORD")
    assert said == "Invalid session for the user, session is expired."


# Passwords


@pytest.mark.parametrize("way", ["preferred", "asked", "chosen", "inline", "direct"])
def test_a_password_signs_in(idp, app, way):
    def sign_in(password):
        given = {"PASSWORD": password}
        if way == "preferred":
            return begin(idp, app, PREFERRED_CHALLENGE="PASSWORD", **given)
        if way == "asked":
            issued = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD")
            assert (issued["ChallengeName"], issued["ChallengeParameters"]) == ("PASSWORD", {})
            return answer(idp, app, issued, **given)
        issued = begin(idp, app)
        if way == "chosen":
            return answer(idp, app, answer(idp, app, issued, ANSWER="PASSWORD"), **given)
        if way == "inline":
            return answer(idp, app, issued, ANSWER="PASSWORD", **given)
        return answer(idp, app, issued, "PASSWORD", **given)

    with pytest.raises(idp.exceptions.NotAuthorizedException, match=WRONG):
        sign_in("Wrong-Password-1")
    assert PoolUser.objects.get().failed_passwords == 1
    done = sign_in(PASSWORD)
    assert done["AuthenticationResult"]["AccessToken"]
    assert "AvailableChallenges" not in done
    assert PoolUser.objects.get().failed_passwords == 0
    assert AuthEvent.objects.filter(outcome="Pass").get().flow == "USER_AUTH"


def test_a_wrong_password_leaves_the_session_usable(idp, app):
    issued = begin(idp, app)
    given = {"ANSWER": "PASSWORD"}
    answered_wrongly(idp, "NotAuthorizedException", app, issued, **given, PASSWORD="Wrong-1")
    done = answer(idp, app, issued, **given, PASSWORD=PASSWORD)
    assert done["AuthenticationResult"]


def test_a_password_is_needed(idp, app):
    issued = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD", PASSWORD="")
    said = answered_wrongly(idp, "InvalidParameterException", app, issued)
    assert said == "Missing required parameter PASSWORD"


def test_a_session_signs_in_once(idp, app):
    issued = begin(idp, app)
    answer(idp, app, issued, "PASSWORD", PASSWORD=PASSWORD)
    said = answered_wrongly(
        idp, "NotAuthorizedException", app, issued, "PASSWORD", PASSWORD=PASSWORD
    )
    assert said == USED
    assert SignInSession.objects.count() == 1


class Srp:
    """PASSWORD_SRP by hand."""

    def __init__(self, idp, client, name="ana", password=PASSWORD):
        self.idp, self.client, self.name = idp, client, name
        self.srp = SrpClient(
            client.pool_id.split("_", 1)[1], name, password, secrets.randbits(256) | 1
        )

    @property
    def a(self):
        return f"{self.srp.A:x}"

    def responses(self, issued):
        given = issued["ChallengeParameters"]
        now = datetime.now(UTC)
        timestamp = f"{now:%a %b} {now.day} {now:%H:%M:%S} UTC {now.year}"
        block = base64.b64decode(given["SECRET_BLOCK"])
        self.srp.user_id = given["USER_ID_FOR_SRP"]
        signature = self.srp.signature(int(given["SRP_B"], 16), given["SALT"], block, timestamp)
        return {
            "USERNAME": given["USER_ID_FOR_SRP"],
            "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
            "TIMESTAMP": timestamp,
        }

    def members(self, issued, **members):
        return {
            "ClientId": self.client.client_id,
            "ChallengeName": "PASSWORD_VERIFIER",
            "Session": issued["Session"],
            "ChallengeResponses": self.responses(issued),
            **members,
        }

    def respond(self, issued, **members):
        return self.idp.respond_to_auth_challenge(**self.members(issued, **members))


@pytest.mark.parametrize("way", ["preferred", "asked", "chosen", "inline", "direct"])
def test_srp_signs_in(idp, app, way):
    def verifier(srp):
        given = {"SRP_A": srp.a}
        if way == "preferred":
            return begin(idp, app, PREFERRED_CHALLENGE="PASSWORD_SRP", **given)
        if way == "asked":
            issued = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD_SRP")
            assert (issued["ChallengeName"], issued["ChallengeParameters"]) == ("PASSWORD_SRP", {})
            return answer(idp, app, issued, **given)
        issued = begin(idp, app)
        if way == "chosen":
            return answer(idp, app, answer(idp, app, issued, ANSWER="PASSWORD_SRP"), **given)
        if way == "inline":
            return answer(idp, app, issued, ANSWER="PASSWORD_SRP", **given)
        return answer(idp, app, issued, "PASSWORD_SRP", **given)

    wrong = Srp(idp, app, password="Wrong-Password-1")
    issued = verifier(wrong)
    assert issued["ChallengeName"] == "PASSWORD_VERIFIER"
    said = refused(
        idp, "NotAuthorizedException", idp.respond_to_auth_challenge, **wrong.members(issued)
    )
    assert said == WRONG
    assert PoolUser.objects.get().failed_passwords == 1
    right = Srp(idp, app)
    done = right.respond(verifier(right))
    assert done["AuthenticationResult"]["AccessToken"]
    assert PoolUser.objects.get().failed_passwords == 0


@pytest.mark.parametrize("value", ["0", "xyz", ""])
def test_a_bad_public_value_is_refused(idp, app, value):
    issued = begin(idp, app)
    answered_wrongly(idp, "InvalidParameterException", app, issued, "PASSWORD_SRP", SRP_A=value)


def test_the_verifier_needs_its_session(idp, app):
    srp = Srp(idp, app)
    issued = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=srp.a)
    members = srp.members(issued)
    del members["Session"]
    said = refused(idp, "InvalidParameterException", idp.respond_to_auth_challenge, **members)
    assert said == "Missing required parameter Session"
    for other in (
        begin(idp, app),
        begin(idp, app, PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=srp.a),
    ):
        members["Session"] = other["Session"]
        said = refused(idp, "NotAuthorizedException", idp.respond_to_auth_challenge, **members)
        assert said == INVALID
    assert srp.respond(issued)["AuthenticationResult"]


def test_a_block_of_plain_srp_serves_no_session_of_a_choice(idp, app, srp_sign_in):
    plain = srp_sign_in(app)
    plain.start()
    chosen = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=f"{plain.srp.A:x}")
    # Its own attempt goes on, which the Session beside it has no part in.
    done = idp.respond_to_auth_challenge(
        ClientId=app.client_id,
        ChallengeName="PASSWORD_VERIFIER",
        Session=chosen["Session"],
        ChallengeResponses=plain.responses(),
    )
    assert done["AuthenticationResult"]
    assert AuthEvent.objects.filter(outcome="Pass").get().flow == "USER_SRP_AUTH"


def test_a_verifier_expires(idp, choosing, make_user):
    client = choosing(AuthSessionValidity=15)
    make_user(client.pool)
    srp = Srp(idp, client)
    issued = begin(idp, client, PREFERRED_CHALLENGE="PASSWORD_SRP", SRP_A=srp.a)
    with time_machine.travel(timedelta(minutes=4)):
        members = srp.members(issued)
        said = refused(idp, "NotAuthorizedException", idp.respond_to_auth_challenge, **members)
    assert said == WRONG


def test_an_unconfirmed_user_is_told_after_the_password(idp, app):
    PoolUser.objects.update(status="UNCONFIRMED")
    given = {"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD}
    begun_wrongly(idp, "UserNotConfirmedException", app, **given)
    begun_wrongly(idp, "NotAuthorizedException", app, **{**given, "PASSWORD": "Wrong-1"})


# Second factors


@pytest.fixture
def with_mfa(idp, app):
    """The same pool with second factors that users may turn on; ana has codes by e-mail on."""
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id, MfaConfiguration="OPTIONAL", EmailMfaConfiguration={}
    )
    idp.admin_set_user_mfa_preference(
        UserPoolId=app.pool_id,
        Username="ana",
        EmailMfaSettings={"Enabled": True, "PreferredMfa": True},
    )
    return app


def test_a_user_with_a_second_factor_begins_with_the_password(idp, with_mfa, sent):
    for preferred in ("EMAIL_OTP", "SMS_OTP"):
        issued = begin(idp, with_mfa, PREFERRED_CHALLENGE=preferred)
        assert issued["ChallengeName"] == "SELECT_CHALLENGE"
        assert issued["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
    assert not sent()


@pytest.mark.parametrize("by_srp", [True, False])
def test_a_code_by_email_is_the_second_factor_after_the_password(idp, with_mfa, sent, by_srp):
    srp = Srp(idp, with_mfa)
    preferred = "PASSWORD_SRP" if by_srp else "PASSWORD"
    issued = begin(idp, with_mfa, PREFERRED_CHALLENGE=preferred, SRP_A=srp.a, PASSWORD=PASSWORD)
    issued = srp.respond(issued) if by_srp else issued
    assert issued["ChallengeName"] == "EMAIL_OTP"
    assert "AvailableChallenges" not in issued
    (message,) = sent()
    assert len(message["code"]) == 6
    wrong = f"{(int(message['code']) + 1) % 10**6:06d}"
    answered_wrongly(idp, "CodeMismatchException", with_mfa, issued, EMAIL_OTP_CODE=wrong)
    # Counted as a second factor's, for the user.
    assert PoolUser.objects.get().failed_codes == 1
    done = answer(idp, with_mfa, issued, EMAIL_OTP_CODE=message["code"])
    assert done["AuthenticationResult"]
    assert len(sent()) == 1


def test_a_code_by_email_is_a_first_factor_without_a_second(idp, with_mfa, make_user, sent):
    make_user(with_mfa.pool, "eva", email="eva@example.com")
    issued = begin(idp, with_mfa, "eva", PREFERRED_CHALLENGE="EMAIL_OTP")
    assert issued["ChallengeName"] == "EMAIL_OTP"
    (message,) = sent()
    assert len(message["code"]) == 8
    done = answer(idp, with_mfa, issued, name="eva", EMAIL_OTP_CODE=message["code"])
    assert done["AuthenticationResult"]


def test_a_second_factor_turned_on_meanwhile_ends_the_way_around_it(idp, with_mfa, make_user, sent):
    make_user(with_mfa.pool, "eva", email="eva@example.com")
    issued = begin(idp, with_mfa, "eva", PREFERRED_CHALLENGE="EMAIL_OTP")
    idp.admin_set_user_mfa_preference(
        UserPoolId=with_mfa.pool_id, Username="eva", EmailMfaSettings={"Enabled": True}
    )
    said = answered_wrongly(
        idp,
        "NotAuthorizedException",
        with_mfa,
        issued,
        name="eva",
        EMAIL_OTP_CODE=sent()[0]["code"],
    )
    assert said == INVALID
    assert not SignInSession.objects.exists()


def test_a_pool_that_demands_a_second_factor_offers_passwords_alone(idp, choosing, make_user):
    client = choosing("PASSWORD", "WEB_AUTHN")
    idp.set_user_pool_mfa_config(
        UserPoolId=client.pool_id,
        MfaConfiguration="ON",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    make_user(client.pool, "ana", **EMAIL)
    assert begin(idp, client)["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
    issued = begin(idp, client, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
    assert issued["ChallengeName"] == "MFA_SETUP"


# The administrator's way


def test_an_application_server_signs_in(idp, app, sent):
    named = {"UserPoolId": app.pool_id, "ClientId": app.client_id}
    issued = idp.admin_initiate_auth(
        **named, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": "ana"}
    )
    assert issued["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    chosen = idp.admin_respond_to_auth_challenge(
        **named,
        ChallengeName="SELECT_CHALLENGE",
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": "ana", "ANSWER": "EMAIL_OTP"},
    )
    done = idp.admin_respond_to_auth_challenge(
        **named,
        ChallengeName="EMAIL_OTP",
        Session=chosen["Session"],
        ChallengeResponses={"USERNAME": "ana", "EMAIL_OTP_CODE": sent()[0]["code"]},
    )
    assert done["AuthenticationResult"]


def test_an_administrator_is_told_that_a_name_is_nobodys(idp, choosing):
    client = choosing(PreventUserExistenceErrors="ENABLED")
    refused(
        idp,
        "UserNotFoundException",
        idp.admin_initiate_auth,
        UserPoolId=client.pool_id,
        ClientId=client.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": "nobody"},
    )


# Statements


def test_being_asked_costs_one_statement(idp, app, django_assert_num_queries):
    begin(idp, app)
    read_before(app)
    with django_assert_num_queries(1):
        begin(idp, app)


def test_a_password_costs_what_it_costs_without_a_choice(
    idp, app, make_client, django_assert_max_num_queries
):
    plain = make_client(app.pool)

    def sign_in(client, **parameters):
        return idp.initiate_auth(ClientId=client.client_id, **parameters)

    by_password = {"AuthFlow": "USER_PASSWORD_AUTH"}
    by_choice = {"AuthFlow": "USER_AUTH"}
    by_password["AuthParameters"] = {"USERNAME": "ana", "PASSWORD": PASSWORD}
    by_choice["AuthParameters"] = {
        **by_password["AuthParameters"],
        "PREFERRED_CHALLENGE": "PASSWORD",
    }
    sign_in(plain, **by_password)
    sign_in(app, **by_choice)
    read_before(plain)
    with django_assert_max_num_queries(50) as captured:
        sign_in(plain, **by_password)
    alone = len(captured)
    read_before(app)
    with django_assert_max_num_queries(alone):
        sign_in(app, **by_choice)


# The Session's length


def test_a_device_key_of_any_length_leaves_room_in_a_session(idp, app):
    long = "x" * 9000
    issued = begin(idp, app, DEVICE_KEY=long)
    assert len(issued["Session"]) <= 4096
    chosen = answer(idp, app, issued, ANSWER="EMAIL_OTP", DEVICE_KEY=long)
    assert len(chosen["Session"]) <= 4096


def test_a_session_holds_all_that_a_sign_in_can_know(app):
    client, user = AppClient.cached(app.client_id), PoolUser.objects.get()
    call = Call("InitiateAuth", None, "us-east-1", "0" * 12, "", "127.0.0.1")
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow="USER_AUTH",
        name_key="\x01" * 256,
        user=user,
        password_mark=password_mark(user),
        passed=list(CHALLENGES),
        pending="DEVICE_PASSWORD_VERIFIER",
        factor="SOFTWARE_TOKEN_MFA",
        has_set_up=True,
        custom_step=uuid.uuid4(),
        offered=tuple(BY_NAME),
        first_factor="PASSWORD_SRP",
        passkey_challenge=bytes(CHALLENGE_BYTES),
        device_key="x" * 56,
    )
    session = sealed.seal(attempt)
    assert len(session) <= 4096
    again = sealed.unseal(session, client=client, call=call)
    assert again == replace(attempt, expires_at=again.expires_at, new_password_set=True)
