"""What people do with their own account, through boto3."""

import base64
import json
from datetime import timedelta

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from django.utils import timezone

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from userpools.auth import sign_up_session
from userpools.auth.secret_hash import secret_hash
from userpools.models import (
    AppClient,
    KeyUse,
    Message,
    PoolUser,
    SigningKey,
    UserPool,
    VerificationCode,
)
from userpools.tokens import keys
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db


def listed(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


@pytest.fixture
def verifying(make_pool, make_client):
    """A client of a pool that verifies e-mail addresses."""
    return make_client(make_pool(AutoVerifiedAttributes=["email"]))


@pytest.fixture
def signed_up(idp, verifying):
    return idp.sign_up(
        ClientId=verifying.client_id,
        Username="eva",
        Password=PASSWORD,
        UserAttributes=listed(email="eva@example.com"),
    )


def confirm(idp, client, code, **more):
    return idp.confirm_sign_up(
        ClientId=client.client_id, Username="eva", ConfirmationCode=code, **more
    )


# Signing up


def test_signing_up_where_only_administrators_may_is_refused(idp, make_pool, make_client):
    pool = make_pool(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True})
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.sign_up,
        ClientId=make_client(pool).client_id,
        Username="eva",
        Password=PASSWORD,
    )
    assert said == "SignUp is not permitted for this user pool"
    assert not PoolUser.objects.exists()


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("Short1!", "Password not long enough"),
        ("NO-LOWER-CASE-1", "Password must have lowercase characters"),
        ("no-upper-case-1", "Password must have uppercase characters"),
        ("No-Numeric-Here", "Password must have numeric characters"),
        ("NoSymbolsHere12", "Password must have symbol characters"),
    ],
)
def test_a_password_outside_the_policy_is_refused(idp, client, password, message):
    said = refused(
        idp,
        "InvalidPasswordException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="eva",
        Password=password,
    )
    assert said == f"Password did not conform with policy: {message}"


@pytest.mark.parametrize("name", ["email_verified", "phone_number_verified"])
def test_nobody_verifies_their_own_contact(idp, client, name):
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="eva",
        Password=PASSWORD,
        UserAttributes=listed(**{name: "true"}),
    )
    assert said == "A client attempted to write unauthorized attribute"


def test_attributes_outside_the_clients_write_list_are_refused(idp, pool, make_client):
    client = make_client(pool, WriteAttributes=["email"])
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="eva",
        Password=PASSWORD,
        UserAttributes=listed(nickname="e"),
    )
    assert said == "A client attempted to write unauthorized attribute"


def test_required_attributes_are_demanded(idp, make_pool, make_client):
    pool = make_pool(
        Schema=[{"Name": "email", "Required": True}, {"Name": "name", "Required": True}]
    )
    said = refused(
        idp,
        "InvalidParameterException",
        idp.sign_up,
        ClientId=make_client(pool).client_id,
        Username="eva",
        Password=PASSWORD,
    )
    lines = said.removeprefix("Attributes did not conform to the schema: ").splitlines()
    assert sorted(lines) == [
        "email: The attribute is required",
        "name.formatted: The attribute name.formatted is required",
    ]


def test_a_taken_name_is_told(idp, client, user):
    said = refused(
        idp,
        "UsernameExistsException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="ana",
        Password=PASSWORD,
    )
    assert said == "User already exists"


def test_a_secret_client_wants_the_hash(idp, pool, make_client):
    client = make_client(pool, GenerateSecret=True)
    members = {"ClientId": client.client_id, "Username": "eva", "Password": PASSWORD}
    assert "was not received" in refused(idp, "NotAuthorizedException", idp.sign_up, **members)
    digest = secret_hash(client.secret_values[0], "eva", client.client_id)
    assert idp.sign_up(**members, SecretHash=digest)["UserSub"]


