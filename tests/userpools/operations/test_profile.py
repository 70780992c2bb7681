"""One's own attributes and contacts, and the administrator's hand in them, through boto3."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from userpools.models import (
    AuditEntry,
    CodePurpose,
    Message,
    PoolUser,
    UserAlias,
    UserPool,
    VerificationCode,
)
from userpools.services import codes

pytestmark = pytest.mark.django_db
OLD, NEW = "ana@example.com", "ana@example.net"
HOUR = timedelta(hours=1, seconds=1)
VERIFYING = {"AutoVerifiedAttributes": ["email", "phone_number"]}
KEEPING = {
    **VERIFYING,
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
}


def listed(**values):
    return [{"Name": name.replace("__", ":"), "Value": value} for name, value in values.items()]


class Account:
    """A signed-in user of a pool, and the calls of both hands on it."""

    def __init__(self, idp, client, username, token):
        self.idp, self.client, self.username, self.token = idp, client, username, token
        self.row = PoolUser.objects.get(pool_id=client.pool_id, username=username)

    def update(self, **values):
        answer = self.idp.update_user_attributes(
            AccessToken=self.token, UserAttributes=listed(**values)
        )
        return answer["CodeDeliveryDetailsList"]

    def delete(self, *names):
        self.idp.delete_user_attributes(AccessToken=self.token, UserAttributeNames=list(names))

    def request_code(self, attribute="email"):
        answer = self.idp.get_user_attribute_verification_code(
            AccessToken=self.token, AttributeName=attribute
        )
        return answer["CodeDeliveryDetails"]

    def verify(self, code, attribute="email"):
        self.idp.verify_user_attribute(AccessToken=self.token, AttributeName=attribute, Code=code)

    def admin_update(self, **values):
        self.idp.admin_update_user_attributes(
            UserPoolId=self.client.pool_id,
            Username=self.username,
            UserAttributes=listed(**values),
        )

    def admin_delete(self, *names):
        self.idp.admin_delete_user_attributes(
            UserPoolId=self.client.pool_id,
            Username=self.username,
            UserAttributeNames=list(names),
        )

    def shown(self):
        answer = self.idp.get_user(AccessToken=self.token)
        values = {item["Name"]: item["Value"] for item in answer["UserAttributes"]}
        del values["sub"]
        return values

    def signs_in_as(self, name):
        try:
            answer = self.idp.initiate_auth(
                ClientId=self.client.client_id,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
            )
        except self.idp.exceptions.UserNotFoundException:
            return False
        return "AuthenticationResult" in answer


@pytest.fixture
def account(idp, make_pool, make_client, make_user, sign_in):
    """Make a pool, and in it `ana` with a verified address."""

    def make(*, pool=None, name="ana", values=None, client_members=None, **members):
        pool = pool or make_pool(**members)
        client = make_client(pool, **(client_members or {}))
        if values is None:
            values = {"email": OLD, "email_verified": "true"}
        typed = values["email"] if pool.username_attributes else name
        username = make_user(pool, typed, **values)
        return Account(idp, client, username, sign_in(client, username)["AccessToken"])

    return make


def wrong(code):
    return "000000" if code != "000000" else "000001"


# Writing


@pytest.mark.parametrize("name", ["nickname", "custom__level", "email_verified"])
@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_client_writes_and_removes_only_what_it_may(idp, account, name, operation):
    ana = account(
        Schema=[{"Name": "level", "AttributeDataType": "String", "Mutable": True}],
        client_members={"WriteAttributes": ["email", "name"]},
    )
    ana.admin_update(nickname="a", custom__level="1")
    before = ana.shown()
    call = {
        "update": lambda: ana.update(**{name: "true"}),
        "delete": lambda: ana.delete(name.replace("__", ":")),
    }[operation]
    said = refused(idp, "NotAuthorizedException", call)
    assert said == "A client attempted to write unauthorized attribute"
    assert ana.shown() == before
    ana.update(name="Ana")
    assert ana.shown()["name"] == "Ana"


def test_nothing_is_written_where_one_of_several_is_refused(idp, account):
    ana = account(**VERIFYING)
    refused(
        idp,
        "InvalidParameterException",
        idp.update_user_attributes,
        AccessToken=ana.token,
        UserAttributes=listed(name="Ana", email=NEW, birthdate="yesterday"),
    )
    assert ana.shown() == {"email": OLD, "email_verified": "true"}
    assert not Message.objects.exists()


def test_a_blank_value_removes_the_attribute(account):
    ana = account()
    ana.update(name="Ana", nickname="a")
    ana.update(name="", nickname="b")
    assert ana.shown() == {"email": OLD, "email_verified": "true", "nickname": "b"}


@pytest.mark.parametrize(
    ("members", "values"),
    [
        pytest.param(VERIFYING, {"email": OLD}, id="the same value"),
        pytest.param(VERIFYING, {"name": "Ana"}, id="no contact"),
        pytest.param(VERIFYING, {"email": ""}, id="a removal"),
        pytest.param({}, {"email": NEW}, id="nothing verified here"),
        pytest.param(
            {"AutoVerifiedAttributes": ["phone_number"]}, {"email": NEW}, id="the other is"
        ),
    ],
)
def test_no_code_is_sent_for(account, members, values):
    ana = account(**members)
    assert ana.update(**values) == []
    ana.admin_update(**values)
    assert not Message.objects.exists()


def test_a_changed_contact_is_unverified_at_once_and_gets_a_code(account, sent):
    ana = account(**VERIFYING)
    assert ana.update(email=NEW, phone_number="+4915112345678") == [
        {"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"},
        {
            "Destination": "+*********5678",
            "DeliveryMedium": "SMS",
            "AttributeName": "phone_number",
        },
    ]
    assert ana.shown() == {
        "email": NEW,
        "email_verified": "false",
        "phone_number": "+4915112345678",
        "phone_number_verified": "false",
    }
    messages = {message["to"]: message for message in sent()}
    assert {message["kind"] for message in messages.values()} == {"update_attribute"}
    ana.verify(messages["+4915112345678"]["code"], "phone_number")
    ana.verify(messages[NEW]["code"])
    shown = ana.shown()
    assert (shown["email_verified"], shown["phone_number_verified"]) == ("true", "true")


def test_an_administrators_change_sends_a_code_unless_it_states_the_flag(account, sent):
    ana = account(**VERIFYING)
    ana.admin_update(email="else@example.com", email_verified="True")
    assert ana.shown() == {"email": "else@example.com", "email_verified": "true"}
    assert sent() == []
    ana.admin_update(email=NEW)
    assert ana.shown() == {"email": NEW, "email_verified": "false"}
    (message,) = sent()
    assert (message["to"], message["kind"]) == (NEW, "update_attribute")
    ana.verify(message["code"])
    assert ana.shown() == {"email": NEW, "email_verified": "true"}


# Verification before update


def test_a_value_that_waits_for_its_code_changes_nothing_else(account, sent):
    ana = account(**KEEPING)
    (details,) = ana.update(email=NEW, name="Ana")
    assert details["AttributeName"] == "email"
    assert ana.shown() == {"email": OLD, "email_verified": "true", "name": "Ana"}
    (message,) = sent()
    assert message["to"] == NEW
    ana.verify(message["code"])
    assert ana.shown() == {"email": NEW, "email_verified": "true", "name": "Ana"}


def test_only_the_contacts_that_the_pool_names_wait(account):
    ana = account(**KEEPING)
    ana.update(phone_number="+4915112345678")
    assert ana.shown()["phone_number"] == "+4915112345678"


def test_a_first_value_waits_too(account, sent):
    ana = account(values={}, **KEEPING)
    ana.update(email=NEW)
    assert ana.shown() == {}
    (message,) = sent()
    ana.verify(message["code"])
    assert ana.shown() == {"email": NEW, "email_verified": "true"}


def test_an_administrators_change_waits_too(account, sent):
    ana = account(**KEEPING)
    ana.admin_update(email=NEW, email_verified="false", name="Ana")
    assert ana.shown() == {"email": OLD, "email_verified": "true", "name": "Ana"}
    (message,) = sent()
    ana.verify(message["code"])
    assert ana.shown()["email"] == NEW


def test_an_administrator_who_states_the_flag_changes_the_value_at_once(idp, account, sent):
    ana = account(**KEEPING)
    ana.update(email="mistyped@example.com")
    (message,) = sent()
    ana.admin_update(email=NEW, email_verified="true")
    assert ana.shown() == {"email": NEW, "email_verified": "true"}
    assert len(sent()) == 1
    # What waited is over.
    refused(idp, "ExpiredCodeException", ana.verify, code=message["code"])
    assert ana.shown()["email"] == NEW


def test_a_second_change_takes_the_place_of_the_one_that_waits(idp, account, sent):
    ana = account(**KEEPING)
    ana.update(email="mistyped@example.com")
    ana.update(email=NEW)
    first, second = sent()
    refused(idp, "CodeMismatchException", ana.verify, code=first["code"])
    ana.verify(second["code"])
    assert ana.shown()["email"] == NEW


ALIASES = {"AliasAttributes": ["email"]}
NAMES = {"UsernameAttributes": ["email"]}


@pytest.mark.parametrize(
    ("kind", "before_update", "old_meanwhile", "new_meanwhile"),
    [
        pytest.param(NAMES, True, True, False, id="username attributes, on"),
        pytest.param(NAMES, False, False, True, id="username attributes, off"),
        pytest.param(ALIASES, True, True, False, id="aliases, on"),
        pytest.param(ALIASES, False, False, False, id="aliases, off"),
    ],
)
def test_which_address_signs_in_while_a_change_is_unproved(
    account, sent, kind, before_update, old_meanwhile, new_meanwhile
):
    """Source: developer guide, "Verifying updates to email addresses and phone numbers"."""
    ana = account(**kind, **(KEEPING if before_update else VERIFYING))
    assert ana.signs_in_as(OLD)
    ana.update(email=NEW)
    assert (ana.signs_in_as(OLD), ana.signs_in_as(NEW)) == (old_meanwhile, new_meanwhile)
    expected = {"email": OLD, "email_verified": "true"}
    if not before_update:
        expected = {"email": NEW, "email_verified": "false"}
    assert ana.shown() == expected
    (message,) = sent()
    ana.verify(message["code"])
    assert (ana.signs_in_as(OLD), ana.signs_in_as(NEW)) == (False, True)
    assert ana.shown() == {"email": NEW, "email_verified": "true"}
    assert ana.signs_in_as(ana.username)


# Values that somebody else has


@pytest.mark.parametrize("before_update", [True, False])
def test_a_verified_alias_moves_silently_from_its_owner(account, sent, before_update):
    settings = KEEPING if before_update else VERIFYING
    ana = account(**ALIASES, **settings)
    bob = account(pool=ana.client.pool, name="bob", values={})
    bob.update(email=OLD)
    assert ana.signs_in_as(OLD)
    (message,) = sent()
    bob.verify(message["code"])
    assert UserAlias.objects.get(kind="email").user_id == bob.row.pk
    assert bob.shown() == {"email": OLD, "email_verified": "true"}
    assert ana.shown() == {"email": OLD, "email_verified": "false"}


def test_an_administrator_moves_an_alias_by_stating_the_flag(account):
    ana = account(**ALIASES, **VERIFYING)
    bob = account(pool=ana.client.pool, name="bob", values={})
    bob.admin_update(email=OLD, email_verified="true")
    assert UserAlias.objects.get(kind="email").user_id == bob.row.pk
    assert ana.shown() == {"email": OLD, "email_verified": "false"}


def test_an_address_that_somebody_signs_in_with_is_told_at_once(idp, account):
    ana = account(**NAMES, **VERIFYING)
    bob = account(pool=ana.client.pool, values={"email": "bob@example.com"})
    said = refused(idp, "AliasExistsException", bob.update, email=OLD)
    assert said == "An account with the given email already exists."
    assert bob.shown()["email"] == "bob@example.com"
    assert not Message.objects.exists()


def test_an_address_that_somebody_signs_in_with_is_told_to_who_reads_its_mail(idp, account, sent):
    ana = account(**NAMES, **KEEPING)
    bob = account(pool=ana.client.pool, values={"email": "bob@example.com"})
    bob.update(email=OLD)
    (message,) = sent()
    said = refused(idp, "AliasExistsException", bob.verify, code=message["code"])
    assert said == "An account with the given email already exists."
    assert bob.shown() == {"email": "bob@example.com", "email_verified": "false"}
    assert ana.signs_in_as(OLD)
    # Nothing was used up: the code holds once the address is free.
    ana.idp.delete_user(AccessToken=ana.token)
    bob.verify(message["code"])
    assert bob.signs_in_as(OLD)


def test_an_alias_that_nobody_verifies_never_moves(idp, account):
    members = {"AliasAttributes": ["preferred_username", "email"]}
    ana = account(**members)
    ana.update(preferred_username="neo")
    bob = account(pool=ana.client.pool, name="bob", values={})
    for taken in ("neo", "ana"):
        said = refused(idp, "AliasExistsException", bob.update, preferred_username=taken)
        assert said in {
            "An account with the preferred_username already exists.",
            "An account with the email already exists.",
        }
    said = refused(idp, "InvalidParameterException", bob.update, preferred_username=NEW)
    assert said == (
        "preferred_username cannot be of email format, since user pool is configured for email"
        " alias."
    )
    assert bob.shown() == {}


# Taking a code


def test_only_a_contact_has_a_code(idp, account):
    ana = account(**VERIFYING)
    for name in ("nickname", "email_verified", "sub", "custom:none"):
        for call in (
            lambda name=name: ana.verify("123456", name),
            lambda name=name: ana.request_code(name),
        ):
            said = refused(idp, "InvalidParameterException", call)
            assert said == "Invalid attribute name. Only phone_number and email can be verified."


def test_a_code_that_was_never_sent_is_told_apart(idp, account):
    ana = account(**VERIFYING)
    said = refused(idp, "ExpiredCodeException", ana.verify, code="123456")
    assert said == "Invalid code provided, please request a code again."


def test_a_wrong_code_is_refused(idp, account, sent):
    ana = account(**VERIFYING)
    ana.update(email=NEW)
    (message,) = sent()
    said = refused(idp, "CodeMismatchException", ana.verify, code=wrong(message["code"]))
    assert said == "Invalid verification code provided, please try again."
    assert ana.shown()["email_verified"] == "false"


def test_a_code_of_the_other_contact_or_of_somebody_else_is_refused(idp, account, sent):
    ana = account(**VERIFYING)
    bob = account(pool=ana.client.pool, name="bob", values={})
    ana.update(email=NEW, phone_number="+4915112345678")
    bob.update(email="bob@example.com")
    codes_by_address = {message["to"]: message["code"] for message in sent()}
    # By chance in a million runs two codes are the same.
    assert len(set(codes_by_address.values())) == 3
    for code in (codes_by_address["+4915112345678"], codes_by_address["bob@example.com"]):
        refused(idp, "CodeMismatchException", ana.verify, code=code)
    ana.verify(codes_by_address[NEW])


def test_an_expired_code_is_told_apart(idp, account, sent):
    ana = account(**VERIFYING)
    ana.update(email=NEW)
    (message,) = sent()
    # Rather than the clock, as the token would expire with it.
    VerificationCode.objects.update(expires_at=timezone.now())
    said = refused(idp, "ExpiredCodeException", ana.verify, code=message["code"])
    assert said == "Invalid code provided, please request a code again."


def test_a_code_lives_for_a_day(idp, account, sent):
    ana = account(client_members={"AccessTokenValidity": 24}, **VERIFYING)
    ana.update(email=NEW)
    (message,) = sent()
    row = VerificationCode.objects.get()
    assert row.expires_at - row.created_at == timedelta(hours=24)
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        ana.verify(message["code"])
    assert ana.shown()["email_verified"] == "true"


def test_a_code_is_good_once(idp, account, sent):
    ana = account(**VERIFYING)
    ana.update(email=NEW)
    (message,) = sent()
    ana.verify(message["code"])
    refused(idp, "ExpiredCodeException", ana.verify, code=message["code"])


def test_guesses_are_counted_over_all_codes_of_the_hour(idp, account, sent):
    ana = account(client_members={"AccessTokenValidity": 24}, **VERIFYING)
    ana.update(email=NEW)
    for _ in range(10):
        refused(idp, "CodeMismatchException", ana.verify, code=wrong(sent()[0]["code"]))
    # Neither a new code nor another value begins the count anew.
    ana.update(email="else@example.com")
    ana.request_code()
    message = sent()[-1]
    for _ in range(5):
        refused(idp, "CodeMismatchException", ana.verify, code=wrong(message["code"]))
    said = refused(idp, "LimitExceededException", ana.verify, code=message["code"])
    assert said == "Attempt limit exceeded, please try after some time."
    with time_machine.travel(timezone.now() + HOUR):
        ana.verify(message["code"])


# When codes are void


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda ana: ana.update(email=NEW), id="rewritten"),
        pytest.param(lambda ana: ana.update(email=OLD.upper()), id="in other case"),
        pytest.param(lambda ana: ana.update(email=""), id="blanked"),
        pytest.param(lambda ana: ana.delete("email"), id="deleted"),
        pytest.param(lambda ana: ana.admin_update(email=NEW), id="rewritten by administrator"),
        pytest.param(
            lambda ana: ana.admin_update(email=NEW, email_verified="true"),
            id="stated by administrator",
        ),
        pytest.param(lambda ana: ana.admin_delete("email"), id="deleted by administrator"),
    ],
)
def test_every_code_for_a_contact_ends_with_it(idp, account, end):
    ana = account()
    purposes = (
        (CodePurpose.SIGN_UP, ""),
        (CodePurpose.RESET_PASSWORD, ""),
        (CodePurpose.VERIFY_ATTRIBUTE, "email"),
    )
    for purpose, attribute in purposes:
        codes.issue(ana.row, purpose, destination=OLD, attribute=attribute)
    VerificationCode.objects.update(tries=3, tries_since=timezone.now())
    end(ana)
    rows = VerificationCode.objects.values_list("used_at", "tries")
    assert len(rows) == 3
    assert all(used_at is not None and tries == 3 for used_at, tries in rows)


def test_a_code_for_the_other_contact_lives_on(account):
    ana = account()
    ana.admin_update(phone_number="+4915112345678", phone_number_verified="true")
    codes.issue(ana.row, CodePurpose.RESET_PASSWORD, destination="+4915112345678")
    ana.update(email=NEW)
    assert VerificationCode.objects.get().used_at is None


def test_a_value_that_waits_leaves_the_codes_of_the_present_one(account):
    ana = account(**KEEPING)
    codes.issue(ana.row, CodePurpose.RESET_PASSWORD, destination=OLD)
    ana.update(email=NEW)
    assert VerificationCode.objects.get(purpose=CodePurpose.RESET_PASSWORD).used_at is None


@pytest.mark.parametrize("name", ["update", "delete"])
def test_removing_a_contact_ends_what_waits_for_its_code(idp, account, sent, name):
    ana = account(values={}, **KEEPING)
    ana.update(email=NEW)
    (message,) = sent()
    if name == "update":
        ana.update(email="")
    else:
        ana.delete("email")
    refused(idp, "ExpiredCodeException", ana.verify, code=message["code"])
    assert ana.shown() == {}


# Asking for a code


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("email", "User does not have a valid registered email address"),
        ("phone_number", "User does not have a valid registered phone number"),
    ],
)
def test_a_contact_that_is_not_there_gets_no_code(idp, account, attribute, message):
    ana = account(values={}, **VERIFYING)
    said = refused(idp, "InvalidParameterException", ana.request_code, attribute=attribute)
    assert said == message
    assert not Message.objects.exists()


def test_a_requested_code_verifies_the_present_value(idp, account, sent):
    ana = account(values={"email": OLD})
    assert ana.request_code() == {
        "Destination": "a***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }
    ana.request_code()
    first, second = sent()
    assert (first["to"], first["kind"]) == (OLD, "verify_attribute")
    refused(idp, "CodeMismatchException", ana.verify, code=first["code"])
    ana.verify(second["code"])
    assert ana.shown() == {"email": OLD, "email_verified": "true"}


def test_a_requested_code_goes_to_the_value_that_waits(account, sent):
    ana = account(**KEEPING)
    ana.update(email=NEW)
    ana.request_code()
    first, second = sent()
    assert (first["to"], second["to"]) == (NEW, NEW)
    ana.verify(second["code"])
    assert ana.shown() == {"email": NEW, "email_verified": "true"}


def test_a_value_stops_waiting_when_its_code_expires(account, sent):
    ana = account(client_members={"AccessTokenValidity": 24}, **KEEPING)
    ana.update(email=NEW)
    VerificationCode.objects.update(expires_at=timezone.now())
    ana.request_code()
    assert sent()[-1]["to"] == OLD


def test_codes_may_be_asked_for_five_times_an_hour(idp, account, sent):
    ana = account(values={"email": OLD})
    for _ in range(5):
        ana.request_code()
    said = refused(idp, "LimitExceededException", ana.request_code)
    assert said == "Attempt limit exceeded, please try after some time."
    assert len(sent()) == 5


# Removing


def test_a_deleted_contact_takes_its_flag_and_its_alias_along(account):
    ana = account(**ALIASES)
    assert ana.signs_in_as(OLD)
    ana.delete("email")
    assert ana.shown() == {}
    assert not ana.signs_in_as(OLD)
    assert ana.signs_in_as("ana")


@pytest.mark.parametrize("hand", ["delete", "admin_delete"])
def test_what_must_stay_cannot_be_deleted(idp, account, hand):
    ana = account(
        **NAMES,
        Schema=[
            {"Name": "name", "Required": True},
            {"Name": "born", "AttributeDataType": "String", "Mutable": False},
        ],
        values={"email": OLD, "name": "Ana", "custom:born": "1990"},
    )
    call = getattr(ana, hand)
    before = PoolUser.objects.get().attributes
    for name, message in (
        ("email", "Attributes did not conform to the schema: email: The attribute is required\n"),
        ("name", "Attributes did not conform to the schema: name: The attribute is required\n"),
        ("custom:born", "user.custom:born: Attribute cannot be updated.\n"),
        ("sub", "user.sub: Attribute cannot be updated.\n"),
        ("identities", "user.identities: Attribute cannot be updated.\n"),
        (
            "custom:none",
            "Attributes did not conform to the schema: custom:none: "
            "Attribute does not exist in the schema.\n",
        ),
    ):
        assert refused(idp, "InvalidParameterException", lambda name=name: call(name)) == message
    assert PoolUser.objects.get().attributes == before


def test_a_deleted_user_is_gone_at_once_and_the_names_are_free(idp, account):
    ana = account(**ALIASES)
    sub = ana.row.sub
    idp.delete_user(AccessToken=ana.token)
    assert not PoolUser.objects.exists()
    assert not UserAlias.objects.exists()
    said = refused(idp, "NotAuthorizedException", idp.delete_user, AccessToken=ana.token)
    assert said == "Access Token has been revoked"
    again = account(pool=ana.client.pool)
    assert again.row.sub != sub
    assert again.signs_in_as(OLD)


def test_what_an_administrator_changes_is_audited_by_names_alone(account):
    ana = account()
    ana.admin_update(name="Ana Lovelace")
    ana.admin_delete("name")
    update, delete = AuditEntry.objects.filter(action__endswith="UserAttributes").order_by("pk")
    assert (update.action, update.after) == ("AdminUpdateUserAttributes", ["name"])
    assert (delete.action, delete.before) == ("AdminDeleteUserAttributes", ["name"])
    assert "Lovelace" not in str(AuditEntry.objects.values())


# What it costs


def counted(django_assert_num_queries, ana, queries, call):
    ana.shown()
    UserPool.cached(ana.client.pool_id)
    with django_assert_num_queries(queries):
        call()


@pytest.mark.parametrize("members", [VERIFYING, ALIASES])
def test_an_update_without_a_contact_is_one_lock_and_one_write(
    account, members, django_assert_num_queries
):
    ana = account(**members)
    # The token; the transaction's two ends; the row, locked; the row, written.
    counted(django_assert_num_queries, ana, 5, lambda: ana.update(name="Ana", nickname="a"))


def test_a_changed_contact_costs_three_statements_more(account, django_assert_num_queries):
    ana = account(**VERIFYING)
    # What it voids, the code, the message.
    counted(django_assert_num_queries, ana, 8, lambda: ana.update(email=NEW))


def test_taking_a_code_costs(account, sent, django_assert_num_queries):
    ana = account(**VERIFYING)
    ana.update(email=NEW)
    (message,) = sent()
    # The token; the code, counted; two ends; the row, locked; the code, used; the row, written.
    counted(django_assert_num_queries, ana, 8, lambda: ana.verify(message["code"]))


# Races


@pytest.mark.django_db(transaction=True)
def test_a_code_is_taken_once_by_twenty_at_once(account, sent):
    ana = account(**KEEPING)
    ana.update(email=NEW)
    (message,) = sent()
    outcomes = in_parallel(20, lambda: ana.verify(message["code"]))
    # Fifteen are compared.
    late = ["ExpiredCodeException"] * 14 + ["LimitExceededException"] * 5
    assert sorted(outcomes) == [*late, "done"]
    assert ana.shown() == {"email": NEW, "email_verified": "true"}


@pytest.mark.django_db(transaction=True)
def test_twenty_guesses_at_once_share_no_try(account, sent):
    ana = account(**KEEPING)
    ana.update(email=NEW)
    (message,) = sent()
    outcomes = in_parallel(20, lambda: ana.verify(wrong(message["code"])))
    assert sorted(outcomes) == ["CodeMismatchException"] * 15 + ["LimitExceededException"] * 5


@pytest.mark.django_db(transaction=True)
def test_updates_of_different_attributes_lose_nothing(account):
    ana = account(
        Schema=[
            {"Name": f"n{number}", "AttributeDataType": "String", "Mutable": True}
            for number in range(20)
        ]
    )
    numbers = iter(range(20))

    def update():
        number = next(numbers)
        change = ana.update if number % 2 else ana.admin_update
        change(**{f"custom__n{number}": str(number)})

    assert in_parallel(20, update) == ["done"] * 20
    expected = {f"custom:n{number}": str(number) for number in range(20)}
    assert expected.items() <= PoolUser.objects.get().attributes.items()


@pytest.mark.django_db(transaction=True)
def test_an_address_changed_to_by_twenty_becomes_ones(idp, account, make_pool):
    pool = make_pool(**NAMES)
    accounts = [account(pool=pool, values={"email": f"u{n}@example.com"}) for n in range(20)]
    turns = iter(accounts)
    outcomes = in_parallel(20, lambda: next(turns).update(email=OLD))
    assert sorted(outcomes) == ["AliasExistsException"] * 19 + ["done"]
    assert PoolUser.objects.filter(attributes__email=OLD).count() == 1
    assert UserAlias.objects.filter(key=OLD).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_user_deleted_by_many_at_once_is_deleted_once(idp, account):
    ana = account()
    outcomes = in_parallel(8, lambda: idp.delete_user(AccessToken=ana.token))
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "UserNotFoundException", "NotAuthorizedException"}
    assert not PoolUser.objects.exists()
