"""One test for each hole that a review or an incident showed; each keeps its positive control."""

import base64
import json
import unicodedata

import jwt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import PASSWORD
from userpools.audit import Actor
from userpools.auth import passwords
from userpools.models import AuthEvent, Message, PasswordStorage, PoolUser, UserPool
from userpools.services import lookup, pools
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db
TEMPORARY = "Temporary-Horse-1"
CONSOLE = Actor("root", "console")


def listed(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


def begin(idp, client, name, password):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )


def answer_new_password(idp, client, session, name, password, **more):
    return idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=session,
        ChallengeResponses={"USERNAME": name, "NEW_PASSWORD": password, **more},
    )


def refused(idp, call, *args, error="NotAuthorizedException", **kwargs):
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        call(*args, **kwargs)
    return caught.value.response["Error"]["Message"]


def hiding(make_client, pool, **members):
    return make_client(pool, PreventUserExistenceErrors="ENABLED", **members)


def invited(idp, pool, name="eva"):
    idp.admin_create_user(
        UserPoolId=pool.id, Username=name, TemporaryPassword=TEMPORARY, MessageAction="SUPPRESS"
    )


def test_an_endless_name_is_nobodys_and_is_never_normalized(
    idp, pool, make_client, user, monkeypatch
):
    client = hiding(make_client, pool)
    normalized = []
    real = lookup.canonical
    monkeypatch.setattr(
        lookup, "canonical", lambda pool, name: normalized.append(len(name)) or real(pool, name)
    )
    name = "a" + "\u0300\u0316" * 60_000
    assert refused(idp, begin, idp, client, name, "x") == "Incorrect username or password."
    assert max(normalized, default=0) <= lookup.LONGEST_NAME
    assert begin(idp, client, "ana", PASSWORD)["AuthenticationResult"]


def test_a_spent_session_sets_no_password(idp, pool, client, sign_in):
    invited(idp, pool)
    session = begin(idp, client, "eva", TEMPORARY)["Session"]
    assert answer_new_password(idp, client, session, "eva", PASSWORD)["AuthenticationResult"]
    idp.admin_set_user_password(
        UserPoolId=pool.id, Username="eva", Password="Second-Horse-2", Permanent=False
    )
    said = refused(idp, answer_new_password, idp, client, session, "eva", "Attack-Horse-1")
    assert said == "Invalid session for the user, session can only be used once."
    assert PoolUser.objects.get().status == "FORCE_CHANGE_PASSWORD"
    assert refused(idp, begin, idp, client, "eva", "Attack-Horse-1")


@pytest.mark.parametrize("reset", ["set", "resend"])
def test_a_session_dies_with_the_password_it_was_won_with(idp, pool, client, reset):
    invited(idp, pool)
    session = begin(idp, client, "eva", TEMPORARY)["Session"]
    if reset == "set":
        idp.admin_set_user_password(
            UserPoolId=pool.id, Username="eva", Password="Second-Horse-2", Permanent=False
        )
    else:
        idp.admin_create_user(
            UserPoolId=pool.id,
            Username="eva",
            MessageAction="RESEND",
            TemporaryPassword="Second-Horse-2",
        )
    said = refused(idp, answer_new_password, idp, client, session, "eva", "Attack-Horse-1")
    assert said == "Invalid session for the user."
    session = begin(idp, client, "eva", "Second-Horse-2")["Session"]
    assert answer_new_password(idp, client, session, "eva", PASSWORD)["AuthenticationResult"]


def test_srp_dies_with_the_password_it_began_with(idp, pool, client, user, srp_sign_in):
    attempt = srp_sign_in(client)
    attempt.start()
    responses = attempt.responses()
    idp.admin_set_user_password(
        UserPoolId=pool.id, Username="ana", Password=PASSWORD, Permanent=True
    )
    assert refused(idp, attempt.respond, responses) == "Invalid session for the user."


