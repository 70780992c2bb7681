"""What a review of the directory found, each kept from coming back."""

import pytest

from tests.calls import refused
from tests.conftest import PASSWORD
from userpools.auth import passwords, recovery
from userpools.errors import NotAuthorizedException
from userpools.models import AuthEvent, Message, PastPassword, PoolUser

pytestmark = pytest.mark.django_db
KEEPING = {
    "AutoVerifiedAttributes": ["email"],
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
}
OTHER = "Another-Horse-9"


def listed(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


def answer(idp, call, **members):
    """Return the error's code and text, or the answer's members."""
    try:
        given = call(**members)
    except idp.exceptions.ClientError as exc:
        return exc.response["Error"]["Code"], exc.response["Error"]["Message"]
    return sorted(given.keys() - {"ResponseMetadata"})


# A name that is somebody's sub


@pytest.fixture
def folding(make_pool, make_user):
    """Make a case-insensitive pool with the user `ana`; return it and her sub."""

    def make(**members):
        pool = make_pool(UsernameConfiguration={"CaseSensitive": False}, **members)
        make_user(pool, "ana")
        sub = "ffffffff-0000-4000-8000-00000000000f"
        PoolUser.objects.filter(pool=pool).update(sub=sub)
        return pool, sub

    return make


@pytest.mark.parametrize("spelled", [str.upper, lambda sub: sub.replace("ff", "\ufb00", 1)])
@pytest.mark.parametrize("extra", [{}, {"AliasAttributes": ["email"]}])
def test_no_spelling_of_a_sub_is_a_name(idp, folding, make_client, spelled, extra):
    pool, sub = folding(**extra)
    client = make_client(pool)
    members = {"ClientId": client.client_id, "Username": spelled(sub), "Password": PASSWORD}
    refused(idp, "UsernameExistsException", idp.sign_up, **members)
    assert idp.admin_get_user(UserPoolId=pool.id, Username=sub)["Username"] == "ana"
    idp.sign_up(**{**members, "Username": "eva"})


def test_no_spelling_of_a_sub_is_a_preferred_username(
    idp, folding, make_client, make_user, sign_in
):
    pool, sub = folding(AliasAttributes=["preferred_username"])
    make_user(pool, "eva")
    token = sign_in(make_client(pool), "eva")["AccessToken"]
    refused(
        idp,
        "AliasExistsException",
        idp.update_user_attributes,
        AccessToken=token,
        UserAttributes=listed(preferred_username=sub.upper()),
    )
    assert idp.admin_get_user(UserPoolId=pool.id, Username=sub)["Username"] == "ana"


def test_ones_own_name_may_be_the_preferred_one(idp, make_pool, make_user):
    pool = make_pool(AliasAttributes=["preferred_username"])
    make_user(pool, "ana", preferred_username="ana")
    shown = idp.admin_get_user(UserPoolId=pool.id, Username="ana")
    assert {"Name": "preferred_username", "Value": "ana"} in shown["UserAttributes"]


# Who is there


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_hiding_client_does_not_tell_whose_address_is_confirmed(
    idp, make_pool, make_client, make_user, asked_before
):
    pool = make_pool(AliasAttributes=["email"], AutoVerifiedAttributes=["email"])
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    make_user(pool, "ana", email="ana@example.com", email_verified="true")

    def answers(name):
        members = {"ClientId": client.client_id, "Username": name}
        said = []
        if asked_before:
            said.append(answer(idp, idp.resend_confirmation_code, **members))
        guess = {**members, "ConfirmationCode": "123456"}
        return [*said, answer(idp, idp.confirm_sign_up, **guess)]

    assert answers("ana@example.com") == answers("amy@example.com")


def test_a_telling_answer_stays_where_sign_up_tells_the_same(
    idp, make_pool, make_client, make_user
):
    pool = make_pool(AliasAttributes=["email"], AutoVerifiedAttributes=["email"])
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    make_user(pool, "ana", email="ana@example.com", email_verified="true")
    said = refused(
        idp,
        "InvalidParameterException",
        idp.resend_confirmation_code,
        ClientId=client.client_id,
        Username="ana",
    )
    assert said == "User is already confirmed."


def test_a_user_deleted_meanwhile_is_nobody(idp, make_pool, make_client, make_user, monkeypatch):
    pool = make_pool(AutoVerifiedAttributes=["email"])
    client = make_client(pool, PreventUserExistenceErrors="ENABLED")
    make_user(pool, "ana", email="ana@example.com", email_verified="true")
    take_guard = recovery.take_guard

    def delete_first(*arguments):
        PoolUser.objects.all().delete()
        take_guard(*arguments)

    monkeypatch.setattr(recovery, "take_guard", delete_first)
    assert "CodeDeliveryDetails" in idp.forgot_password(ClientId=client.client_id, Username="ana")


# Addresses that wait


@pytest.fixture
def waiting(idp, make_pool, make_client, make_user, sign_in, sent):
    """`ana`, whose address waits to become another; returns her token and the code for it."""
    pool = make_pool(**KEEPING)
    make_user(pool, "ana", email="ana@example.com", email_verified="true")
    token = sign_in(make_client(pool))["AccessToken"]
    idp.update_user_attributes(AccessToken=token, UserAttributes=listed(email="eve@example.com"))
    return pool, token, sent()[-1]["code"]


@pytest.mark.parametrize("by_administrator", [False, True])
def test_stating_the_present_address_again_ends_the_wait(idp, waiting, by_administrator):
    pool, token, code = waiting
    if by_administrator:
        idp.admin_update_user_attributes(
            UserPoolId=pool.id,
            Username="ana",
            UserAttributes=listed(email="ana@example.com", email_verified="true"),
        )
    else:
        stated = listed(email="ana@example.com")
        idp.update_user_attributes(AccessToken=token, UserAttributes=stated)
    refused(
        idp,
        "ExpiredCodeException",
        idp.verify_user_attribute,
        AccessToken=token,
        AttributeName="email",
        Code=code,
    )
    assert PoolUser.objects.get().attributes["email"] == "ana@example.com"


def test_a_new_password_is_no_way_round_verification(idp, make_pool, make_client, sent):
    pool = make_pool(UsernameAttributes=["email"], **KEEPING)
    client = make_client(pool)
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="ana@example.com",
        TemporaryPassword=PASSWORD,
        MessageAction="SUPPRESS",
        UserAttributes=listed(email_verified="true"),
    )
    asked = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana@example.com", "PASSWORD": PASSWORD},
    )
    idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName=asked["ChallengeName"],
        Session=asked["Session"],
        ChallengeResponses={
            "USERNAME": asked["ChallengeParameters"]["USER_ID_FOR_SRP"],
            "NEW_PASSWORD": OTHER,
            "userAttributes.email": "boss@example.com",
        },
    )
    attributes = PoolUser.objects.get().attributes
    assert (attributes["email"], attributes["email_verified"]) == ("ana@example.com", "true")
    assert [message["to"] for message in sent()] == ["boss@example.com"]


