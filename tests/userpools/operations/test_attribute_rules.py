"""What the schema refuses, in the service's words, at every door that attributes come in by."""

import pytest

from tests.calls import refused
from tests.conftest import PASSWORD
from userpools.models import PoolUser

pytestmark = pytest.mark.django_db
TEMPORARY = "Temporary-Horse-1"
SCHEMA_ERROR = "Attributes did not conform to the schema: "
UNAUTHORIZED = "A client attempted to write unauthorized attribute"
SCHEMA = [
    {"Name": "born", "AttributeDataType": "String", "Mutable": False},
    {
        "Name": "tag",
        "AttributeDataType": "String",
        "Mutable": True,
        "StringAttributeConstraints": {"MinLength": "2", "MaxLength": "4"},
    },
    {
        "Name": "level",
        "AttributeDataType": "Number",
        "Mutable": True,
        "NumberAttributeConstraints": {"MinValue": "1", "MaxValue": "9"},
    },
    {"Name": "member", "AttributeDataType": "Boolean", "Mutable": True},
    {"Name": "since", "AttributeDataType": "DateTime", "Mutable": True},
    {
        "Name": "risk",
        "AttributeDataType": "String",
        "Mutable": True,
        "DeveloperOnlyAttribute": True,
    },
]


def listed(values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


class Doors:
    """Five ways to write attributes into one pool."""

    def __init__(self, idp, pool, client, sign_in):
        self.idp, self.pool, self.client, self.sign_in = idp, pool, client, sign_in

    def sign_up(self, values):
        self.idp.sign_up(
            ClientId=self.client.client_id,
            Username="eva",
            Password=PASSWORD,
            UserAttributes=listed(values),
        )

    def create(self, values):
        self.idp.admin_create_user(
            UserPoolId=self.pool.id,
            Username="eva",
            MessageAction="SUPPRESS",
            TemporaryPassword=TEMPORARY,
            UserAttributes=listed(values),
        )

    def update(self, values):
        self.idp.update_user_attributes(
            AccessToken=self.sign_in(self.client)["AccessToken"], UserAttributes=listed(values)
        )

    def admin_update(self, values):
        self.idp.admin_update_user_attributes(
            UserPoolId=self.pool.id, Username="ana", UserAttributes=listed(values)
        )

    def new_password(self, values):
        if not PoolUser.objects.filter(username="ida").exists():
            self.idp.admin_create_user(
                UserPoolId=self.pool.id,
                Username="ida",
                MessageAction="SUPPRESS",
                TemporaryPassword=TEMPORARY,
                UserAttributes=listed({"custom:born": "1990"}),
            )
        challenge = self.idp.initiate_auth(
            ClientId=self.client.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ida", "PASSWORD": TEMPORARY},
        )
        self.idp.respond_to_auth_challenge(
            ClientId=self.client.client_id,
            ChallengeName=challenge["ChallengeName"],
            Session=challenge["Session"],
            ChallengeResponses={
                "USERNAME": "ida",
                "NEW_PASSWORD": PASSWORD,
                **{f"userAttributes.{name}": value for name, value in values.items()},
            },
        )


@pytest.fixture
def doors(idp, make_pool, make_client, make_user, sign_in):
    pool = make_pool(Schema=SCHEMA)
    make_user(pool, "ana", **{"custom:born": "1990"})
    return Doors(idp, pool, make_client(pool), sign_in)


def written():
    return [(row.username, row.status, row.attributes) for row in PoolUser.objects.order_by("pk")]


EVERY_DOOR = ["sign_up", "create", "update", "admin_update", "new_password"]
OF_A_CLIENT = ["sign_up", "update", "new_password"]
OF_PRESENT_USERS = ["update", "admin_update", "new_password"]


@pytest.mark.parametrize("door", EVERY_DOOR)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"email": "no-address"}, "Invalid email address format."),
        ({"email": "ana@localhost"}, "Invalid email address format."),
        ({"email": "a@b@example.com"}, "Invalid email address format."),
        ({"phone_number": "15112345678"}, "Invalid phone number format."),
        ({"phone_number": "+49 151 12345"}, "Invalid phone number format."),
        ({"phone_number": "+4915112x"}, "Invalid phone number format."),
        (
            {"custom:x": "1"},
            f"{SCHEMA_ERROR}custom:x: Attribute does not exist in the schema.\n",
        ),
        ({"shoe": "42"}, f"{SCHEMA_ERROR}Type for attribute {{shoe}} could not be determined"),
        (
            {"custom:tag": "abcde"},
            f"{SCHEMA_ERROR}custom:tag: String must be no longer than 4 characters\n",
        ),
        (
            {"custom:tag": "a"},
            f"{SCHEMA_ERROR}custom:tag: String must be no shorter than 2 characters\n",
        ),
        (
            {"birthdate": "1990-1-1"},
            f"{SCHEMA_ERROR}birthdate: String must be no shorter than 10 characters\n",
        ),
        (
            {"custom:level": "10"},
            f"{SCHEMA_ERROR}custom:level: Number must be no greater than 9\n",
        ),
        ({"custom:level": "1e0"}, f"{SCHEMA_ERROR}custom:level: Attribute is not a number\n"),
        ({"custom:member": "yes"}, f"{SCHEMA_ERROR}custom:member: Attribute is not a boolean\n"),
        ({"custom:since": "today"}, f"{SCHEMA_ERROR}custom:since: Attribute is not a date\n"),
        ({"sub": "x"}, "user.sub: Attribute cannot be updated.\n"),
        ({"identities": "[]"}, "user.identities: Attribute cannot be updated.\n"),
        ({"cognito:username": "x"}, "user.cognito:username: Attribute cannot be updated.\n"),
        (
            {"custom:tag": "a", "custom:level": "0"},
            f"{SCHEMA_ERROR}custom:tag: String must be no shorter than 2 characters\n"
            "custom:level: Number must be no less than 1\n",
        ),
    ],
)
def test_a_value_outside_the_schema_is_refused(idp, doors, door, values, message):
    before = written()
    said = refused(
        idp, "InvalidParameterException", lambda: getattr(doors, door)({"name": "x", **values})
    )
    # A set has no order: the lines of several breaches may come in any.
    assert sorted(said.removeprefix(SCHEMA_ERROR).splitlines()) == sorted(
        message.removeprefix(SCHEMA_ERROR).splitlines()
    )
    assert said.startswith(SCHEMA_ERROR) is message.startswith(SCHEMA_ERROR)
    assert said.endswith("\n") is message.endswith("\n")
    assert [row for row in written() if row[0] != "ida"] == before


