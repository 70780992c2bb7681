"""Signing in with a passkey through boto3, and what is refused."""

import json
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from tests.authenticator import code_of
from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.passkey import PRESENT, VERIFIED, Passkey
from tests.userpools.conftest import FLOWS, RP_ID
from userpools.auth import web_authn
from userpools.auth.mfa_preferences import NO_PASSKEY, ONE_FACTOR_PASSKEYS, PASSKEY_ALONE
from userpools.models import AuditEntry, AuthEvent, PoolUser, SignInSession, UserPool
from userpools.models import Passkey as Row
from userpools.services import users

pytestmark = pytest.mark.django_db

WRONG = "Incorrect username or password."
INVALID = "Invalid session for the user."
USED = "Invalid session for the user, session can only be used once."
EXPIRED = "Invalid session for the user, session is expired."
TOTP = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
MULTI = {"RelyingPartyId": RP_ID, "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"}
PASSWORDS = ["PASSWORD_SRP", "PASSWORD"]


@pytest.fixture
def app(passkey_app):
    return passkey_app


@pytest.fixture
def token(app, sign_in):
    return sign_in(app)["AccessToken"]


@pytest.fixture
def passkey(register, token):
    """A passkey of ana's whose authenticator counts."""
    made = register(token, Passkey(sign_count=4))
    made.sign_count = 5
    return made


@pytest.fixture
def hiding(app, make_client):
    """A client that hides who exists, of the same pool."""
    return make_client(app.pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="ENABLED")


def begin(idp, client, name="ana", preferred="WEB_AUTHN"):
    given = {"USERNAME": name, **({"PREFERRED_CHALLENGE": preferred} if preferred else {})}
    return idp.initiate_auth(ClientId=client.client_id, AuthFlow="USER_AUTH", AuthParameters=given)


def options_of(issued):
    return json.loads(issued["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"])


def answering(client, issued, credential, name="ana", challenge="WEB_AUTHN"):
    text = credential if isinstance(credential, str) else json.dumps(credential)
    return {
        "ClientId": client.client_id,
        "ChallengeName": challenge,
        "Session": issued["Session"],
        "ChallengeResponses": {"USERNAME": name, "CREDENTIAL": text},
    }


def answer(idp, *args, **more):
    return idp.respond_to_auth_challenge(**answering(*args, **more))


def not_answered(idp, *args, error="NotAuthorizedException", **more):
    return refused(idp, error, idp.respond_to_auth_challenge, **answering(*args, **more))


def sign_in_with(idp, client, passkey, name="ana", **overrides):
    issued = begin(idp, client, name)
    return answer(idp, client, issued, passkey.sign(options_of(issued), **overrides), name)


# Signing in


def test_a_passkey_signs_in(idp, app, passkey):
    issued = begin(idp, app)
    assert issued["ChallengeName"] == "WEB_AUTHN"
    options = options_of(issued)
    assert len(base64url_to_bytes(options.pop("challenge"))) == 32
    assert options == {
        "rpId": RP_ID,
        "timeout": 60000,
        "allowCredentials": [{"type": "public-key", "id": passkey.id}],
        "userVerification": "preferred",
    }
    done = answer(idp, app, issued, passkey.sign(options_of(issued)))
    tokens = done["AuthenticationResult"]
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ana"
    row = Row.objects.get()
    assert row.sign_count == 5
    assert row.last_used_at is not None
    assert AuthEvent.objects.latest("created_at").outcome == "Pass"


def test_a_passkey_is_among_the_choices(idp, app, passkey):
    issued = begin(idp, app, preferred="")
    assert issued["ChallengeName"] == "SELECT_CHALLENGE"
    assert issued["AvailableChallenges"] == [*PASSWORDS, "WEB_AUTHN"]
    chosen = idp.respond_to_auth_challenge(
        ClientId=app.client_id,
        ChallengeName="SELECT_CHALLENGE",
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": "ana", "ANSWER": "WEB_AUTHN"},
    )
    assert chosen["ChallengeName"] == "WEB_AUTHN"
    done = answer(idp, app, chosen, passkey.sign(options_of(chosen)))
    assert done["AuthenticationResult"]["IdToken"]


