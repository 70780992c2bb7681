"""Every operation has a rate, and every operation on one user takes from the user's limits."""

import json

import pytest

from tests.contract.malformed import valid
from tests.contract.test_operations import OPERATIONS, SERVICES
from userpools import limits
from userpools.awsjson import current
from userpools.awsjson.service import Operation, Signature, cognito_idp
from userpools.awsjson.throttling import Category
from userpools.counters import ProcessBuckets
from userpools.limits import CategoryLimiter, Guard
from userpools.models import PoolUser

REGION = "us-east-1"
OTHER_REGION = "eu-west-1"
# So little that nothing comes back while a test runs.
ONE_CALL = 0.001
# They make the user that they name, or name nobody.
MAKES_THE_USER = {"AdminCreateUser"}


@pytest.fixture
def quotas(settings, monkeypatch):
    """Set POOLHOUSE_QUOTAS, with counters that nobody has used yet and whose clock stands still."""

    def change(value):
        settings.POOLHOUSE = {**settings.POOLHOUSE, "QUOTAS": value}

    buckets = ProcessBuckets(lambda: 1000.0)
    monkeypatch.setattr(limits, "buckets", lambda _url: buckets)
    return change


def rate_name(operation):
    identity = operation.category is Category.IDENTITY
    return operation.name if identity else str(operation.category)


def limited():
    return [
        case
        for case in OPERATIONS
        if case.values[0].category is not Category.IDENTITY
        or case.values[0].name in limits.COGNITO_RATES
    ]


def error_of(post, operation, body=b"{"):
    response = post(operation, body, signed=operation.signature is not Signature.NONE)
    return json.loads(response.content).get("__type")


def another(operation):
    """An operation whose rate is a different one."""
    others = (each for service in SERVICES.values() for each in service.operations.values())
    return next(each for each in others if rate_name(each) != rate_name(operation))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_a_category_with_a_rate(operation: Operation):
    assert isinstance(operation.category, Category)
    assert operation.category is Category.IDENTITY or operation.category in limits.COGNITO_RATES


@pytest.mark.usefixtures("anything_goes")
@pytest.mark.parametrize("operation", limited())
def test_an_exhausted_rate_refuses_before_any_work(post, quotas, operation: Operation):
    # Without the mark for it, a test that touches the database fails; and the body is no JSON.
    quotas({"*": "off", rate_name(operation): ONE_CALL})
    assert error_of(post, operation) == "SerializationException"
    response = post(operation, b"{", signed=operation.signature is not Signature.NONE)
    assert response.status_code == 400
    assert json.loads(response.content) == {
        "__type": operation.throttled.__name__,
        "message": "Rate exceeded",
    }
    assert operation.throttled.__name__ in operation.allowed_errors
    assert error_of(post, another(operation)) == "SerializationException"


@pytest.mark.parametrize("operation", limited())
def test_a_rate_is_the_accounts_in_a_region(quotas, operation: Operation):
    quotas({"*": "off", rate_name(operation): ONE_CALL})
    take, account = CategoryLimiter().take, current().account_id
    assert take(operation, account, REGION, None)
    assert not take(operation, account, REGION, None)
    assert take(operation, account, OTHER_REGION, None)
    assert take(operation, "111111111111", REGION, None)


@pytest.mark.django_db
def test_one_region_leaves_another_alone(signed_client, operator, quotas):
    quotas({"UserPoolRead": ONE_CALL})
    here = signed_client(operator=operator, region=REGION)
    there = signed_client(operator=operator, region=OTHER_REGION)
    here.list_user_pools(MaxResults=1)
    with pytest.raises(here.exceptions.TooManyRequestsException):
        here.list_user_pools(MaxResults=1)
    assert there.list_user_pools(MaxResults=1)["UserPools"] == []


def test_answers_to_challenges_have_three_times_the_rate_of_sign_ins(quotas):
    quotas({"UserAuthentication": 2})

    def taken(name):
        operation = cognito_idp.operations[name]
        return [CategoryLimiter().take(operation, "", REGION, None) for _ in range(7)].count(True)

    assert taken("InitiateAuth") == 2
    assert taken("AdminInitiateAuth") == 0
    assert taken("RespondToAuthChallenge") == 6
    assert taken("AdminRespondToAuthChallenge") == 0


# One user


def names_a_user(operation):
    by_name = {"UserPoolId", "Username"} <= operation.members
    return ("AccessToken" in operation.members or by_name) and operation.name not in MAKES_THE_USER


ON_A_USER = [case for case in OPERATIONS if names_a_user(case.values[0])]


@pytest.fixture
def named(pool, user, client, sign_in):
    """Members that name one user, and the user."""
    members = {
        "AccessToken": sign_in(client)["AccessToken"],
        "UserPoolId": pool.id,
        "Username": user,
    }
    return members, PoolUser.objects.get(pool=pool, username=user)


@pytest.mark.django_db
@pytest.mark.parametrize("operation", ON_A_USER)
def test_an_operation_on_a_user_takes_from_the_users_limit(
    request, post, named, quotas, operation: Operation
):
    members, user = named
    quotas({"*": "off", "UserProfileRead": 1, "UserProfileWrite": 1})
    for guard in (Guard.READ, Guard.WRITE):
        limits.take_guard(guard, limits.subject_of(user))
    body = valid(operation.service.name, operation.model.input_shape)
    body |= {name: value for name, value in members.items() if name in operation.members}
    before = PoolUser.objects.values().get(pk=user.pk)
    request.getfixturevalue("anything_goes")
    assert error_of(post, operation, json.dumps(body).encode()) == operation.throttled.__name__
    assert PoolUser.objects.values().get(pk=user.pk) == before
