"""Passwords that their owners change, and those that may not come back, through boto3."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.userpools.auth.conftest import SrpSignIn
from userpools.audit import Actor
from userpools.models import PastPassword, PoolUser, UserPool
from userpools.services import pools

pytestmark = pytest.mark.django_db

NEW = "Battery-Staple-7"
VIOLATION = "PasswordHistoryPolicyViolationException"
EMAIL = {"email": "ana@example.com", "email_verified": "true"}
POLICY = {
    "MinimumLength": 8,
    "RequireUppercase": True,
    "RequireLowercase": True,
    "RequireNumbers": True,
    "RequireSymbols": True,
}


def listed(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


@pytest.fixture
def change(idp):
    def ask(tokens, previous=PASSWORD, proposed=NEW):
        members = {"PreviousPassword": previous} if previous else {}
        return idp.change_password(
            AccessToken=tokens["AccessToken"], ProposedPassword=proposed, **members
        )

    return ask


# One's own password


def test_a_changed_password_counts_at_once_and_sessions_live_on(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    assert change(tokens).keys() == {"ResponseMetadata"}
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        sign_in(client)
    assert sign_in(client, password=NEW)["AccessToken"]
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ana"


def test_a_wrong_previous_password_is_refused_and_counted_with_sign_ins(
    idp, client, user, sign_in, change
):
    tokens = sign_in(client)
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(2):
            with pytest.raises(idp.exceptions.NotAuthorizedException):
                sign_in(client, password="wrong-password")
        for _ in range(3):
            said = refused(
                idp, "NotAuthorizedException", change, tokens=tokens, previous="wrong-password"
            )
            assert said == "Incorrect username or password."
        said = refused(idp, "NotAuthorizedException", change, tokens=tokens)
        assert said == "Password attempts exceeded"
    assert PoolUser.objects.get().failed_passwords == 5


def test_a_right_previous_password_is_no_failure(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    change(tokens)
    assert PoolUser.objects.get().failed_passwords == 0


def test_a_password_may_be_changed_five_times_an_hour(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    for _ in range(5):
        refused(idp, "InvalidPasswordException", change, tokens=tokens, proposed="all-lower-case-1")
    said = refused(idp, "LimitExceededException", change, tokens=tokens)
    assert said == "Attempt limit exceeded, please try after some time."
    assert sign_in(client)["AccessToken"]


def test_the_previous_password_is_demanded_of_whoever_has_one(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    said = refused(idp, "InvalidParameterException", change, tokens=tokens, previous=None)
    assert said == "Missing required parameter PreviousPassword"


def test_the_proposed_password_obeys_the_policy(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    said = refused(
        idp, "InvalidPasswordException", change, tokens=tokens, proposed="All-Letters-Here"
    )
    assert said == "Password did not conform with policy: Password must have numeric characters"
    assert PoolUser.objects.get().failed_passwords == 0


def without_password(name="ana"):
    """Leave a signed-in user as one who signs in without a password."""
    PoolUser.objects.filter(username=name).update(
        password_form="", password_sealed=None, password_set_at=None
    )


def test_a_user_without_a_password_sets_one(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    without_password()
    said = refused(idp, "NotAuthorizedException", change, tokens=tokens)
    assert said == "Incorrect username or password."
    change(tokens, previous=None)
    assert sign_in(client, password=NEW)["AccessToken"]


def test_a_user_of_another_provider_sets_none(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    without_password()
    PoolUser.objects.update(status="EXTERNAL_PROVIDER")
    refused(idp, "NotAuthorizedException", change, tokens=tokens, previous=None)
    assert not PoolUser.objects.get().has_password


def test_a_temporary_password_is_changed_for_good_while_it_lasts(
    idp, pool, client, user, sign_in, change
):
    tokens = sign_in(client)
    idp.admin_set_user_password(UserPoolId=pool.id, Username="ana", Password="Temporary-1")
    PoolUser.objects.update(password_set_at=timezone.now() - timedelta(days=8))
    said = refused(idp, "NotAuthorizedException", change, tokens=tokens, previous="Temporary-1")
    assert said == "Temporary password has expired and must be reset by an administrator."
    PoolUser.objects.update(password_set_at=timezone.now() - timedelta(days=6))
    change(tokens, previous="Temporary-1")
    assert PoolUser.objects.get().status == "CONFIRMED"
    assert sign_in(client, password=NEW)["AccessToken"]


@pytest.mark.parametrize("end", ["admin_user_global_sign_out", "admin_disable_user"])
def test_an_ended_session_changes_nothing(idp, pool, client, user, sign_in, change, end):
    tokens = sign_in(client)
    getattr(idp, end)(UserPoolId=pool.id, Username="ana")
    refused(idp, "NotAuthorizedException", change, tokens=tokens)


def test_a_change_ends_sign_ins_under_way(idp, client, user, sign_in, change):
    tokens = sign_in(client)
    attempt = SrpSignIn(idp, client, "ana", PASSWORD)
    attempt.start()
    responses = attempt.responses()
    change(tokens)
    said = refused(idp, "NotAuthorizedException", attempt.respond, responses=responses)
    assert said == "Invalid session for the user."


@pytest.mark.parametrize("storage", ["verifier", "argon2id"])
def test_a_change_is_kept_in_the_pools_form(idp, pool, make_client, make_user, change, storage):
    client = make_client(
        pool, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )
    pools.set_password_storage(pool.id, storage, actor=Actor("root", "console"))
    make_user(pool, "ana")
    begin = {"ClientId": client.client_id, "AuthFlow": "USER_PASSWORD_AUTH"}

    def enter(password):
        parameters = {"USERNAME": "ana", "PASSWORD": password}
        return idp.initiate_auth(**begin, AuthParameters=parameters)["AuthenticationResult"]

    change(enter(PASSWORD))
    assert PoolUser.objects.get().password_form == storage
    assert enter(NEW)


def test_a_change_costs_a_handful_of_statements(
    idp, client, user, sign_in, change, django_assert_num_queries
):
    tokens = sign_in(client)
    UserPool.cached(client.pool_id)
    with django_assert_num_queries(7):
        change(tokens)


@pytest.mark.django_db(transaction=True)
def test_of_parallel_changes_one_wins(client, user, sign_in, change):
    tokens = sign_in(client)
    outcomes = in_parallel(20, lambda: change(tokens))
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {
        "done",
        "NotAuthorizedException",
        "LimitExceededException",
        "TooManyRequestsException",
    }
    assert sign_in(client, password=NEW)["AccessToken"]


# Passwords that may not come back


@pytest.fixture
def remembering(make_pool):
    """Make pools that remember so many passwords."""

    def make(size, **members):
        return make_pool(
            Policies={"PasswordPolicy": {**POLICY, "PasswordHistorySize": size}}, **members
        )

    return make


def set_password(idp, pool, password, *, permanent=True):
    idp.admin_set_user_password(
        UserPoolId=pool.id, Username="ana", Password=password, Permanent=permanent
    )


def nth(index):
    return f"Password-Number-{index}"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_present_password_and_those_before_it_may_not_come_back(
    idp, remembering, make_user, size
):
    pool = remembering(size)
    make_user(pool, "ana", password=nth(0))
    for index in range(1, 5):
        set_password(idp, pool, nth(index))
    for index in range(4, 4 - size, -1):
        members = {"UserPoolId": pool.id, "Username": "ana", "Permanent": True}
        said = refused(idp, VIOLATION, idp.admin_set_user_password, **members, Password=nth(index))
        assert said == "Password has previously been used."
    assert PastPassword.objects.count() == size - 1
    set_password(idp, pool, nth(4 - size))


def test_without_a_history_any_password_comes_back(idp, pool, user):
    set_password(idp, pool, PASSWORD)
    set_password(idp, pool, PASSWORD)
    assert not PastPassword.objects.exists()


def test_former_passwords_are_known_in_whichever_form(idp, remembering, make_user):
    pool = remembering(4)
    make_user(pool, "ana", password=nth(0))
    pools.set_password_storage(pool.id, "argon2id", actor=Actor("root", "console"))
    for index in (1, 2):
        set_password(idp, pool, nth(index))
    assert set(PastPassword.objects.values_list("form", flat=True)) == {"verifier", "argon2id"}
    for index in range(3):
        with pytest.raises(idp.exceptions.PasswordHistoryPolicyViolationException):
            set_password(idp, pool, nth(index))
    set_password(idp, pool, nth(3))


def test_another_users_passwords_do_not_count(idp, remembering, make_user):
    pool = remembering(3)
    make_user(pool, "eva", password=nth(0))
    make_user(pool, "ana", password=nth(1))
    set_password(idp, pool, nth(0))


def test_a_change_obeys_the_history(idp, remembering, make_client, make_user, sign_in, change):
    pool = remembering(2)
    make_user(pool, "ana")
    tokens = sign_in(make_client(pool))
    refused(idp, VIOLATION, change, tokens=tokens, proposed=PASSWORD)
    assert PoolUser.objects.get().failed_passwords == 0
    change(tokens)
    refused(idp, VIOLATION, change, tokens=tokens, previous=NEW, proposed=PASSWORD)


def test_a_reset_obeys_the_history_and_the_code_lives_on(
    idp, remembering, make_client, make_user, sent
):
    pool = remembering(2)
    client = make_client(pool)
    make_user(pool, "ana", **EMAIL)
    idp.forgot_password(ClientId=client.client_id, Username="ana")
    (message,) = sent()
    members = {
        "ClientId": client.client_id,
        "Username": "ana",
        "ConfirmationCode": message["code"],
    }
    refused(idp, VIOLATION, idp.confirm_forgot_password, **members, Password=PASSWORD)
    idp.confirm_forgot_password(**members, Password=NEW)
    assert PastPassword.objects.count() == 1


def test_a_temporary_password_is_not_chosen_again(idp, remembering, make_client, make_user):
    pool = remembering(3)
    client = make_client(pool)
    make_user(pool, "ana", password=nth(0))
    set_password(idp, pool, nth(1), permanent=False)
    session = idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": nth(1)},
    )["Session"]

    def answer(password):
        return idp.respond_to_auth_challenge(
            ClientId=client.client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=session,
            ChallengeResponses={"USERNAME": "ana", "NEW_PASSWORD": password},
        )

    for index in (0, 1):
        refused(idp, VIOLATION, answer, password=nth(index))
    assert answer(nth(2))["AuthenticationResult"]


def test_a_renewed_invitation_brings_another_password(idp, remembering):
    pool = remembering(2)
    members = {"UserPoolId": pool.id, "Username": "ana", "TemporaryPassword": nth(0)}
    idp.admin_create_user(**members)
    said = refused(
        idp, "InvalidPasswordException", idp.admin_create_user, **members, MessageAction="RESEND"
    )
    assert said == "Password has previously been used."


def test_a_smaller_history_is_trimmed_at_the_next_change(idp, remembering, make_user):
    pool = remembering(5)
    make_user(pool, "ana", password=nth(0))
    for index in range(1, 5):
        set_password(idp, pool, nth(index))
    idp.update_user_pool(
        UserPoolId=pool.id, Policies={"PasswordPolicy": {**POLICY, "PasswordHistorySize": 2}}
    )
    set_password(idp, pool, nth(0))
    assert PastPassword.objects.count() == 1


def test_former_passwords_go_with_their_user(idp, remembering, make_user):
    pool = remembering(3)
    make_user(pool, "ana", password=nth(0))
    set_password(idp, pool, nth(1))
    assert PastPassword.objects.count() == 1
    idp.admin_delete_user(UserPoolId=pool.id, Username="ana")
    assert not PastPassword.objects.exists()


def test_former_passwords_are_sealed(idp, remembering, make_user):
    pool = remembering(3)
    make_user(pool, "ana", password=nth(0))
    before = bytes(PoolUser.objects.get().password_sealed)
    set_password(idp, pool, nth(1))
    assert bytes(PastPassword.objects.get().sealed) == before


def statements(call):
    with CaptureQueriesContext(connection) as captured:
        call()
    return [str(query["sql"]) for query in captured.captured_queries]


def test_a_history_costs_statements_only_where_there_is_one(
    idp, pool, user, remembering, make_user
):
    remembers = remembering(3)
    make_user(remembers, "ana")
    costs = {}
    for each in (pool, remembers):
        UserPool.cached(each.id)
        costs[each] = statements(lambda each=each: set_password(idp, each, NEW))
    table = PastPassword._meta.db_table
    assert [sql for sql in costs[pool] if table in sql] == []
    assert len([sql for sql in costs[remembers] if table in sql]) == 3
    assert len(costs[remembers]) <= 9