def test_an_administrators_server_signs_in_with_a_passkey(idp, app, passkey):
    issued = idp.admin_initiate_auth(
        UserPoolId=app.pool_id,
        ClientId=app.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": "ana", "PREFERRED_CHALLENGE": "WEB_AUTHN"},
    )
    said = answering(app, issued, passkey.sign(options_of(issued)))
    done = idp.admin_respond_to_auth_challenge(UserPoolId=app.pool_id, **said)
    assert done["AuthenticationResult"]


def test_an_rsa_passkey_signs_in(idp, app, register, token):
    passkey = register(token, Passkey(key=rsa.generate_private_key(65537, 2048)))
    assert sign_in_with(idp, app, passkey)["AuthenticationResult"]


@pytest.mark.parametrize("handle", [None, b""])
def test_an_authenticator_need_not_say_for_whom_it_keeps_the_passkey(idp, app, passkey, handle):
    assert sign_in_with(idp, app, passkey, user_handle=handle)["AuthenticationResult"]


def test_an_authenticator_need_not_count(idp, app, register, token):
    passkey = register(token)
    for _ in range(2):
        assert sign_in_with(idp, app, passkey)["AuthenticationResult"]


def test_signing_in_reads_and_writes_so_much(idp, app, passkey, django_assert_num_queries):
    # The user, whether there is a passkey, and its id.
    with django_assert_num_queries(3):
        issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    with CaptureQueriesContext(
        connection,
    ) as done:
        answer(idp, app, issued, credential)
    statements = [each["sql"].split()[0] for each in done if "SAVEPOINT" not in each["sql"]]
    # The user and the passkey; its counter; and what ends every sign-in.
    assert statements.count("SELECT") == 2
    assert statements[2] == "UPDATE"


def test_passkeys_are_among_the_users_factors(idp, app, passkey, token):
    shown = idp.get_user_auth_factors(AccessToken=token)
    assert "WEB_AUTHN" in shown["ConfiguredUserAuthFactors"]


# What is refused


@pytest.mark.parametrize(
    "overrides",
    [
        {"origin": "https://example.org"},
        {"origin": "http://example.com"},
        {"origin": "https://example.com.evil.org"},
        {"origin": ""},
        {"cross_origin": True},
        {"rp_id": "app.example.com"},
        {"type": "webauthn.create"},
        {"challenge": bytes_to_base64url(b"x" * 32)},
        {"flags": VERIFIED},
        {"user_handle": b"somebody else"},
    ],
    ids=str,
)
def test_an_answer_to_something_else_is_refused(idp, app, passkey, overrides):
    issued = begin(idp, app)
    wrong = passkey.sign(options_of(issued), **overrides)
    assert not_answered(idp, app, issued, wrong) == WRONG
    assert Row.objects.get().sign_count == 4
    assert answer(idp, app, issued, passkey.sign(options_of(issued)))["AuthenticationResult"]


@pytest.mark.parametrize("part", ["signature", "authenticatorData", "clientDataJSON"])
def test_what_was_tampered_with_is_refused(idp, app, passkey, part):
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    raw = bytearray(base64url_to_bytes(credential["response"][part]))
    if part == "clientDataJSON":
        raw = raw.replace(b"false", b"null ")
    else:
        raw[-1] ^= 1
    credential["response"][part] = bytes_to_base64url(bytes(raw))
    assert not_answered(idp, app, issued, credential) == WRONG


def test_another_key_is_refused(idp, app, passkey):
    issued = begin(idp, app)
    passkey.key = ec.generate_private_key(ec.SECP256R1())
    assert not_answered(idp, app, issued, passkey.sign(options_of(issued))) == WRONG


def test_a_passkey_of_another_user_is_refused(idp, app, passkey, make_user, sign_in, register):
    make_user(app.pool, "ben")
    theirs = register(sign_in(app, "ben")["AccessToken"])
    issued = begin(idp, app)
    for handle in (theirs.user_handle, passkey.user_handle, None):
        credential = theirs.sign(options_of(issued), user_handle=handle)
        assert not_answered(idp, app, issued, credential) == WRONG


def test_an_answer_serves_the_user_alone_who_was_asked(idp, app, passkey, make_user):
    make_user(app.pool, "ben")
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    assert not_answered(idp, app, issued, credential, name="ben") == INVALID


