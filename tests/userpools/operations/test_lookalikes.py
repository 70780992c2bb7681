"""Names and addresses that look alike: which are one, which are two, and which are none."""

import pytest
from botocore.exceptions import ClientError
from django.db import transaction

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from userpools.models import Group, Membership, PoolUser, UserAlias

pytestmark = pytest.mark.django_db

ONE, TWO, NONE = "one", "two", "none"
# What somebody is called already, what the next one types, and how many people these are in a
# case-sensitive pool and in one that is not.
NAMES = [
    pytest.param("Zürich", "Zu\u0308rich", ONE, ONE, id="composed and decomposed"),
    pytest.param("K", "\u212a", ONE, ONE, id="Kelvin sign"),
    pytest.param("ana", "ANA", TWO, ONE, id="capitals"),
    pytest.param("straße", "STRASSE", TWO, ONE, id="sharp s"),
    pytest.param("boss", "bo\u017fs", TWO, ONE, id="long s"),
    pytest.param("ana", "\uff41na", TWO, TWO, id="full width"),
    pytest.param("di", "d\u0131", TWO, TWO, id="dotless i"),
    pytest.param("ana", "\u0430na", TWO, TWO, id="Cyrillic a"),
    pytest.param("ana", "ana\u200b", NONE, NONE, id="zero-width space"),
    pytest.param("ana", "a\u200dna", NONE, NONE, id="zero-width joiner"),
    pytest.param("ana", "ana\u200f", NONE, NONE, id="right-to-left mark"),
    pytest.param("ana", "\u202eana", NONE, NONE, id="right-to-left override"),
    pytest.param("ana", "ana\x00", NONE, NONE, id="trailing NUL"),
    pytest.param("ana", "ana ", NONE, NONE, id="trailing space"),
    pytest.param("ana", "a\u00adna", NONE, NONE, id="soft hyphen"),
]
REFUSED = {"InvalidParameterException", "SerializationException"}


def code_of(call, **members):
    try:
        # A refused INSERT would end the test's own transaction on PostgreSQL.
        with transaction.atomic():
            call(**members)
    except ClientError as exc:
        if exc.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return exc.response["Error"]["Code"]
    return ""


def sensitive(*, case_sensitive):
    return {"UsernameConfiguration": {"CaseSensitive": case_sensitive}}


def check(outcome, expected, taken):
    if expected == NONE:
        assert outcome in REFUSED
    else:
        assert outcome == (taken if expected == ONE else "")


@pytest.mark.parametrize("case_sensitive", [True, False])
@pytest.mark.parametrize(("name", "twin", "sensitively", "insensitively"), NAMES)
def test_signing_up_under_a_twin(
    idp, make_pool, make_client, name, twin, sensitively, insensitively, case_sensitive
):
    client = make_client(make_pool(**sensitive(case_sensitive=case_sensitive)))
    members = {"ClientId": client.client_id, "Password": PASSWORD}
    idp.sign_up(Username=name, **members)
    outcome = code_of(idp.sign_up, Username=twin, **members)
    expected = sensitively if case_sensitive else insensitively
    check(outcome, expected, "UsernameExistsException")
    assert PoolUser.objects.count() == (2 if expected == TWO else 1)
    # Whoever is called by the twin is nobody else.
    if expected != NONE:
        found = idp.admin_get_user(UserPoolId=client.pool_id, Username=twin)
        assert found["Username"] == (name if expected == ONE else twin)


@pytest.mark.parametrize("case_sensitive", [True, False])
@pytest.mark.parametrize(("name", "twin", "sensitively", "insensitively"), NAMES)
def test_signing_up_with_a_twins_address(
    idp, make_pool, make_client, name, twin, sensitively, insensitively, case_sensitive
):
    pool = make_pool(UsernameAttributes=["email"], **sensitive(case_sensitive=case_sensitive))
    members = {"ClientId": make_client(pool).client_id, "Password": PASSWORD}
    idp.sign_up(Username=f"{name}@example.com", **members)
    outcome = code_of(idp.sign_up, Username=f"{twin}@example.com", **members)
    expected = sensitively if case_sensitive else insensitively
    check(outcome, expected, "UsernameExistsException")
    assert PoolUser.objects.count() == (2 if expected == TWO else 1)