def test_nobody_takes_anothers_sub_as_a_name(idp, pool, client, user):
    sub = str(PoolUser.objects.get().sub)
    said = refused(
        idp,
        idp.sign_up,
        ClientId=client.client_id,
        Username=sub,
        Password=PASSWORD,
        error="UsernameExistsException",
    )
    assert said == "User already exists"
    assert idp.admin_get_user(UserPoolId=pool.id, Username=sub)["Username"] == "ana"
    other = "00000000-0000-4000-8000-000000000000"
    assert idp.sign_up(ClientId=client.client_id, Username=other, Password=PASSWORD)["UserSub"]


def test_nobody_takes_anothers_sub_as_an_alias(idp, make_pool, make_user):
    pool = make_pool(AliasAttributes=["preferred_username"])
    make_user(pool, "ana")
    make_user(pool, "eva")
    sub = str(PoolUser.objects.get(username="ana").sub)

    def prefer(value):
        idp.admin_update_user_attributes(
            UserPoolId=pool.id,
            Username="eva",
            UserAttributes=listed(preferred_username=value),
        )

    refused(idp, prefer, sub, error="AliasExistsException")
    refused(idp, prefer, "ana", error="AliasExistsException")
    prefer("boss")
    assert idp.admin_get_user(UserPoolId=pool.id, Username="boss")["Username"] == "eva"
    said = refused(
        idp,
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="boss",
        error="UsernameExistsException",
    )
    assert said == "User account already exists"


@pytest.mark.parametrize("by_email", [True, False])
def test_another_spelling_does_not_tell_who_exists(
    idp, make_pool, make_client, make_user, srp_sign_in, by_email
):
    pool = make_pool(
        UsernameConfiguration={"CaseSensitive": False},
        **({"UsernameAttributes": ["email"]} if by_email else {}),
    )
    client = hiding(make_client, pool)
    domain = "@example.com" if by_email else ""
    make_user(pool, f"ana{domain}")
    for name in (f"ana{domain}", f"bob{domain}"):
        shown = set()
        for spelling in (name, name.upper()):
            attempt = srp_sign_in(client, spelling, "wrong")
            attempt.start()
            shown.add((attempt.challenge["SALT"], attempt.challenge["USER_ID_FOR_SRP"]))
            responses = {**attempt.responses(), "USERNAME": name.upper()}
            assert refused(idp, attempt.respond, responses) == "Incorrect username or password."
        assert len(shown) == 1


def test_an_answer_under_another_name_does_not_tell_whose_it_is(
    idp, make_pool, make_client, make_user, srp_sign_in
):
    pool = make_pool(AliasAttributes=["email"])
    client = hiding(make_client, pool)
    make_user(pool, "ana", email="a@example.com", email_verified="true")
    make_user(pool, "eva")
    for name in ("ana", "eva", "bob"):
        attempt = srp_sign_in(client, name, "wrong")
        attempt.start()
        responses = {**attempt.responses(), "USERNAME": "a@example.com"}
        assert refused(idp, attempt.respond, responses) == "Incorrect username or password."
    assert PoolUser.objects.get(username="eva").failed_passwords == 1
    attempt = srp_sign_in(client, "eva")
    attempt.start()
    responses = {**attempt.responses(), "USERNAME": "ana"}
    assert refused(idp, attempt.respond, responses) == "Incorrect username or password."
    attempt = srp_sign_in(client, "a@example.com")
    attempt.start()
    assert attempt.respond()["AuthenticationResult"]


def test_an_unknown_address_is_not_echoed_where_no_username_looks_like_it(
    idp, make_pool, make_client, srp_sign_in
):
    client = hiding(make_client, make_pool(AliasAttributes=["email"]))
    shown = srp_sign_in(client, "z@example.com").start()["ChallengeParameters"]
    assert "@" not in shown["USER_ID_FOR_SRP"]
    plain = srp_sign_in(client, "bob").start()["ChallengeParameters"]
    assert plain["USER_ID_FOR_SRP"] == "bob"