def test_a_passkey_of_another_pool_is_refused(
    idp, app, passkey, passkey_pool, make_user, make_client, sign_in, register
):
    pool = passkey_pool()
    make_user(pool, "ana")
    other = make_client(pool, ExplicitAuthFlows=FLOWS)
    theirs = register(sign_in(other)["AccessToken"])
    issued = begin(idp, app)
    credential = theirs.sign(options_of(issued), user_handle=passkey.user_handle)
    assert not_answered(idp, app, issued, credential) == WRONG
    foreign = begin(idp, other)
    assert not_answered(idp, app, foreign, passkey.sign(options_of(foreign))) == INVALID


def test_a_passkey_for_another_relying_party_is_not_offered(idp, app, passkey):
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id, WebAuthnConfiguration={"RelyingPartyId": "app.example.com"}
    )
    assert not_answered(idp, app, issued, credential) == WRONG
    assert begin(idp, app)["AvailableChallenges"] == PASSWORDS


@pytest.mark.parametrize("configuration", [{"UserVerification": "required"}, MULTI])
def test_a_user_whom_nobody_verified_is_refused(idp, app, passkey, configuration):
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id, WebAuthnConfiguration={"RelyingPartyId": RP_ID, **configuration}
    )
    issued = begin(idp, app)
    assert options_of(issued)["userVerification"] == "required"
    assert not_answered(idp, app, issued, passkey.sign(options_of(issued), flags=PRESENT)) == WRONG
    assert answer(idp, app, issued, passkey.sign(options_of(issued)))["AuthenticationResult"]


@pytest.mark.parametrize("counter", [0, 3, 4])
def test_a_counter_that_did_not_grow_is_refused_and_recorded(idp, app, passkey, counter):
    passkey.sign_count = counter
    issued = begin(idp, app)
    assert not_answered(idp, app, issued, passkey.sign(options_of(issued))) == WRONG
    event = AuthEvent.objects.latest("created_at")
    assert (event.outcome, event.reason, event.flow) == (
        "Fail",
        "SignCountNotIncreased",
        "USER_AUTH",
    )
    assert Row.objects.get().sign_count == 4


def test_an_answer_serves_once(idp, app, register, token):
    passkey = register(token)
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    assert answer(idp, app, issued, credential)["AuthenticationResult"]
    assert not_answered(idp, app, issued, credential) == USED
    assert not_answered(idp, app, issued, passkey.sign(options_of(issued))) == USED
    assert not_answered(idp, app, begin(idp, app), credential) == WRONG
    assert SignInSession.objects.count() == 2  # with the one that registered


def test_an_answer_that_comes_late_is_refused(idp, app, passkey):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        issued = begin(idp, app)
        credential = passkey.sign(options_of(issued))
        clock.shift(app.auth_session_lifetime + timedelta(seconds=1))
        assert not_answered(idp, app, issued, credential) == EXPIRED


def test_a_passkey_that_was_deleted_meanwhile_is_refused(idp, app, passkey, token):
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    idp.delete_web_authn_credential(AccessToken=token, CredentialId=passkey.id)
    assert not_answered(idp, app, issued, credential) == WRONG
    assert begin(idp, app)["AvailableChallenges"] == PASSWORDS


def test_a_passkey_chosen_after_it_was_deleted_is_refused(idp, app, passkey, token):
    issued = begin(idp, app, preferred="")
    idp.delete_web_authn_credential(AccessToken=token, CredentialId=passkey.id)
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.respond_to_auth_challenge,
        ClientId=app.client_id,
        ChallengeName="SELECT_CHALLENGE",
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": "ana", "ANSWER": "WEB_AUTHN"},
    )
    assert said == INVALID


def test_an_answer_without_a_challenge_is_refused(idp, app, passkey):
    issued = begin(idp, app, preferred="")
    credential = passkey.sign({"challenge": ""})
    assert not_answered(idp, app, issued, credential) == INVALID


def test_a_disabled_user_is_refused(idp, app, passkey):
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    idp.admin_disable_user(UserPoolId=app.pool_id, Username="ana")
    assert not_answered(idp, app, issued, credential) == INVALID
    idp.admin_enable_user(UserPoolId=app.pool_id, Username="ana")
    passkey.sign_count += 1
    assert sign_in_with(idp, app, passkey)["AuthenticationResult"]


