"""Groups, their members, and the count of groups that each user keeps."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from userpools.errors import InvalidParameterException
from userpools.models import Group, Membership, PoolUser
from userpools.services import groups
from userpools.services.lookup import find_user

ROLE = "arn:aws:iam::000000000000:role/editors"


@pytest.fixture
def group(idp, pool):
    idp.create_group(UserPoolId=pool.id, GroupName="editors")
    return "editors"


@pytest.fixture
def join(idp, pool):
    def add(username, name):
        idp.admin_add_user_to_group(UserPoolId=pool.id, Username=username, GroupName=name)

    return add


def group_count(username):
    return PoolUser.objects.get(username=username).group_count


def described(idp, pool, name="editors"):
    return idp.get_group(UserPoolId=pool.id, GroupName=name)["Group"]


# Refusals


@pytest.mark.parametrize(
    "operation", ["get_group", "update_group", "delete_group", "list_users_in_group"]
)
def test_an_unknown_group_is_not_found(idp, pool, operation):
    with pytest.raises(idp.exceptions.ResourceNotFoundException) as caught:
        getattr(idp, operation)(UserPoolId=pool.id, GroupName="none")
    assert caught.value.response["Error"]["Message"] == "Group not found."


@pytest.mark.parametrize("operation", ["admin_add_user_to_group", "admin_remove_user_from_group"])
def test_an_unknown_group_or_user_is_not_found(idp, pool, user, group, operation):
    with pytest.raises(idp.exceptions.ResourceNotFoundException, match="Group not found"):
        getattr(idp, operation)(UserPoolId=pool.id, Username=user, GroupName="none")
    with pytest.raises(idp.exceptions.UserNotFoundException, match="User does not exist"):
        getattr(idp, operation)(UserPoolId=pool.id, Username="nobody", GroupName=group)


def test_create_group_refuses_a_taken_name(idp, pool, group):
    with pytest.raises(idp.exceptions.GroupExistsException) as caught:
        idp.create_group(UserPoolId=pool.id, GroupName=group)
    text = caught.value.response["Error"]["Message"]
    assert text == "A group with the name already exists."


def test_create_group_needs_a_pool(idp):
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        idp.create_group(UserPoolId="us-east-1_doesnotex", GroupName="g")


@pytest.mark.parametrize(
    "members",
    [
        {"GroupName": "with space"},
        {"GroupName": "x" * 129},
        {"GroupName": "g", "Precedence": -1},
        {"GroupName": "g", "Description": "x" * 2049},
        {"GroupName": "g", "RoleArn": "no arn at all, really"},
    ],
)
def test_create_group_refuses_what_the_model_forbids(idp, pool, members):
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.create_group(UserPoolId=pool.id, **members)
    assert not Group.objects.exists()


def test_a_pool_has_a_limited_number_of_groups(idp, pool, group, monkeypatch):
    monkeypatch.setattr(groups, "GROUPS_PER_POOL", 1)
    with pytest.raises(idp.exceptions.LimitExceededException):
        idp.create_group(UserPoolId=pool.id, GroupName="more")


def test_a_user_is_in_a_limited_number_of_groups(idp, pool, user, group, join, monkeypatch):
    monkeypatch.setattr(groups, "GROUPS_PER_USER", 1)
    idp.create_group(UserPoolId=pool.id, GroupName="more")
    join(user, group)
    with pytest.raises(idp.exceptions.InvalidParameterException, match="at most 1"):
        join(user, "more")
    join(user, group)
    assert group_count(user) == 1


@pytest.mark.parametrize("operation", ["create_group", "update_group"])
def test_a_role_needs_the_permission_to_pass_it(idp, pool, signed_client, operator, operation):
    if operation == "update_group":
        idp.create_group(UserPoolId=pool.id, GroupName="g")
    statement = {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": "*"}
    without = signed_client(operator=operator, policy={"Statement": statement})
    with pytest.raises(without.exceptions.ClientError, match="iam:PassRole"):
        getattr(without, operation)(UserPoolId=pool.id, GroupName="g", RoleArn=ROLE)
    passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE}
    allowed = signed_client(operator=operator, policy={"Statement": [statement, passing]})
    getattr(allowed, operation)(UserPoolId=pool.id, GroupName="g", RoleArn=ROLE)
    assert described(idp, pool, "g")["RoleArn"] == ROLE


# Groups


def test_a_group_shows_what_it_was_given(idp, pool):
    sent = {"GroupName": "editors", "Description": "d", "RoleArn": ROLE, "Precedence": 0}
    answer = idp.create_group(UserPoolId=pool.id, **sent)["Group"]
    shown = described(idp, pool)
    assert shown == answer
    assert shown.items() >= {**sent, "UserPoolId": pool.id}.items()
    assert shown["CreationDate"] == shown["LastModifiedDate"]


def test_a_group_by_name_alone_shows_nothing_else(idp, pool, group):
    assert set(described(idp, pool)) == {
        "GroupName", "UserPoolId", "CreationDate", "LastModifiedDate",
    }  # fmt: skip


def test_an_update_keeps_what_it_leaves_out(idp, pool):
    idp.create_group(
        UserPoolId=pool.id, GroupName="editors", Description="d", RoleArn=ROLE, Precedence=3
    )
    idp.update_group(UserPoolId=pool.id, GroupName="editors", Precedence=0)
    shown = described(idp, pool)
    assert (shown["Description"], shown["RoleArn"], shown["Precedence"]) == ("d", ROLE, 0)
    idp.update_group(UserPoolId=pool.id, GroupName="editors", Description="")
    assert "Description" not in described(idp, pool)


def test_list_groups_pages_by_name(idp, pool):
    for name in ("c", "a", "b"):
        idp.create_group(UserPoolId=pool.id, GroupName=name)
    first = idp.list_groups(UserPoolId=pool.id, Limit=2)
    assert [each["GroupName"] for each in first["Groups"]] == ["a", "b"]
    second = idp.list_groups(UserPoolId=pool.id, Limit=2, NextToken=first["NextToken"])
    assert [each["GroupName"] for each in second["Groups"]] == ["c"]
    assert "NextToken" not in second


def test_a_limit_of_zero_is_the_default(idp, pool, group):
    assert len(idp.list_groups(UserPoolId=pool.id, Limit=0)["Groups"]) == 1


# Members


def test_joining_twice_is_joining_once(idp, pool, user, group, join):
    join(user, group)
    join(user, group)
    assert Membership.objects.count() == 1
    assert group_count(user) == 1


def test_leaving_a_group_that_one_is_not_in_changes_nothing(idp, pool, user, group, join):
    join(user, group)
    for _ in range(2):
        idp.admin_remove_user_from_group(UserPoolId=pool.id, Username=user, GroupName=group)
    assert not Membership.objects.exists()
    assert group_count(user) == 0


def test_a_users_groups_are_listed_in_pages(idp, pool, user, join):
    for name in ("b", "a", "c", "other"):
        idp.create_group(UserPoolId=pool.id, GroupName=name)
    for name in ("b", "a", "c"):
        join(user, name)
    first = idp.admin_list_groups_for_user(UserPoolId=pool.id, Username=user, Limit=2)
    second = idp.admin_list_groups_for_user(
        UserPoolId=pool.id, Username=user, Limit=2, NextToken=first["NextToken"]
    )
    names = [each["GroupName"] for each in first["Groups"] + second["Groups"]]
    assert names == ["a", "b", "c"]


def test_a_groups_users_are_listed_in_pages(idp, pool, group, make_user, join):
    for name in ("ana", "bo", "cy"):
        join(make_user(pool, name, email=f"{name}@example.com"), group)
    make_user(pool, "outside")
    first = idp.list_users_in_group(UserPoolId=pool.id, GroupName=group, Limit=2)
    second = idp.list_users_in_group(
        UserPoolId=pool.id, GroupName=group, Limit=2, NextToken=first["NextToken"]
    )
    assert "NextToken" not in second
    listed = first["Users"] + second["Users"]
    assert [each["Username"] for each in listed] == ["ana", "bo", "cy"]
    assert {"Name": "email", "Value": "ana@example.com"} in listed[0]["Attributes"]
    assert listed[0]["UserStatus"] == "CONFIRMED"
    assert listed[0]["Enabled"] is True


def test_a_page_token_is_of_one_list(idp, pool, user, group, join):
    idp.create_group(UserPoolId=pool.id, GroupName="more")
    token = idp.list_groups(UserPoolId=pool.id, Limit=1)["NextToken"]
    for call in (
        lambda: idp.admin_list_groups_for_user(UserPoolId=pool.id, Username=user, NextToken=token),
        lambda: idp.list_users_in_group(UserPoolId=pool.id, GroupName=group, NextToken=token),
        lambda: idp.list_groups(UserPoolId=pool.id, NextToken=token[:-1]),
    ):
        with pytest.raises(idp.exceptions.InvalidParameterException, match="pagination token"):
            call()


def test_a_deleted_group_leaves_its_users(idp, pool, group, make_user, join, monkeypatch):
    monkeypatch.setattr(groups, "DELETE_BATCH", 2)
    idp.create_group(UserPoolId=pool.id, GroupName="kept")
    for name in ("ana", "bo", "cy"):
        join(make_user(pool, name), group)
        join(name, "kept")
    idp.delete_group(UserPoolId=pool.id, GroupName=group)
    assert [each.name for each in Group.objects.all()] == ["kept"]
    assert [group_count(name) for name in ("ana", "bo", "cy")] == [1, 1, 1]


def test_a_group_made_again_is_empty(idp, pool, user, group, join):
    join(user, group)
    idp.delete_group(UserPoolId=pool.id, GroupName=group)
    idp.create_group(UserPoolId=pool.id, GroupName=group)
    assert idp.list_users_in_group(UserPoolId=pool.id, GroupName=group)["Users"] == []
    assert group_count(user) == 0


# In parallel


@pytest.mark.django_db(transaction=True)
def test_joining_a_group_that_is_deleted_meanwhile_fails(idp, pool, user, group, monkeypatch):
    stale = Group.objects.get()
    idp.delete_group(UserPoolId=pool.id, GroupName=group)
    monkeypatch.setattr(groups, "find", lambda pool, name: stale)
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        idp.admin_add_user_to_group(UserPoolId=pool.id, Username=user, GroupName=group)
    assert group_count(user) == 0
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        idp.delete_group(UserPoolId=pool.id, GroupName=group)


def in_parallel(work, arguments):
    def run(argument):
        try:
            return work(argument)
        except Exception as exc:
            return exc
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as executor:
        return list(executor.map(run, arguments))


@pytest.mark.django_db(transaction=True)
def test_parallel_joins_keep_to_the_limit_and_the_count(idp, pool, user, monkeypatch):
    monkeypatch.setattr(groups, "GROUPS_PER_USER", 3)
    names = [f"g{n}" for n in range(6)]
    for name in names:
        idp.create_group(UserPoolId=pool.id, GroupName=name)

    def join(name):
        from userpools.audit import Actor  # noqa: PLC0415

        groups.add(pool, find_user(pool, user), name, actor=Actor("root", "console"))

    outcomes = in_parallel(join, names)
    assert sum(isinstance(each, InvalidParameterException) for each in outcomes) == 3
    assert Membership.objects.count() == group_count(user) == 3