@pytest.mark.parametrize("door", EVERY_DOOR)
def test_values_inside_the_schema_are_written(doors, door):
    values = {
        "name": "Åsa ☃",
        "email": "ana+tag@example.co.uk",
        "phone_number": "+4915112345678",
        "birthdate": "1990-01-01",
        "custom:tag": "абвг",
        "custom:level": "9",
        "custom:member": "true",
        "custom:since": "2026-01-31T10:00:00+01:00",
    }
    getattr(doors, door)(values)
    assert any(values.items() <= attributes.items() for _, _, attributes in written())


@pytest.mark.parametrize("door", OF_PRESENT_USERS)
@pytest.mark.parametrize("value", ["1991", "1990", ""])
def test_an_immutable_attribute_stays(idp, doors, door, value):
    said = refused(
        idp,
        "InvalidParameterException",
        lambda: getattr(doors, door)({"custom:born": value}),
    )
    assert said == "user.custom:born: Attribute cannot be updated.\n"


@pytest.mark.parametrize("door", ["sign_up", "create"])
def test_an_immutable_attribute_is_written_at_creation(doors, door):
    getattr(doors, door)({"custom:born": "1999"})
    assert PoolUser.objects.get(username="eva").attributes["custom:born"] == "1999"


@pytest.mark.parametrize("door", OF_A_CLIENT)
@pytest.mark.parametrize(
    "name", ["email_verified", "phone_number_verified", "nickname", "dev:risk", "custom:tag"]
)
def test_a_client_writes_only_what_it_may(idp, doors, make_client, door, name):
    doors.client = make_client(doors.pool, WriteAttributes=["name", "custom:born"])
    said = refused(idp, "NotAuthorizedException", lambda: getattr(doors, door)({name: "true"}))
    assert said == UNAUTHORIZED
    getattr(doors, door)({"name": "Ana"})