def test_a_user_who_was_disabled_before_is_told_once_the_passkey_proved_who_it_is(
    idp, app, hiding, passkey
):
    PoolUser.objects.update(enabled=False)
    issued = begin(idp, hiding)
    forged = passkey.sign(options_of(issued), origin="https://example.org")
    assert not_answered(idp, hiding, issued, forged) == WRONG
    assert not_answered(idp, hiding, issued, passkey.sign(options_of(issued))) == (
        "User is disabled."
    )


def test_a_user_without_a_password_signs_in(idp, app, passkey):
    PoolUser.objects.update(password_form="", password_sealed=None, password_set_at=None)
    assert begin(idp, app, preferred="")["AvailableChallenges"] == ["WEB_AUTHN"]
    assert sign_in_with(idp, app, passkey)["AuthenticationResult"]


def test_a_user_with_a_temporary_password_begins_with_that(idp, app, passkey):
    idp.admin_set_user_password(
        UserPoolId=app.pool_id, Username="ana", Password=PASSWORD, Permanent=False
    )
    assert begin(idp, app)["AvailableChallenges"] == PASSWORDS


def test_a_pool_that_turned_passkeys_off_offers_none(idp, app, passkey):
    only = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}}
    idp.update_user_pool(UserPoolId=app.pool_id, Policies=only)
    assert begin(idp, app)["AvailableChallenges"] == PASSWORDS


@pytest.mark.parametrize(
    "credential",
    ["", "{", "[]", "7", "{}", '{"response": {}}', '{"response": {"clientDataJSON": "e30"}}'],
)
def test_what_is_no_credential_is_refused(idp, app, passkey, credential):
    not_answered(idp, app, begin(idp, app), credential, error="InvalidParameterException")


@pytest.mark.parametrize("credential_id", ["\x00", "ä", "", None, 7, "A" * 1365, {}])
def test_what_is_no_id_is_nobodys(idp, app, passkey, token, credential_id):
    issued = begin(idp, app)
    credential = {**passkey.sign(options_of(issued)), "id": credential_id}
    assert not_answered(idp, app, issued, credential) == WRONG
    if isinstance(credential_id, str) and credential_id != "\x00":
        refused(
            idp,
            "ResourceNotFoundException",
            idp.delete_web_authn_credential,
            AccessToken=token,
            CredentialId=credential_id,
        )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.binary().map(bytes_to_base64url),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(
    outer=st.dictionaries(st.sampled_from(["id", "rawId", "type", "response"]), JSON),
    inner=st.dictionaries(
        st.sampled_from(["clientDataJSON", "authenticatorData", "signature", "userHandle"]), JSON
    ),
)
def test_no_credential_is_a_fault(outer, inner):
    key = Passkey(rp_id=RP_ID)
    right = key.sign({"challenge": "AAAA"})
    changed = {**right, "response": {**right["response"], **inner}, **outer}
    for credential in (changed, {**changed, "response": {**right["response"], **inner}}):
        with pytest.raises(web_authn.Refused):
            web_authn.asserted(
                credential,
                public_key=web_authn.nobodys_key(),
                challenge=base64url_to_bytes("AAAA"),
                origin=key.origin,
                relying_party_id=RP_ID,
                demands_verification=False,
            )


# Clients that hide who exists


def names_offered(idp, client, count=40):
    seem = {}
    for number in range(count):
        name = f"nobody-{number}"
        seem[name] = begin(idp, client, name, preferred="")["AvailableChallenges"]
    return seem


def test_nobodies_seem_to_have_passkeys_or_not(idp, hiding, passkey):
    seem = names_offered(idp, hiding)
    having = {name for name, offered in seem.items() if "WEB_AUTHN" in offered}
    assert 5 < len(having) < 35
    assert all(offered in (PASSWORDS, [*PASSWORDS, "WEB_AUTHN"]) for offered in seem.values())
    assert seem == names_offered(idp, hiding)