def test_without_verification_no_code_is_sent(idp, client, sent):
    answer = idp.sign_up(
        ClientId=client.client_id,
        Username="eva",
        Password=PASSWORD,
        UserAttributes=listed(email="eva@example.com"),
    )
    assert answer["UserConfirmed"] is False
    assert "CodeDeliveryDetails" not in answer
    assert sent() == []


def test_the_phone_gets_the_code_before_the_address(idp, make_pool, make_client, sent):
    client = make_client(make_pool(AutoVerifiedAttributes=["email", "phone_number"]))
    answer = idp.sign_up(
        ClientId=client.client_id,
        Username="eva",
        Password=PASSWORD,
        UserAttributes=listed(email="eva@example.com", phone_number="+4915112345678"),
    )
    assert answer["CodeDeliveryDetails"] == {
        "Destination": "+*********5678",
        "DeliveryMedium": "SMS",
        "AttributeName": "phone_number",
    }
    (message,) = sent()
    assert message["to"] == "+4915112345678"


def test_a_taken_name_is_told_before_a_weak_password(idp, client, user, make_pool, make_client):
    members = {"Username": "ana", "Password": "weak-password"}
    refused(idp, "UsernameExistsException", idp.sign_up, ClientId=client.client_id, **members)
    by_email = make_client(make_pool(UsernameAttributes=["email"]))
    members = {"ClientId": by_email.client_id, "Username": "eva@example.com"}
    idp.sign_up(**members, Password=PASSWORD)
    said = refused(idp, "UsernameExistsException", idp.sign_up, **members, Password="weak-password")
    assert said == "An account with the given email already exists."
    members["Username"] = "ida@example.com"
    refused(idp, "InvalidPasswordException", idp.sign_up, **members, Password="weak-password")


def test_the_schema_is_checked_before_the_name(idp, make_pool, make_client):
    client = make_client(make_pool(UsernameAttributes=["email"]))
    said = refused(
        idp,
        "InvalidParameterException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="no-address",
        Password=PASSWORD,
        UserAttributes=listed(shoe="42"),
    )
    assert said.endswith("Type for attribute {shoe} could not be determined")


def test_sign_up_costs_a_handful_of_statements(idp, verifying, django_assert_max_num_queries):
    AppClient.cached(verifying.client_id)
    with django_assert_max_num_queries(6):
        idp.sign_up(
            ClientId=verifying.client_id,
            Username="eva",
            Password=PASSWORD,
            UserAttributes=listed(email="eva@example.com"),
        )


# Signing up without a password

FLOWS = ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