@pytest.mark.parametrize("door", ["create", "admin_update"])
def test_an_administrator_writes_what_no_client_may(doors, door):
    getattr(doors, door)({"dev:risk": "high", "email": "a@example.com", "email_verified": "true"})
    assert any(attributes.get("dev:risk") == "high" for _, _, attributes in written())


REQUIRED = [{"Name": "email", "Required": True}, {"Name": "name", "Required": True}]


def test_required_attributes_are_demanded_line_by_line(idp, make_pool, make_client):
    client = make_client(make_pool(Schema=REQUIRED))
    said = refused(
        idp,
        "InvalidParameterException",
        idp.sign_up,
        ClientId=client.client_id,
        Username="eva",
        Password=PASSWORD,
        UserAttributes=listed({"name": ""}),
    )
    assert said.startswith(SCHEMA_ERROR)
    assert said.endswith("\n")
    assert sorted(said.removeprefix(SCHEMA_ERROR).splitlines()) == [
        "email: The attribute is required",
        "name.formatted: The attribute name.formatted is required",
    ]


@pytest.mark.parametrize("door", ["update", "admin_update"])
def test_a_required_attribute_cannot_be_blanked(
    idp, make_pool, make_client, make_user, sign_in, door
):
    pool = make_pool(Schema=REQUIRED)
    make_user(pool, "ana", email="a@example.com", name="Ana")
    doors = Doors(idp, pool, make_client(pool), sign_in)
    said = refused(idp, "InvalidParameterException", lambda: getattr(doors, door)({"email": ""}))
    assert said == f"{SCHEMA_ERROR}email: The attribute is required\n"


@pytest.mark.parametrize("door", ["sign_up", "create"])
@pytest.mark.parametrize(
    ("members", "username", "message"),
    [
        ({"UsernameAttributes": ["email"]}, "ana", "Username should be an email."),
        ({"UsernameAttributes": ["email"]}, "+4915112345678", "Username should be an email."),
        (
            {"UsernameAttributes": ["phone_number"]},
            "a@example.com",
            "Username should be a phone number.",
        ),
        (
            {"UsernameAttributes": ["email", "phone_number"]},
            "ana",
            "Username should be either an email or a phone number.",
        ),
        (
            {"AliasAttributes": ["email"]},
            "a@example.com",
            "Username cannot be of email format, since user pool is configured for email alias.",
        ),
        (
            {"AliasAttributes": ["phone_number"]},
            "+4915112345678",
            "Username cannot be of phone number format, since user pool is configured for phone "
            "number alias.",
        ),
    ],
)
def test_a_name_of_the_wrong_shape_is_refused(
    idp, make_pool, make_client, door, members, username, message
):
    pool = make_pool(**members)
    if door == "sign_up":
        ids = {"ClientId": make_client(pool).client_id, "Password": PASSWORD}
        call = idp.sign_up
    else:
        ids = {"UserPoolId": pool.id}
        call = idp.admin_create_user
    said = refused(idp, "InvalidParameterException", call, Username=username, **ids)
    assert said == message
    assert not PoolUser.objects.exists()


@pytest.mark.parametrize("door", EVERY_DOOR)
def test_a_value_has_at_most_2048_bytes(idp, doors, door):
    for value in ("x" * 2049, "é" * 1025):
        # The gate counts characters by the model; the schema counts bytes.
        refused(
            idp,
            "InvalidParameterException",
            lambda value=value: getattr(doors, door)({"profile": value}),
        )
    getattr(doors, door)({"profile": "é" * 1024})