def test_a_nobody_is_asked_for_the_same_passkey_every_time(idp, hiding, passkey):
    having = [name for name, seen in names_offered(idp, hiding).items() if "WEB_AUTHN" in seen]
    asked = set()
    for name in having:
        first, second = (options_of(begin(idp, hiding, name)) for _ in range(2))
        assert first.pop("challenge") != second.pop("challenge")
        assert first == second
        real = options_of(begin(idp, hiding))
        assert first.keys() | {"challenge"} == real.keys()
        assert first["allowCredentials"][0].keys() == real["allowCredentials"][0].keys()
        asked.add(first["allowCredentials"][0]["id"])
    assert len(asked) == len(having)
    assert {len(base64url_to_bytes(each)) for each in asked} <= {16, 20, 32}


def test_a_nobody_is_refused_as_somebody_is_and_for_the_same_work(idp, hiding, passkey):
    nobody = next(name for name, seen in names_offered(idp, hiding).items() if "WEB_AUTHN" in seen)
    counts = []
    for name in ("ana", nobody):
        with CaptureQueriesContext(connection) as begun:
            issued = begin(idp, hiding, name)
        forged = Passkey(rp_id=RP_ID, credential_id=b"\x07" * 32)
        credential = forged.sign(options_of(issued), user_handle=None)
        with CaptureQueriesContext(connection) as answered:
            assert not_answered(idp, hiding, issued, credential, name=name) == WRONG
        counts.append((len(begun), len(answered)))
    assert counts[0] == counts[1]
    assert not AuthEvent.objects.filter(outcome="Fail").exists()


def test_a_pool_that_demands_two_factors_seems_to_offer_no_single_one(idp, hiding, passkey):
    for configuration, seen in (({"RelyingPartyId": RP_ID}, False), (MULTI, True)):
        idp.set_user_pool_mfa_config(
            UserPoolId=hiding.pool_id,
            MfaConfiguration="ON",
            WebAuthnConfiguration=configuration,
            **TOTP,
        )
        offered = names_offered(idp, hiding, 20).values()
        assert any("WEB_AUTHN" in each for each in offered) is seen


# Second factors


@pytest.fixture
def seed(idp, app, token):
    """The secret of ana's authenticator app, which is asked for beside a password."""
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id,
        MfaConfiguration="OPTIONAL",
        WebAuthnConfiguration={"RelyingPartyId": RP_ID},
        **TOTP,
    )
    made = idp.associate_software_token(AccessToken=token)["SecretCode"]
    idp.verify_software_token(AccessToken=token, UserCode=code_of(made))
    idp.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True})
    return made


def use(idp, app, configuration, mode="OPTIONAL"):
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id,
        MfaConfiguration=mode,
        WebAuthnConfiguration=configuration,
        **TOTP,
    )


@pytest.mark.parametrize("mode", ["OPTIONAL", "ON"])
def test_a_passkey_does_not_take_the_place_of_a_second_factor(idp, app, passkey, seed, mode):
    use(idp, app, {"RelyingPartyId": RP_ID}, mode)
    assert begin(idp, app)["AvailableChallenges"] == PASSWORDS


@pytest.mark.parametrize("mode", ["OPTIONAL", "ON"])
def test_a_passkey_stands_for_both_factors_where_the_pool_says_so(idp, app, passkey, seed, mode):
    use(idp, app, MULTI, mode)
    issued = begin(idp, app)
    unverified = passkey.sign(options_of(issued), flags=PRESENT)
    assert not_answered(idp, app, issued, unverified) == WRONG
    assert answer(idp, app, issued, passkey.sign(options_of(issued)))["AuthenticationResult"]


def test_a_passkey_is_not_enough_once_a_second_factor_is_demanded(idp, app, passkey):
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    use(idp, app, {"RelyingPartyId": RP_ID}, "ON")
    assert not_answered(idp, app, issued, credential) == WRONG
    use(idp, app, MULTI, "ON")
    passkey.sign_count += 1
    assert answer(idp, app, issued, passkey.sign(options_of(issued)))["AuthenticationResult"]


def prefer(idp, token, **members):
    return idp.set_user_mfa_preference(AccessToken=token, **members)


def not_preferred(idp, token, **members):
    return refused(
        idp, "InvalidParameterException", idp.set_user_mfa_preference, AccessToken=token, **members
    )