def factors(*names):
    return {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", *names]}}}


@pytest.mark.parametrize(
    ("members", "flows", "attributes"),
    [
        (factors(), FLOWS, {"email": "eva@example.com"}),
        (factors("EMAIL_OTP"), FLOWS[1:], {"email": "eva@example.com"}),
        (factors("EMAIL_OTP"), FLOWS, {}),
        (factors("EMAIL_OTP"), FLOWS, {"phone_number": "+4915112345678"}),
        (factors("SMS_OTP"), FLOWS, {"email": "eva@example.com"}),
        (factors("WEB_AUTHN"), FLOWS, {"email": "eva@example.com"}),
    ],
    ids=["no factor", "no flow", "no contact", "another contact", "another factor", "passkey"],
)
def test_a_password_is_needed_unless_a_code_can_replace_it(
    idp, make_pool, make_client, members, flows, attributes
):
    pool = make_pool(AutoVerifiedAttributes=["email"], **members)
    client = make_client(pool, ExplicitAuthFlows=flows)
    said = refused(
        idp,
        "InvalidParameterException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="eva",
        UserAttributes=listed(**attributes),
    )
    assert said == "Password is required."


def test_a_contact_that_is_not_verified_replaces_no_password(idp, make_pool, make_client):
    client = make_client(make_pool(**factors("EMAIL_OTP")), ExplicitAuthFlows=FLOWS)
    said = refused(
        idp,
        "InvalidParameterException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="eva",
        UserAttributes=listed(email="eva@example.com"),
    )
    assert said == "Password is required."


@pytest.fixture
def passwordless(make_pool, make_client):
    pool = make_pool(AutoVerifiedAttributes=["email"], **factors("EMAIL_OTP"))
    return make_client(pool, ExplicitAuthFlows=FLOWS)


@pytest.fixture
def begun(idp, passwordless):
    return idp.sign_up(
        ClientId=passwordless.client_id,
        Username="eva",
        UserAttributes=listed(email="eva@example.com"),
    )


def test_an_account_without_a_password_is_made_and_confirmed(idp, passwordless, begun, sent):
    assert begun["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    assert not PoolUser.objects.get().has_password
    (message,) = sent()
    confirm(idp, passwordless, message["code"])
    assert PoolUser.objects.get().status == "CONFIRMED"


# The session that leads to a first sign-in


def test_only_clients_of_user_auth_get_a_session(idp, verifying, signed_up, sent):
    assert "Session" not in signed_up
    (message,) = sent()
    assert "Session" not in confirm(idp, verifying, message["code"])


def test_a_sign_up_session_is_taken_and_renewed(idp, passwordless, begun, sent):
    (message,) = sent()
    made = confirm(idp, passwordless, message["code"], Session=begun["Session"])["Session"]
    assert 20 <= len(made) <= 4096
    first = sign_up_session.unseal(begun["Session"], client=passwordless)
    session = sign_up_session.unseal(made, client=passwordless)
    user = PoolUser.objects.get()
    session.check_user(user)
    assert (first.proved, session.proved) == (None, "EMAIL")
    assert first.id == session.id
    assert session.expires_at <= timezone.now() + timedelta(minutes=3)


def test_a_session_is_given_for_the_code_alone_too(idp, passwordless, begun, sent):
    """As aws-amplify confirms."""
    (message,) = sent()
    made = confirm(idp, passwordless, message["code"])["Session"]
    session = sign_up_session.unseal(made, client=passwordless)
    session.check_user(PoolUser.objects.get())
    assert session.proved == "EMAIL"


@pytest.mark.parametrize("whose", ["nobody's", "another user's", "another client's", "an attempt"])
def test_a_foreign_session_confirms_nothing(
    idp, passwordless, begun, sent, make_client, make_user, whose
):
    (message,) = sent()
    session = "x" * 40
    if whose == "another user's":
        session = idp.sign_up(
            ClientId=passwordless.client_id,
            Username="ida",
            UserAttributes=listed(email="ida@example.com"),
        )["Session"]
    if whose == "another client's":
        other = make_client(passwordless.pool, ExplicitAuthFlows=FLOWS)
        session = sign_up_session.begin(other, PoolUser.objects.get())
    if whose == "an attempt":
        idp.admin_create_user(
            UserPoolId=passwordless.pool_id, Username="kai", TemporaryPassword=PASSWORD
        )
        session = idp.initiate_auth(
            ClientId=passwordless.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "kai", "PASSWORD": PASSWORD},
        )["Session"]
    said = refused(
        idp,
        "NotAuthorizedException",
        lambda: confirm(idp, passwordless, message["code"], Session=session),
    )
    assert said == "Invalid session for the user."
    row = VerificationCode.objects.get(user__username="eva")
    assert (row.used_at, row.tries) == (None, 0)
    confirm(idp, passwordless, message["code"], Session=begun["Session"])


def test_a_session_dies_with_the_users_epoch_and_with_time(idp, passwordless, begun, sent):
    (message,) = sent()

    def attempt():
        return refused(
            idp,
            "NotAuthorizedException",
            lambda: confirm(idp, passwordless, message["code"], Session=begun["Session"]),
        )

    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        assert attempt() == "Invalid session for the user, session is expired."
    idp.admin_user_global_sign_out(UserPoolId=passwordless.pool_id, Username="eva")
    assert attempt() == "Invalid session for the user."


# Confirming


def test_accounts_are_confirmed_though_administrators_alone_make_new_ones(
    idp, verifying, signed_up, sent
):
    idp.update_user_pool(
        UserPoolId=verifying.pool_id,
        AutoVerifiedAttributes=["email"],
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
    )
    idp.resend_confirmation_code(ClientId=verifying.client_id, Username="eva")
    confirm(idp, verifying, sent()[-1]["code"])
    assert PoolUser.objects.get().status == "CONFIRMED"


def test_confirming_costs_a_handful_of_statements(
    idp, verifying, signed_up, sent, django_assert_max_num_queries
):
    (message,) = sent()
    AppClient.cached(verifying.client_id)
    with django_assert_max_num_queries(9):
        confirm(idp, verifying, message["code"])


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_at_a_sign_up_code_count_one_by_one(idp, verifying, signed_up, sent):
    (message,) = sent()
    wrong = "000000" if message["code"] != "000000" else "000001"
    outcomes = in_parallel(20, lambda: confirm(idp, verifying, wrong))
    assert sorted(outcomes) == (
        ["CodeMismatchException"] * 15 + ["TooManyFailedAttemptsException"] * 5
    )


def test_a_code_confirms_the_user_and_the_address(idp, verifying, signed_up, sent, sign_in):
    assert signed_up["CodeDeliveryDetails"] == {
        "Destination": "e***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }
    (message,) = sent()
    assert message["to"] == "eva@example.com"
    assert len(message["code"]) == 6
    assert message["code"] in message["body"]
    confirm(idp, verifying, message["code"])
    tokens = sign_in(verifying, "eva")
    claims = jwt.decode(tokens["IdToken"], options={"verify_signature": False})
    assert claims["email_verified"] is True
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.confirm_sign_up,
        ClientId=verifying.client_id,
        Username="eva",
        ConfirmationCode=message["code"],
    )
    assert said == "User cannot be confirmed. Current status is CONFIRMED"


def test_a_wrong_code_is_refused_and_counted(idp, verifying, signed_up, sent):
    (message,) = sent()
    wrong = "000000" if message["code"] != "000000" else "000001"
    for _ in range(15):
        said = refused(
            idp,
            "CodeMismatchException",
            idp.confirm_sign_up,
            ClientId=verifying.client_id,
            Username="eva",
            ConfirmationCode=wrong,
        )
        assert said == "Invalid verification code provided, please try again."
    # The right one no longer helps within the hour.
    refused(
        idp,
        "TooManyFailedAttemptsException",
        idp.confirm_sign_up,
        ClientId=verifying.client_id,
        Username="eva",
        ConfirmationCode=message["code"],
    )
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        confirm(idp, verifying, message["code"])


def test_an_expired_code_is_told_apart(idp, verifying, signed_up, sent):
    (message,) = sent()
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        said = refused(
            idp,
            "ExpiredCodeException",
            idp.confirm_sign_up,
            ClientId=verifying.client_id,
            Username="eva",
            ConfirmationCode=message["code"],
        )
    assert said == "Invalid code provided, please request a code again."


def test_a_code_for_an_address_that_changed_is_void(idp, verifying, signed_up, sent):
    (message,) = sent()
    idp.admin_update_user_attributes(
        UserPoolId=verifying.pool_id,
        Username="eva",
        UserAttributes=listed(email="else@example.com"),
    )
    refused(
        idp,
        "ExpiredCodeException",
        idp.confirm_sign_up,
        ClientId=verifying.client_id,
        Username="eva",
        ConfirmationCode=message["code"],
    )


def test_another_users_code_is_refused(idp, verifying, signed_up, sent):
    idp.sign_up(
        ClientId=verifying.client_id,
        Username="ida",
        Password=PASSWORD,
        UserAttributes=listed(email="ida@example.com"),
    )
    code = next(message["code"] for message in sent() if message["username"] == "ida")
    refused(
        idp,
        "CodeMismatchException",
        idp.confirm_sign_up,
        ClientId=verifying.client_id,
        Username="eva",
        ConfirmationCode=code,
    )


def test_an_unknown_user_is_told_only_where_the_client_tells(idp, verifying, make_client):
    members = {"Username": "nobody", "ConfirmationCode": "123456"}
    said = refused(
        idp,
        "UserNotFoundException",
        idp.confirm_sign_up,
        ClientId=verifying.client_id,
        **members,
    )
    assert said == "Username/client id combination not found."
    hiding = make_client(verifying.pool, PreventUserExistenceErrors="ENABLED")
    refused(idp, "ExpiredCodeException", idp.confirm_sign_up, ClientId=hiding.client_id, **members)


def test_a_verified_alias_of_another_moves_only_by_force(idp, make_pool, make_client, sent):
    client = make_client(make_pool(AliasAttributes=["email"], AutoVerifiedAttributes=["email"]))
    codes = {}
    for name in ("ana", "eva"):
        idp.sign_up(
            ClientId=client.client_id,
            Username=name,
            Password=PASSWORD,
            UserAttributes=listed(email="shared@example.com"),
        )
    codes = {message["username"]: message["code"] for message in sent()}
    idp.confirm_sign_up(ClientId=client.client_id, Username="ana", ConfirmationCode=codes["ana"])
    said = refused(
        idp,
        "AliasExistsException",
        idp.confirm_sign_up,
        ClientId=client.client_id,
        Username="eva",
        ConfirmationCode=codes["eva"],
    )
    assert said == "An account with the email already exists."
    assert PoolUser.objects.get(username="eva").status == "UNCONFIRMED"
    confirm(idp, client, codes["eva"], ForceAliasCreation=True)
    shown = idp.admin_get_user(UserPoolId=client.pool_id, Username="shared@example.com")
    assert shown["Username"] == "eva"


def test_codes_are_kept_hashed_and_messages_sealed(idp, verifying, signed_up, sent):
    row = Message.objects.get()
    assert b"eva@example.com" not in bytes(row.sealed)
    (message,) = sent()
    assert message["code"].encode() not in bytes(VerificationCode.objects.get().code_hash)
    row.refresh_from_db()
    assert row.sealed is None


@pytest.mark.django_db(transaction=True)
def test_a_code_used_in_parallel_confirms_once(idp, verifying, signed_up, sent):
    (message,) = sent()
    outcomes = in_parallel(8, lambda: confirm(idp, verifying, message["code"]))
    assert outcomes.count("done") == 1


# One's own profile


def test_a_profile_shows_what_the_client_may_read(idp, pool, user, make_client, sign_in):
    client = make_client(pool, ReadAttributes=["nickname"])
    shown = idp.get_user(AccessToken=sign_in(client)["AccessToken"])
    assert shown["Username"] == "ana"
    assert [item["Name"] for item in shown["UserAttributes"]] == ["sub"]


def test_a_profile_costs_one_query(idp, pool, client, user, sign_in, django_assert_num_queries):
    token = sign_in(client)["AccessToken"]
    idp.get_user(AccessToken=token)
    UserPool.cached(pool.id)
    with django_assert_num_queries(1):
        idp.get_user(AccessToken=token)


def test_a_deleted_users_token_is_refused(idp, pool, client, user, make_user, sign_in):
    token = sign_in(client)["AccessToken"]
    idp.admin_delete_user(UserPoolId=pool.id, Username="ana")
    make_user(pool, "ana")
    assert refused(idp, "NotAuthorizedException", idp.get_user, AccessToken=token) == (
        "Access Token has been revoked"
    )


def test_an_expired_token_is_told_apart(idp, client, user, sign_in):
    token = sign_in(client)["AccessToken"]
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        said = refused(idp, "NotAuthorizedException", idp.get_user, AccessToken=token)
    assert said == "Access Token has expired"


def forged(token, *, header=None, claims=None, key=None, algorithm="RS256"):
    old_header = jwt.get_unverified_header(token)
    old_claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(
        {**old_claims, **(claims or {})},
        key,
        algorithm=algorithm,
        headers={**old_header, **(header or {})},
    )


def test_tokens_that_are_not_ours_are_refused(idp, pool, client, user, sign_in, make_pool):
    tokens = sign_in(client)
    token = tokens["AccessToken"]
    own = keys_of(UserPool.cached(pool.id))
    stranger = keys._private(keys.make_key(pool, KeyUse.ACCESS))
    public_pem = own.access.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head, body, signature = token.split(".")

    def encoded(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    hostile = {
        "the ID token": tokens["IdToken"],
        "alg none": f"{encoded({'alg': 'none', 'kid': own.access.kid})}.{body}.",
        "alg NONE": f"{encoded({'alg': 'NONE', 'kid': own.access.kid})}.{body}.{signature}",
        "own key, our kid": forged(token, key=stranger),
        "unknown kid": forged(token, key=own.access.private, header={"kid": "x"}),
        "kid as a path": forged(token, key=own.access.private, header={"kid": "../../dev/null"}),
        "signed by the ID key": forged(token, key=own.id.private, header={"kid": own.id.kid}),
        "embedded jwk": forged(
            token, key=stranger, header={"jwk": {"kty": "RSA"}, "jku": "http://x/"}
        ),
        "truncated": token[:-6],
        "trailing": token + "AA",
        "not canonical": token[:-1] + ("B" if token[-1] != "B" else "C"),
        "other claims": f"{head}.{encoded({'sub': 'x'})}.{signature}",
        "four parts": token + ".x",
        "no parts": "x" * 200,
        "token_use": forged(token, key=own.access.private, claims={"token_use": "id"}),
        "other pool": forged(token, key=own.access.private, claims={"iss": make_pool().issuer}),
        "no issuer": forged(token, key=own.access.private, claims={"iss": "http://evil"}),
        "scope": forged(token, key=own.access.private, claims={"scope": "openid"}),
        "a client of nobody": forged(token, key=own.access.private, claims={"client_id": "x"}),
        "another sub": forged(
            token, key=own.access.private, claims={"sub": "00000000-0000-4000-8000-000000000000"}
        ),
    }
    # HMAC with the public key's bytes as the secret: built by hand, as the library refuses to.
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415

    confused_head = encoded({"alg": "HS256", "kid": own.access.kid})
    digest = hmac.digest(public_pem, f"{confused_head}.{body}".encode(), hashlib.sha256)
    hostile["HS256"] = (
        f"{confused_head}.{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    )
    for name, bad in hostile.items():
        try:
            idp.get_user(AccessToken=bad)
        except idp.exceptions.NotAuthorizedException:
            continue
        pytest.fail(name)
    assert idp.get_user(AccessToken=token)["Username"] == "ana"


def test_a_rotated_keys_tokens_live_on_until_it_retires(idp, pool, client, user, sign_in):
    token = sign_in(client)["AccessToken"]
    keys.rotate(pool, overlap=timedelta(minutes=10))
    fresh = sign_in(client)["AccessToken"]
    assert jwt.get_unverified_header(fresh)["kid"] != jwt.get_unverified_header(token)["kid"]
    for each in (token, fresh):
        assert idp.get_user(AccessToken=each)["Username"] == "ana"
    SigningKey.objects.filter(is_active=False).update(retire_at=timezone.now())
    pool.touch()
    said = refused(idp, "NotAuthorizedException", idp.get_user, AccessToken=token)
    assert said == "Could not verify signature for Access Token"
    assert idp.get_user(AccessToken=fresh)["Username"] == "ana"