@pytest.mark.parametrize("members", [{}, {"AliasAttributes": ["email"]}])
def test_unknown_names_cost_as_many_statements(
    idp, make_pool, make_client, make_user, srp_sign_in, members
):
    pool = make_pool(**members)
    client = hiding(make_client, pool)
    make_user(pool, "ana")
    srp_sign_in(client, "ana").start()
    counts = {}
    for name in ("ana", "bob"):
        keys_of(UserPool.cached(pool.id))
        with CaptureQueriesContext(connection) as password:
            refused(idp, begin, idp, client, name, "wrong")
        attempt = srp_sign_in(client, name, "wrong")
        with CaptureQueriesContext(connection) as first:
            attempt.start()
        responses = attempt.responses()
        with CaptureQueriesContext(connection) as second:
            refused(idp, attempt.respond, responses)
        counts[name] = (len(password), len(first), len(second))
    assert counts["ana"] == counts["bob"]


@pytest.mark.parametrize("storage", list(PasswordStorage))
def test_mixed_forms_do_the_dearer_work_for_everybody(
    idp, pool, make_client, make_user, monkeypatch, storage
):
    client = hiding(make_client, pool, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    make_user(pool, "ana")
    for form in ("argon2id", "verifier", storage):
        pools.set_password_storage(pool.id, form, actor=CONSOLE)
    dear = []
    monkeypatch.setattr(passwords, "_argon2_hash", lambda password: dear.append(1) or "x")
    monkeypatch.setattr(passwords, "_argon2_matches", lambda *_: bool(dear.append(1)))
    for name in ("ana", "bob"):
        refused(idp, begin, idp, client, name, "wrong")
    assert len(dear) == 2


def test_a_changed_form_is_taken_on_at_the_next_password_sign_in(idp, pool, make_client, make_user):
    client = make_client(pool, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    make_user(pool, "ana")
    for form in ("argon2id", "verifier"):
        pools.set_password_storage(pool.id, form, actor=CONSOLE)
        before = PoolUser.objects.get().password_set_at
        assert refused(idp, begin, idp, client, "ana", "wrong")
        assert PoolUser.objects.get().password_form != form
        assert begin(idp, client, "ana", PASSWORD)["AuthenticationResult"]
        row = PoolUser.objects.get()
        assert (row.password_form, row.password_set_at) == (form, before)
        assert begin(idp, client, "ana", PASSWORD)["AuthenticationResult"]


def test_a_token_with_a_nul_in_its_issuer_is_invalid(idp, client, user, sign_in):
    def encoded(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    parts = (encoded({"alg": "RS256", "kid": "x"}), encoded({"iss": "http://x/a_\x00b"}), "AAAA")
    token = ".".join(parts)
    assert refused(idp, idp.get_user, AccessToken=token) == "Invalid Access Token"
    assert idp.get_user(AccessToken=sign_in(client)["AccessToken"])["Username"] == "ana"


def test_right_passwords_do_not_count_as_failures(idp, pool, client):
    invited(idp, pool)
    idp.sign_up(ClientId=client.client_id, Username="ida", Password=PASSWORD)
    for _ in range(7):
        assert begin(idp, client, "eva", TEMPORARY)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        refused(idp, begin, idp, client, "ida", PASSWORD, error="UserNotConfirmedException")
    for _ in range(5):
        refused(idp, begin, idp, client, "eva", "wrong")
    assert refused(idp, begin, idp, client, "eva", TEMPORARY) == "Password attempts exceeded"


def test_locked_guesses_leave_no_rows(idp, client, user):
    for _ in range(9):
        refused(idp, begin, idp, client, "ana", "wrong")
    assert AuthEvent.objects.count() == 5


def test_sessions_survive_revocation_being_turned_off(idp, pool, client, user, sign_in):
    tokens = sign_in(client)
    idp.update_user_pool_client(
        UserPoolId=pool.id,
        ClientId=client.client_id,
        EnableTokenRevocation=False,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    fresh = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
    )["AuthenticationResult"]
    assert "origin_jti" not in jwt.decode(fresh["AccessToken"], options={"verify_signature": False})
    assert idp.get_user(AccessToken=fresh["AccessToken"])["Username"] == "ana"
    idp.admin_user_global_sign_out(UserPoolId=pool.id, Username="ana")
    assert refused(idp, idp.get_user, AccessToken=fresh["AccessToken"])


def test_the_event_is_recorded_under_the_id_that_tokens_name(idp, pool, user, make_client):
    for revocation in (True, False):
        client = make_client(pool, EnableTokenRevocation=revocation)
        tokens = begin(idp, client, "ana", PASSWORD)["AuthenticationResult"]
        claims = jwt.decode(tokens["AccessToken"], options={"verify_signature": False})
        assert AuthEvent.objects.filter(id=claims["event_id"], outcome="Pass").exists()


def test_long_names_fit_into_a_session(idp, make_pool, make_client):
    pool = make_pool(UsernameAttributes=["email"])
    client = make_client(pool)
    long = "\uac01" * 600 + "@example.com"
    username = idp.admin_create_user(
        UserPoolId=pool.id,
        Username="x@example.com",
        TemporaryPassword=TEMPORARY,
        MessageAction="SUPPRESS",
    )["User"]["Username"]
    idp.admin_update_user_attributes(
        UserPoolId=pool.id, Username=username, UserAttributes=listed(email=long)
    )
    typed = unicodedata.normalize("NFD", long)
    session = begin(idp, client, typed, TEMPORARY)["Session"]
    assert len(session) <= 4096
    assert answer_new_password(idp, client, session, typed, PASSWORD)["AuthenticationResult"]


def test_an_empty_value_removes_nothing_that_must_be_there(idp, make_pool, make_user):
    by_email = make_pool(UsernameAttributes=["email"])
    strict = make_pool(Schema=[{"Name": "name", "Required": True, "Mutable": True}])
    make_user(by_email, "ana@example.com", nickname="a")
    make_user(strict, "ana", name="A")
    for pool, name, attribute in (
        (by_email, "ana@example.com", "email"),
        (strict, "ana", "name"),
    ):
        said = refused(
            idp,
            idp.admin_update_user_attributes,
            UserPoolId=pool.id,
            Username=name,
            UserAttributes=listed(**{attribute: ""}),
            error="InvalidParameterException",
        )
        assert said.endswith(f"{attribute}: The attribute is required\n")
    idp.admin_update_user_attributes(
        UserPoolId=by_email.id, Username="ana@example.com", UserAttributes=listed(nickname="")
    )


def test_a_prefix_of_usernames_heeds_case(idp, pool, make_user):
    make_user(pool, "ana")
    make_user(pool, "Ava")

    def found(prefix):
        answer = idp.list_users(UserPoolId=pool.id, Filter=f'username ^= "{prefix}"')
        return [user["Username"] for user in answer["Users"]]

    assert (found("A"), found("a"), found("")) == (["Ava"], ["ana"], ["Ava", "ana"])


def test_an_immutable_required_attribute_can_be_given_once(idp, make_pool, make_client):
    pool = make_pool(Schema=[{"Name": "family_name", "Required": True, "Mutable": False}])
    client = make_client(pool)
    invited(idp, pool)
    session = begin(idp, client, "eva", TEMPORARY)["Session"]
    done = answer_new_password(
        idp, client, session, "eva", PASSWORD, **{"userAttributes.family_name": "X"}
    )
    assert done["AuthenticationResult"]


def test_an_account_without_a_password_is_sent_none(idp, make_pool):
    pool = make_pool(
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
    )
    answer = idp.admin_create_user(
        UserPoolId=pool.id,
        Username="eva",
        UserAttributes=listed(email="e@example.com"),
        DesiredDeliveryMediums=["EMAIL"],
    )
    assert answer["User"]["UserStatus"] == "CONFIRMED"
    assert not Message.objects.exists()


def test_administrators_are_told_that_a_user_is_disabled(idp, pool, make_client, user):
    client = hiding(make_client, pool)
    idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    said = refused(
        idp,
        idp.admin_initiate_auth,
        UserPoolId=pool.id,
        ClientId=client.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": "wrong"},
    )
    assert said == "User is disabled."
