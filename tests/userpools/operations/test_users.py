"""The administrator's operations on users, through boto3."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from userpools.models import AuditEntry, Message, PoolUser, UserPool

pytestmark = pytest.mark.django_db


def attributes(answer, member="UserAttributes"):
    return {item["Name"]: item["Value"] for item in answer[member]}


def listed(**values):
    return [{"Name": name.replace("__", ":"), "Value": value} for name, value in values.items()]


BY_NAME = [
    "admin_get_user",
    "admin_delete_user",
    "admin_disable_user",
    "admin_enable_user",
    "admin_confirm_sign_up",
    "admin_user_global_sign_out",
]


@pytest.mark.parametrize("operation", BY_NAME)
def test_an_unknown_user_is_told(idp, pool, operation):
    call = getattr(idp, operation)
    said = refused(idp, "UserNotFoundException", call, UserPoolId=pool.id, Username="nobody")
    assert said == "User does not exist."


@pytest.mark.parametrize("operation", BY_NAME)
def test_an_unknown_pool_is_told(idp, operation):
    call = getattr(idp, operation)
    pool_id = "us-east-1_aaaaaaaaa"
    said = refused(idp, "ResourceNotFoundException", call, UserPoolId=pool_id, Username="ana")
    assert said == f"User pool {pool_id} does not exist."


@pytest.mark.parametrize("operation", BY_NAME)
def test_another_pools_user_is_not_found(idp, user, make_pool, operation):
    call = getattr(idp, operation)
    refused(idp, "UserNotFoundException", call, UserPoolId=make_pool().id, Username="ana")
    assert PoolUser.objects.get(username="ana").enabled


def test_a_created_user_must_change_the_password(idp, pool):
    answer = idp.admin_create_user(
        UserPoolId=pool.id,
        Username="eva",
        UserAttributes=listed(email="eva@example.com", email_verified="True"),
        MessageAction="SUPPRESS",
    )["User"]
    assert answer["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert answer["Enabled"] is True
    given = attributes(answer, "Attributes")
    assert given["email_verified"] == "true"
    shown = idp.admin_get_user(UserPoolId=pool.id, Username="eva")
    assert attributes(shown) == given
    assert shown["UserCreateDate"] == answer["UserCreateDate"]
    assert idp.admin_get_user(UserPoolId=pool.id, Username=given["sub"])["Username"] == "eva"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"email": "no-address"}, "Invalid email address format."),
        ({"phone_number": "12345"}, "Invalid phone number format."),
        (
            {"custom__x": "1"},
            "Attributes did not conform to the schema: custom:x: "
            "Attribute does not exist in the schema.\n",
        ),
        (
            {"shoe": "42"},
            "Attributes did not conform to the schema: "
            "Type for attribute {shoe} could not be determined",
        ),
        ({"sub": "x"}, "user.sub: Attribute cannot be updated.\n"),
        ({"identities": "[]"}, "user.identities: Attribute cannot be updated.\n"),
        ({"cognito__groups": "x"}, "user.cognito:groups: Attribute cannot be updated.\n"),
    ],
)
def test_attributes_outside_the_schema_are_refused_and_nothing_is_written(
    idp, pool, values, message
):
    said = refused(
        idp,
        "InvalidParameterException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="eva",
        UserAttributes=listed(**values),
    )
    assert said == message
    assert not PoolUser.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("name", "twin", "case_sensitive", "same"),
    [
        ("ana", "ANA", True, False),
        ("ana", "ANA", False, True),
        ("Z\u00fcrich", "Zu\u0308rich", True, True),
        ("ana", "\uff41na", False, False),
        ("di", "d\u0131", False, False),
    ],
)
def test_names_are_the_same_by_their_canonical_key(
    idp, make_pool, make_user, name, twin, case_sensitive, same
):
    pool = make_pool(UsernameConfiguration={"CaseSensitive": case_sensitive})
    make_user(pool, name)
    if same:
        said = refused(
            idp,
            "UsernameExistsException",
            idp.admin_create_user,
            UserPoolId=pool.id,
            Username=twin,
        )
        assert said == "User account already exists"
        assert idp.admin_get_user(UserPoolId=pool.id, Username=twin)["Username"] == name
    else:
        make_user(pool, twin)
        assert PoolUser.objects.filter(pool=pool).count() == 2


def test_a_generated_password_meets_a_hard_policy(idp, make_pool, sent):
    policy = {
        "MinimumLength": 40,
        "RequireUppercase": True,
        "RequireLowercase": True,
        "RequireNumbers": True,
        "RequireSymbols": True,
    }
    pool = make_pool(Policies={"PasswordPolicy": policy})
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="eva",
        UserAttributes=listed(email="eva@example.com"),
        DesiredDeliveryMediums=["EMAIL"],
    )
    (message,) = sent()
    assert message["to"] == "eva@example.com"
    assert message["kind"] == "invitation"
    assert len(message["code"]) == 40
    assert message["code"] in message["body"]
    assert "eva" in message["body"]


def test_the_default_medium_is_sms_and_nobody_without_a_phone_gets_any(idp, pool, sent):
    idp.admin_create_user(
        UserPoolId=pool.id, Username="eva", UserAttributes=listed(email="eva@example.com")
    )
    assert sent() == []
    idp.admin_create_user(
        UserPoolId=pool.id, Username="ida", UserAttributes=listed(phone_number="+4915112345678")
    )
    (message,) = sent()
    assert (message["medium"], message["to"]) == ("SMS", "+4915112345678")


def test_resend_renews_the_password_of_an_invited_user_only(idp, pool, user, sent):
    said = refused(
        idp,
        "UserNotFoundException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="eva",
        MessageAction="RESEND",
    )
    assert said == "User does not exist."
    refused(
        idp,
        "UnsupportedUserStateException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="ana",
        MessageAction="RESEND",
    )
    invitation = {
        "UserPoolId": pool.id,
        "Username": "eva",
        "DesiredDeliveryMediums": ["EMAIL"],
    }
    idp.admin_create_user(**invitation, UserAttributes=listed(email="eva@example.com"))
    before = PoolUser.objects.get(username="eva").password_set_at
    idp.admin_create_user(**invitation, MessageAction="RESEND")
    assert PoolUser.objects.get(username="eva").password_set_at > before
    first, second = sent()
    assert first["code"] != second["code"]


def test_an_invitation_by_email_needs_an_address(idp, pool):
    refused(
        idp,
        "InvalidParameterException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="eva",
        UserAttributes=listed(phone_number="+4915112345678"),
        DesiredDeliveryMediums=["EMAIL"],
    )
    assert not PoolUser.objects.exists()


def test_an_invitation_goes_by_every_medium_asked_for_and_by_none_when_suppressed(idp, pool, sent):
    contacts = listed(email="eva@example.com", phone_number="+4915112345678")
    mediums = {"DesiredDeliveryMediums": ["EMAIL", "SMS"], "UserAttributes": contacts}
    idp.admin_create_user(UserPoolId=pool.id, Username="ida", MessageAction="SUPPRESS", **mediums)
    assert sent() == []
    idp.admin_create_user(UserPoolId=pool.id, Username="eva", **mediums)
    first, second = sent()
    assert {first["medium"], second["medium"]} == {"EMAIL", "SMS"}
    assert first["code"] == second["code"]


def test_required_attributes_are_not_demanded_of_administrators(idp, make_pool):
    pool = make_pool(Schema=[{"Name": "email", "Required": True}])
    answer = idp.admin_create_user(UserPoolId=pool.id, Username="eva", MessageAction="SUPPRESS")
    assert answer["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"


def test_a_temporary_password_obeys_the_policy(idp, pool):
    members = {"UserPoolId": pool.id, "Username": "eva", "TemporaryPassword": "all-lower-case-1"}
    said = refused(idp, "InvalidPasswordException", idp.admin_create_user, **members)
    assert said == "Password did not conform with policy: Password must have uppercase characters"
    assert not PoolUser.objects.exists()


@pytest.mark.parametrize(
    "setting",
    [
        {"AdminCreateUserConfig": {"UnusedAccountValidityDays": 3}},
        {"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}},
    ],
    ids=["legacy", "policy"],
)
def test_an_invitation_expires_and_is_renewed(idp, make_pool, make_client, setting):
    pool = make_pool(**setting)
    client = make_client(pool)
    members = {"UserPoolId": pool.id, "Username": "eva", "TemporaryPassword": PASSWORD}
    parameters = {"USERNAME": "eva", "PASSWORD": PASSWORD}
    begin = {
        "ClientId": client.client_id,
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": parameters,
    }
    idp.admin_create_user(**members)
    with time_machine.travel(timezone.now() + timedelta(days=3, seconds=5)):
        said = refused(idp, "NotAuthorizedException", idp.initiate_auth, **begin)
        assert said == "Temporary password has expired and must be reset by an administrator."
        idp.admin_create_user(**members, MessageAction="RESEND")
        assert idp.initiate_auth(**begin)["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_an_existing_user_is_not_invited_again_without_resend(idp, pool):
    members = {"UserPoolId": pool.id, "Username": "eva", "MessageAction": "SUPPRESS"}
    idp.admin_create_user(**members)
    said = refused(idp, "UsernameExistsException", idp.admin_create_user, **members)
    assert said == "User account already exists"


@pytest.mark.parametrize("permanent", [True, False])
def test_a_set_password_obeys_the_policy(idp, pool, user, permanent):
    said = refused(
        idp,
        "InvalidPasswordException",
        idp.admin_set_user_password,
        UserPoolId=pool.id,
        Username="ana",
        Password="all-lower-case-1",
        Permanent=permanent,
    )
    assert said == ("Password did not conform with policy: Password must have uppercase characters")


def test_a_set_password_counts_and_a_temporary_one_must_change(idp, pool, client, user, sign_in):
    idp.admin_set_user_password(
        UserPoolId=pool.id, Username="ana", Password="Battery-Staple-7", Permanent=True
    )
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        sign_in(client)
    assert sign_in(client, password="Battery-Staple-7")["AccessToken"]
    idp.admin_set_user_password(UserPoolId=pool.id, Username="ana", Password=PASSWORD)
    shown = idp.admin_get_user(UserPoolId=pool.id, Username="ana")
    assert shown["UserStatus"] == "FORCE_CHANGE_PASSWORD"


def test_confirming_twice_is_refused(idp, pool, client):
    idp.sign_up(ClientId=client.client_id, Username="eva", Password=PASSWORD)
    idp.admin_confirm_sign_up(UserPoolId=pool.id, Username="eva")
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.admin_confirm_sign_up,
        UserPoolId=pool.id,
        Username="eva",
    )
    assert said == "User cannot be confirmed. Current status is CONFIRMED"


def test_a_changed_contact_becomes_unverified_unless_its_flag_is_set_along(idp, pool, make_user):
    make_user(pool, "ana", email="ana@example.com", email_verified="true")

    def change(**values):
        idp.admin_update_user_attributes(
            UserPoolId=pool.id, Username="ana", UserAttributes=listed(**values)
        )
        return attributes(idp.admin_get_user(UserPoolId=pool.id, Username="ana"))

    assert change(email="ana@example.com")["email_verified"] == "true"
    assert change(email="ana@example.net")["email_verified"] == "false"
    assert change(email="a@example.org", email_verified="true")["email_verified"] == "true"
    assert "name" not in change(name="")
    assert "email_verified" not in change(email="")


def test_attributes_are_deleted_by_name(idp, pool, make_user):
    make_user(pool, "ana", email="ana@example.com", name="Ana")
    idp.admin_delete_user_attributes(
        UserPoolId=pool.id, Username="ana", UserAttributeNames=["name", "email"]
    )
    shown = attributes(idp.admin_get_user(UserPoolId=pool.id, Username="ana"))
    assert set(shown) == {"sub"}
    for name in ("sub", "custom:none"):
        refused(
            idp,
            "InvalidParameterException",
            idp.admin_delete_user_attributes,
            UserPoolId=pool.id,
            Username="ana",
            UserAttributeNames=[name],
        )


def test_immutable_and_bounded_custom_attributes(idp, make_pool, make_user):
    pool = make_pool(
        Schema=[
            {"Name": "born", "AttributeDataType": "String", "Mutable": False},
            {
                "Name": "level",
                "AttributeDataType": "Number",
                "Mutable": True,
                "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"},
            },
            {
                "Name": "tag",
                "AttributeDataType": "String",
                "Mutable": True,
                "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "4"},
            },
        ]
    )
    make_user(pool, "ana", **{"custom:born": "1990"})

    def change(name, value):
        return refused(
            idp,
            "InvalidParameterException",
            idp.admin_update_user_attributes,
            UserPoolId=pool.id,
            Username="ana",
            UserAttributes=[{"Name": name, "Value": value}],
        )

    assert change("custom:born", "1991") == "user.custom:born: Attribute cannot be updated.\n"
    for name, value in (
        ("custom:level", "0"),
        ("custom:level", "10"),
        ("custom:level", "x"),
        ("custom:level", "NaN"),
        ("custom:tag", "a"),
        ("custom:tag", "abcde"),
    ):
        assert change(name, value).startswith("Attributes did not conform to the schema: ")
    idp.admin_update_user_attributes(
        UserPoolId=pool.id,
        Username="ana",
        UserAttributes=[
            {"Name": "custom:level", "Value": "7"},
            {"Name": "custom:tag", "Value": "abc"},
        ],
    )


def test_email_pools_name_users_by_uuid_and_keep_addresses_unique(idp, make_pool, make_client):
    pool = make_pool(UsernameAttributes=["email"], UsernameConfiguration={"CaseSensitive": False})
    said = refused(
        idp, "InvalidParameterException", idp.admin_create_user, UserPoolId=pool.id, Username="ana"
    )
    assert said == "Username should be an email."
    created = idp.admin_create_user(
        UserPoolId=pool.id, Username="ana@example.com", MessageAction="SUPPRESS"
    )["User"]
    assert created["Username"] == attributes(created, "Attributes")["sub"]
    said = refused(
        idp,
        "UsernameExistsException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="ANA@example.com",
    )
    assert said == "An account with the given email already exists."
    found = idp.admin_get_user(UserPoolId=pool.id, Username="Ana@Example.com")
    assert found["Username"] == created["Username"]
    idp.admin_create_user(UserPoolId=pool.id, Username="eva@example.com", MessageAction="SUPPRESS")
    said = refused(
        idp,
        "AliasExistsException",
        idp.admin_update_user_attributes,
        UserPoolId=pool.id,
        Username="eva@example.com",
        UserAttributes=listed(email="ana@example.com"),
    )
    assert "already exists" in said


def test_verified_addresses_are_aliases_and_move_only_by_force(idp, make_pool, make_user):
    pool = make_pool(AliasAttributes=["email"])
    said = refused(
        idp,
        "InvalidParameterException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="ana@example.com",
    )
    assert said == (
        "Username cannot be of email format, since user pool is configured for email alias."
    )
    make_user(pool, "ana", email="a@example.com", email_verified="true")
    assert idp.admin_get_user(UserPoolId=pool.id, Username="a@example.com")["Username"] == "ana"
    taken = {
        "UserPoolId": pool.id,
        "Username": "eva",
        "MessageAction": "SUPPRESS",
        "UserAttributes": listed(email="a@example.com", email_verified="true"),
    }
    refused(idp, "UsernameExistsException", idp.admin_create_user, **{**taken, "Username": "ana"})
    said = refused(idp, "AliasExistsException", idp.admin_create_user, **taken)
    assert said == "An account with the email already exists."
    assert not PoolUser.objects.filter(username="eva").exists()
    idp.admin_create_user(**taken, ForceAliasCreation=True)
    assert idp.admin_get_user(UserPoolId=pool.id, Username="a@example.com")["Username"] == "eva"
    before = attributes(idp.admin_get_user(UserPoolId=pool.id, Username="ana"))
    assert before["email_verified"] == "false"


def test_acts_are_audited_without_secrets(idp, pool, user):
    actions = set(AuditEntry.objects.filter(pool_id=pool.id).values_list("action", flat=True))
    assert {"CreateUserPool", "AdminCreateUser", "AdminSetUserPassword"} <= actions
    entry = AuditEntry.objects.filter(action="AdminSetUserPassword").get()
    assert entry.actor.endswith(":user/root")
    assert entry.source == "api"
    everything = str(list(AuditEntry.objects.values()))
    assert PASSWORD not in everything


def test_reading_a_user_costs_one_query(idp, pool, user, django_assert_num_queries):
    idp.admin_get_user(UserPoolId=pool.id, Username="ana")
    UserPool.cached(pool.id)
    with django_assert_num_queries(1):
        idp.admin_get_user(UserPoolId=pool.id, Username="ana")


@pytest.mark.django_db(transaction=True)
def test_one_of_many_parallel_namesakes_wins(idp, pool):
    def create():
        idp.admin_create_user(UserPoolId=pool.id, Username="eva", MessageAction="SUPPRESS")

    outcomes = in_parallel(20, create)
    assert sorted(outcomes) == ["UsernameExistsException"] * 19 + ["done"]
    assert PoolUser.objects.count() == 1