def test_codes_for_changed_addresses_are_bounded(idp, make_pool, make_client, make_user, sign_in):
    pool = make_pool(AutoVerifiedAttributes=["email"])
    make_user(pool, "ana", email="ana@example.com")
    token = sign_in(make_client(pool))["AccessToken"]

    def change(number):
        idp.update_user_attributes(
            AccessToken=token, UserAttributes=listed(email=f"a{number}@example.com")
        )

    for number in range(20):
        change(number)
    with pytest.raises(idp.exceptions.TooManyRequestsException):
        change(20)
    assert Message.objects.count() == 20
    assert PoolUser.objects.get().attributes["email"] == "a19@example.com"


# Passwords


def test_a_lost_race_leaves_nothing_in_the_history(idp, make_pool, make_user):
    pool = make_pool(Policies={"PasswordPolicy": {"PasswordHistorySize": 3}})
    make_user(pool, "ana")
    user = PoolUser.objects.get()
    user.pool = pool
    record = passwords.derive(pool, username="ana", sub=user.sub, password="Losing-Horse-1")
    idp.admin_set_user_password(UserPoolId=pool.id, Username="ana", Password=OTHER, Permanent=True)
    kept = PastPassword.objects.count()
    with pytest.raises(NotAuthorizedException):
        recovery._change(user, record, AuthEvent(pool_id=pool.pk))
    assert PastPassword.objects.count() == kept
    assert not AuthEvent.objects.exists()


def test_a_renewed_invitation_goes_to_the_address_of_now(idp, make_pool, monkeypatch, sent):
    pool = make_pool()
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="ana",
        DesiredDeliveryMediums=["EMAIL"],
        UserAttributes=listed(email="old@example.com"),
    )
    derive = passwords.derive

    def change_first(*arguments, **named):
        idp.admin_update_user_attributes(
            UserPoolId=pool.id, Username="ana", UserAttributes=listed(email="new@example.com")
        )
        return derive(*arguments, **named)

    monkeypatch.setattr(passwords, "derive", change_first)
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="ana",
        MessageAction="RESEND",
        DesiredDeliveryMediums=["EMAIL"],
    )
    assert [message["to"] for message in sent()] == ["old@example.com", "new@example.com"]


def test_a_password_is_not_replaced_by_one_that_nobody_learns(idp, make_pool, make_client):
    pool = make_pool()
    client = make_client(pool)
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="ana",
        TemporaryPassword=PASSWORD,
        UserAttributes=listed(email="ana@example.com"),
    )
    # Text messages by default, and there is no number.
    refused(
        idp,
        "InvalidParameterException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="ana",
        MessageAction="RESEND",
    )
    asked = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
    )
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