ON, OFF = {"Enabled": True}, {"Enabled": False}


def test_passkeys_are_a_factor_only_beside_another(idp, app, passkey, seed, token):
    assert not_preferred(idp, token, WebAuthnMfaSettings=ON) == ONE_FACTOR_PASSKEYS
    use(idp, app, MULTI)
    said = not_preferred(idp, token, WebAuthnMfaSettings=ON, SoftwareTokenMfaSettings=OFF)
    assert said == PASSKEY_ALONE
    prefer(idp, token, WebAuthnMfaSettings=ON)
    assert PoolUser.objects.get().passkey_mfa
    prefer(idp, token, SoftwareTokenMfaSettings=OFF)
    assert not PoolUser.objects.get().passkey_mfa
    prefer(idp, token, SoftwareTokenMfaSettings=ON, WebAuthnMfaSettings=ON)
    idp.admin_delete_software_token(UserPoolId=app.pool_id, Username="ana")
    assert not PoolUser.objects.get().passkey_mfa


def test_an_administrators_change_is_audited(idp, app, passkey, seed):
    use(idp, app, MULTI)
    idp.admin_set_user_mfa_preference(
        UserPoolId=app.pool_id, Username="ana", WebAuthnMfaSettings=ON
    )
    entry = AuditEntry.objects.latest("pk")
    assert entry.before["WebAuthnMfaSettings"] == OFF
    assert entry.after["WebAuthnMfaSettings"] == ON


def test_passkeys_are_a_factor_of_who_has_one(idp, app, seed, token):
    use(idp, app, MULTI)
    assert not_preferred(idp, token, WebAuthnMfaSettings=ON) == NO_PASSKEY


def test_a_user_who_wants_to_be_verified_is(idp, app, passkey, seed, token):
    use(idp, app, MULTI)
    prefer(idp, token, WebAuthnMfaSettings=ON, SoftwareTokenMfaSettings=ON)
    # The pool goes back to passkeys as one factor; no second one is asked any more.
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id,
        MfaConfiguration="OFF",
        WebAuthnConfiguration={"RelyingPartyId": RP_ID},
    )
    issued = begin(idp, app)
    assert options_of(issued)["userVerification"] == "required"
    assert not_answered(idp, app, issued, passkey.sign(options_of(issued), flags=PRESENT)) == WRONG
    prefer(idp, token, WebAuthnMfaSettings=OFF)
    assert sign_in_with(idp, app, passkey, flags=PRESENT)["AuthenticationResult"]


def test_the_last_passkey_takes_the_factor_along(idp, app, passkey, seed, token, register):
    use(idp, app, MULTI)
    prefer(idp, token, WebAuthnMfaSettings=ON)
    another = register(token)
    idp.delete_web_authn_credential(AccessToken=token, CredentialId=passkey.id)
    assert PoolUser.objects.get().passkey_mfa
    idp.delete_web_authn_credential(AccessToken=token, CredentialId=another.id)
    assert not PoolUser.objects.get().passkey_mfa


# Whoever ended the user's sessions meant sign-ins under way too


def test_signing_out_everywhere_ends_a_sign_in_under_way(idp, app, passkey):
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    users.sign_out_everywhere(PoolUser.objects.get(pool=UserPool.objects.get(id=app.pool_id)))
    assert not_answered(idp, app, issued, credential) == INVALID


# In parallel


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [0, 5])
def test_an_answer_serves_once_in_parallel(idp, app, register, token, count):
    passkey = register(token)
    passkey.sign_count = count
    issued = begin(idp, app)
    credential = passkey.sign(options_of(issued))
    outcomes = in_parallel(4, lambda: answer(idp, app, issued, credential))
    assert sorted(outcomes) == [*["NotAuthorizedException"] * 3, "done"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_counter_serves_once_in_parallel(idp, app, passkey):
    waiting = []
    for _ in range(4):
        issued = begin(idp, app)
        waiting.append((app, issued, passkey.sign(options_of(issued))))
    outcomes = in_parallel(4, lambda: answer(idp, *waiting.pop()))
    assert sorted(outcomes) == [*["NotAuthorizedException"] * 3, "done"]
    assert Row.objects.get().sign_count == 5