@pytest.mark.parametrize("case_sensitive", [True, False])
@pytest.mark.parametrize(("name", "twin", "sensitively", "insensitively"), NAMES)
@pytest.mark.parametrize("kind", ["email", "preferred_username"])
def test_a_twin_of_an_alias(
    idp, make_pool, make_user, kind, name, twin, sensitively, insensitively, case_sensitive
):
    pool = make_pool(AliasAttributes=[kind], **sensitive(case_sensitive=case_sensitive))
    suffix = "@example.com" if kind == "email" else ""
    verified = {"email_verified": "true"} if kind == "email" else {}
    make_user(pool, "first", **{kind: name + suffix}, **verified)
    outcome = code_of(
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="second",
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": key, "Value": value}
            for key, value in {kind: twin + suffix, **verified}.items()
        ],
    )
    expected = sensitively if case_sensitive else insensitively
    check(outcome, expected, "AliasExistsException")
    assert UserAlias.objects.filter(kind=kind).count() == (2 if expected == TWO else 1)
    assert idp.admin_get_user(UserPoolId=pool.id, Username=name + suffix)["Username"] == "first"


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_an_address_in_other_letter_case_is_ones_own(idp, make_pool, make_user, case_sensitive):
    pool = make_pool(UsernameAttributes=["email"], **sensitive(case_sensitive=case_sensitive))
    username = make_user(pool, "ana@example.com", email_verified="true")
    idp.admin_update_user_attributes(
        UserPoolId=pool.id,
        Username=username,
        UserAttributes=[{"Name": "email", "Value": "Ana@Example.com"}],
    )
    row = PoolUser.objects.get()
    # As given, and unproved: who reads that mail may be somebody else.
    assert row.attributes == {"email": "Ana@Example.com", "email_verified": "false"}
    found = code_of(idp.admin_get_user, UserPoolId=pool.id, Username="ana@example.com")
    assert found == ("UserNotFoundException" if case_sensitive else "")


def test_full_width_digits_are_no_phone_number(idp, pool):
    said = refused(
        idp,
        "InvalidParameterException",
        idp.admin_create_user,
        UserPoolId=pool.id,
        Username="ana",
        UserAttributes=[{"Name": "phone_number", "Value": "+\uff14\uff1915112345678"}],
    )
    assert said == "Invalid phone number format."


def test_an_alias_that_folds_to_more_than_an_index_holds_is_refused(idp, make_pool):
    pool = make_pool(UsernameAttributes=["email"], **sensitive(case_sensitive=False))
    idp.admin_create_user(UserPoolId=pool.id, Username="ana@example.com", MessageAction="SUPPRESS")
    said = refused(
        idp,
        "InvalidParameterException",
        idp.admin_update_user_attributes,
        UserPoolId=pool.id,
        Username="ana@example.com",
        # Each of these is two bytes, and three when its case is folded.
        UserAttributes=[{"Name": "email", "Value": "\u0149" * 1000 + "@example.com"}],
    )
    assert said.startswith("Attributes did not conform to the schema: email: ")


# Races


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("members", "username", "attributes", "error"),
    [
        ({}, "eva", {}, "UsernameExistsException"),
        ({"UsernameAttributes": ["email"]}, "eva@example.com", {}, "UsernameExistsException"),
        ({"AliasAttributes": ["email"]}, "eva", {}, "UsernameExistsException"),
    ],
)
def test_one_of_twenty_signs_up(idp, make_pool, make_client, members, username, attributes, error):
    client = make_client(make_pool(**members))

    def sign_up():
        idp.sign_up(ClientId=client.client_id, Username=username, Password=PASSWORD)

    assert sorted(in_parallel(20, sign_up)) == [error] * 19 + ["done"]
    assert PoolUser.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_twenty_gets_an_alias(idp, make_pool):
    pool = make_pool(AliasAttributes=["email"])
    names = iter(f"user{number}" for number in range(20))

    def create():
        idp.admin_create_user(
            UserPoolId=pool.id,
            Username=next(names),
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": "eva@example.com"},
                {"Name": "email_verified", "Value": "true"},
            ],
        )

    assert sorted(in_parallel(20, create)) == ["AliasExistsException"] * 19 + ["done"]
    assert UserAlias.objects.filter(kind="email").count() == 1
    assert PoolUser.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_user_is_put_into_twenty_groups_at_once(idp, pool, user):
    for number in range(20):
        idp.create_group(UserPoolId=pool.id, GroupName=f"g{number}")
    names = iter([f"g{number}" for number in range(20)])
    outcomes = in_parallel(
        20,
        lambda: idp.admin_add_user_to_group(
            UserPoolId=pool.id, Username="ana", GroupName=next(names)
        ),
    )
    assert outcomes == ["done"] * 20
    assert PoolUser.objects.get().group_count == Membership.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_a_user_is_put_into_one_group_by_twenty_at_once(idp, pool, user):
    idp.create_group(UserPoolId=pool.id, GroupName="editors")
    outcomes = in_parallel(
        20,
        lambda: idp.admin_add_user_to_group(
            UserPoolId=pool.id, Username="ana", GroupName="editors"
        ),
    )
    assert outcomes == ["done"] * 20
    assert Group.objects.get().memberships.count() == PoolUser.objects.get().group_count == 1
