"""Quotas: how they are counted, what sets them, one user's limits, and whose address counts."""

import math
import secrets
import socket
import threading
import uuid

import pytest
import redis
from django.test import RequestFactory

from userpools import counters, limits
from userpools.awsjson.service import cognito_idp
from userpools.counters import ProcessBuckets, RedisBuckets, Window
from userpools.errors import LimitExceededException
from userpools.limits import CategoryLimiter, Guard, Guess, client_address, take_guard
from userpools.models import PoolUser

REDIS = ("127.0.0.1", 6379)
REDIS_URL = "redis://127.0.0.1:6379/5"
ACCOUNT = "000000000000"


@pytest.fixture
def poolhouse(settings):
    def change(**values):
        settings.POOLHOUSE = {**settings.POOLHOUSE, **values}

    return change


@pytest.fixture
def key():
    return secrets.token_hex(8)


class Clock:
    """A clock of the process that the test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def redis_url():
    try:
        socket.create_connection(REDIS, timeout=1).close()
    except OSError:
        pytest.skip("needs Redis at 127.0.0.1:6379")
    return REDIS_URL


class ProcessStore:
    """Counters in the process, whose time the test moves."""

    def __init__(self):
        self.clock = Clock()
        self.buckets = ProcessBuckets(self.clock)

    def later(self, key, seconds):
        self.clock.now += seconds


class RedisStore:
    """Counters in Redis, whose entries the test makes older."""

    def __init__(self, url):
        self.buckets = RedisBuckets(url)
        self.redis = redis.Redis.from_url(url, decode_responses=True)

    def later(self, key, seconds):
        name = f"poolhouse:rate:{key}"
        self.redis.hset(name, "t", float(self.redis.hget(name, "t")) - seconds)


@pytest.fixture(params=["process", "redis"])
def store(request):
    if request.param == "process":
        return ProcessStore()
    return RedisStore(request.getfixturevalue("redis_url"))


@pytest.fixture
def fresh(monkeypatch):
    """Counters that nobody has used yet, with a clock that stands still."""
    buckets = ProcessBuckets(Clock())
    monkeypatch.setattr(limits, "buckets", lambda _url: buckets)
    return buckets


@pytest.fixture
def ana(pool, user):
    return PoolUser.objects.get(pool=pool, username=user)


# Buckets


def test_a_bucket_holds_a_seconds_worth_and_fills_again(key):
    store, rate = ProcessStore(), 3
    take = store.buckets.take
    assert [take(key, rate) for _ in range(4)] == [True, True, True, False]
    store.later(key, 0.34)
    assert [take(key, rate) for _ in range(2)] == [True, False]
    store.later(key, 60)
    assert [take(key, rate) for _ in range(4)] == [True, True, True, False]
    assert take(secrets.token_hex(8), rate)


def test_a_bucket_in_redis_holds_a_seconds_worth(redis_url, key):
    store, rate = RedisStore(redis_url), 3
    assert store.buckets.take(key, rate)
    # From the future, so that nothing drips in while the test runs.
    store.later(key, -600)
    assert [store.buckets.take(key, rate) for _ in range(3)] == [True, True, False]


def test_a_rate_below_one_lets_one_through_at_a_time(store, key):
    assert [store.buckets.take(key, 0.5) for _ in range(2)] == [True, False]
    store.later(key, 1)
    assert not store.buckets.take(key, 0.5)
    store.later(key, 2)
    assert store.buckets.take(key, 0.5)


def test_the_process_forgets_the_bucket_used_longest_ago(monkeypatch):
    monkeypatch.setattr(counters, "MOST_BUCKETS", 3)
    buckets = ProcessBuckets(Clock())
    for key in ("a", "b", "c", "a", "d"):
        buckets.take(key, 1)
    assert not buckets.take("a", 1)
    assert buckets.take("b", 1)


def test_the_process_keeps_no_window_that_has_ended(monkeypatch):
    clock = Clock()
    buckets = ProcessBuckets(clock)
    for number in range(1000):
        buckets.count(f"{number}", 1)
    clock.now += 1
    buckets.count("next", 1)
    assert sum(map(len, buckets._windows.values())) == 1


def test_a_flood_of_one_kind_ends_no_window_of_another(monkeypatch):
    monkeypatch.setattr(counters, "MOST_WINDOWS", 10)
    buckets = ProcessBuckets(Clock())
    buckets.count("hourly", 3600)
    for number in range(50):
        buckets.count(f"{number}", 1)
    assert buckets.count("hourly", 3600) == 2
    assert len(buckets._windows[1, False]) == 10


def test_names_that_nobody_has_end_no_users_window(monkeypatch):
    monkeypatch.setattr(counters, "MOST_WINDOWS", 10)
    buckets = ProcessBuckets(Clock())
    user = f"{Guard.FORGOT_PASSWORD}:a:{uuid.uuid4()}"
    buckets.count(user, 3600)
    for number in range(50):
        buckets.count(f"{Guard.FORGOT_PASSWORD}:{limits.unknown_subject('a', str(number))}", 3600)
    assert buckets.count(user, 3600) == 2
    assert sum(map(len, buckets._windows.values())) == 11


# Windows


def test_a_window_counts_each_key_by_itself_until_it_is_forgotten(store, key):
    assert [store.buckets.count(key, 60) for _ in range(3)] == [1, 2, 3]
    other = secrets.token_hex(8)
    assert store.buckets.count(other, 60) == 1
    first, second, none = store.buckets.windows([key, other, "none"])
    assert (first.count, second.count, none) == (3, 1, Window())
    assert 0 < first.seconds_left <= 60
    store.buckets.forget([key])
    assert store.buckets.windows([key, other])[0] == Window()
    assert store.buckets.count(key, 60) == 1
    assert store.buckets.count(other, 60) == 2


def test_a_window_ends_so_many_seconds_after_its_first():
    clock = Clock()
    buckets = ProcessBuckets(clock)
    assert [buckets.count("key", 10) for _ in range(2)] == [1, 2]
    clock.now += 9.9
    assert buckets.count("key", 10) == 3
    clock.now += 0.1
    assert buckets.windows(["key"]) == [Window()]
    assert buckets.count("key", 10) == 1


# Redis


def test_processes_share_a_rate_and_a_window(redis_url, key):
    one, other = RedisBuckets(redis_url), RedisBuckets(redis_url)
    assert [each.take(key, 0.001) for each in (one, other, one)] == [True, False, False]
    assert [each.count(key, 60) for each in (one, other, one)] == [1, 2, 3]
    other.forget([key])
    assert one.windows([key]) == [Window()]


def test_no_call_is_counted_twice_or_missed_in_parallel(redis_url, key):
    stores = [RedisBuckets(redis_url) for _ in range(4)]
    allowed, counts = [], []

    def call(buckets):
        for _ in range(25):
            allowed.append(buckets.take(key, 0.001))
            counts.append(buckets.count(key, 60))

    threads = [threading.Thread(target=call, args=(buckets,)) for buckets in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 1
    assert sorted(counts) == list(range(1, 101))


def test_every_key_expires_and_counting_on_extends_no_window(redis_url, key):
    buckets, raw = RedisBuckets(redis_url), redis.Redis.from_url(redis_url)
    buckets.take(key, 0.5)
    buckets.count(key, 60)
    assert 0 < raw.ttl(f"poolhouse:rate:{key}") <= 7
    raw.expire(f"poolhouse:guard:{key}", 5)
    buckets.count(key, 60)
    assert 0 < raw.ttl(f"poolhouse:guard:{key}") <= 5


def test_a_rate_next_to_nothing_is_still_counted_in_redis(redis_url, key):
    one, other = RedisBuckets(redis_url), RedisBuckets(redis_url)
    assert [one.take(key, 1e-300), other.take(key, 1e-300)] == [True, False]


def test_without_redis_the_process_counts_by_itself():
    buckets = RedisBuckets("redis://127.0.0.1:1/0")
    assert [buckets.take("key", 0.001) for _ in range(2)] == [True, False]
    assert [buckets.count("key", 60) for _ in range(2)] == [1, 2]
    assert buckets.windows(["key"])[0].count == 2
    buckets.forget(["key"])
    assert buckets.windows(["key"]) == [Window()]


def test_a_server_that_is_away_is_asked_again_only_later():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(5)
        clock = Clock()
        buckets = RedisBuckets(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", clock)
        answered = threading.Thread(target=hang_up, args=(silent, 2))
        answered.start()
        assert buckets.count("key", 60) == 1
        answered.join()
        silent.setblocking(False)
        assert buckets.count("key", 60) == 2
        with pytest.raises(BlockingIOError):
            silent.accept()
        clock.now += counters.AWAY_SECONDS
        answered = threading.Thread(target=hang_up, args=(silent, 2))
        silent.settimeout(5)
        answered.start()
        assert buckets.count("key", 60) == 3
        answered.join()


def hang_up(listener, times):
    for _ in range(times):
        listener.accept()[0].close()


# What POOLHOUSE_QUOTAS says


@pytest.mark.parametrize(
    ("quotas", "name", "rate"),
    [
        ("cognito", "UserAuthentication", 120),
        ("cognito", "UserAuthenticationResponse", 360),
        ("cognito", "UserPoolUpdate", 15),
        ("cognito", "OperationPerPool", 5),
        ("off", "UserAuthentication", math.inf),
        ("off", "UserAuthenticationResponse", math.inf),
        ("off", "OperationPerPool", math.inf),
        ({"UserAuthentication": 7}, "UserAuthentication", 7),
        ({"UserAuthentication": 7}, "UserAuthenticationResponse", 21),
        ({"UserAuthentication": 7}, "UserList", 30),
        ({"UserAuthenticationResponse": 7}, "UserAuthentication", 120),
        ({"UserAuthenticationResponse": 7}, "UserAuthenticationResponse", 7),
        ({"UserList": "off"}, "UserList", math.inf),
        ({"UserList": "off"}, "UserRead", 120),
        ({"*": "off", "UserList": 2}, "UserList", 2),
        ({"*": "off", "UserList": 2}, "UserRead", math.inf),
        ({"*": 9}, "UserRead", 9),
        ({"*": 9}, "UserAuthenticationResponse", 27),
        ("nonsense", "UserRead", 120),
        ({"UserRead": -1}, "UserRead", 120),
        ([5], "UserRead", 120),
    ],
)
def test_rates_are_cognitos_unless_set(poolhouse, quotas, name, rate):
    poolhouse(QUOTAS=quotas)
    assert limits.quotas_in_force().rates[name] == rate


@pytest.mark.parametrize(
    ("quotas", "times"),
    [
        ("cognito", 5),
        ("off", 5),
        ({"*": "off"}, 5),
        ({"ChangePassword": 50}, 50),
        ({"ChangePassword": "off"}, 5),
        ({"ChangePassword": 0}, 5),
        ({"ChangePassword": 2.5}, 5),
        ({"ForgotPassword": 50}, 5),
    ],
)
def test_a_users_limit_can_be_set_and_not_switched_off(poolhouse, quotas, times):
    poolhouse(QUOTAS=quotas)
    assert limits.allowance_of(Guard.CHANGE_PASSWORD) == limits.Allowance(times, 3600)


def test_a_user_has_ten_reads_and_ten_writes_a_second(poolhouse):
    poolhouse(QUOTAS="cognito")
    assert limits.allowance_of(Guard.READ) == limits.Allowance(10, 1)
    assert limits.allowance_of(Guard.WRITE) == limits.Allowance(10, 1)


def test_guesses_of_codes_can_be_set(poolhouse):
    poolhouse(QUOTAS={"ConfirmSignUp": 3, "VerifyUserAttribute": "off"})
    assert [limits.guesses_an_hour(guess) for guess in Guess] == [3, 15, 15]


@pytest.mark.django_db
def test_codes_are_guessed_as_often_as_is_set(idp, pool, client, sent, poolhouse):
    poolhouse(QUOTAS={"*": "off", "ConfirmSignUp": 2})
    idp.update_user_pool(UserPoolId=pool.id, AutoVerifiedAttributes=["email"])
    contact = [{"Name": "email", "Value": "bo@example.com"}]
    who = {"ClientId": client.client_id, "Username": "bo"}
    idp.sign_up(**who, Password="Correct-Horse-9", UserAttributes=contact)
    for _ in range(2):
        with pytest.raises(idp.exceptions.CodeMismatchException):
            idp.confirm_sign_up(**who, ConfirmationCode="000000")
    with pytest.raises(idp.exceptions.TooManyFailedAttemptsException):
        idp.confirm_sign_up(**who, ConfirmationCode="000000")


# Rates of accounts and pools

CREATE_GROUP = "CreateGroup"
LIST_GROUPS = "ListGroups"
DESCRIBE_POOL = "DescribeUserPool"


def take(name, pool_id=None, *, account=ACCOUNT, region="us-east-1"):
    return CategoryLimiter().take(cognito_idp.operations[name], account, region, pool_id)


def test_an_operation_has_a_rate_in_each_pool(poolhouse, fresh):
    poolhouse(QUOTAS="cognito")
    assert [take(CREATE_GROUP, "us-east-1_a") for _ in range(6)] == [True] * 5 + [False]
    assert take(CREATE_GROUP, "us-east-1_b")
    assert take(LIST_GROUPS, "us-east-1_a")
    assert take("UpdateGroup", "us-east-1_a")
    assert take(CREATE_GROUP, "us-east-1_a", account="111111111111")


def test_the_other_categories_have_no_rate_in_a_pool(poolhouse, fresh):
    poolhouse(QUOTAS={"OperationPerPool": 0.001})
    assert all(take(DESCRIBE_POOL, "us-east-1_a") for _ in range(10))
    assert all(take("AdminGetUser", "us-east-1_a") for _ in range(10))
    assert [take("DescribeUserPoolClient", "us-east-1_a") for _ in range(2)] == [True, False]


@pytest.mark.django_db
def test_a_pool_that_may_not_exist_takes_from_no_other(idp, pool, poolhouse, fresh):
    poolhouse(QUOTAS={"OperationPerPool": 0.001})
    for name in ("us-east-1_strange", "us-east-1_stranger"):
        with pytest.raises(idp.exceptions.ResourceNotFoundException):
            idp.list_groups(UserPoolId=name)
    with pytest.raises(idp.exceptions.TooManyRequestsException, match="Rate exceeded"):
        idp.list_groups(UserPoolId="us-east-1_strange")
    assert idp.list_groups(UserPoolId=pool.id)["Groups"] == []


@pytest.mark.django_db
def test_what_another_process_counted_in_redis_counts_here(idp, ana, poolhouse, redis_url):
    poolhouse(REDIS_URL=redis_url, QUOTAS={"*": "off", "OperationPerPool": 0.001})
    other = RedisBuckets(redis_url)
    assert other.take(f"{ACCOUNT}:us-east-1:OperationPerPool:{ana.pool_id}:ListGroups", 0.001)
    with pytest.raises(idp.exceptions.TooManyRequestsException):
        idp.list_groups(UserPoolId=ana.pool_id)
    subject = limits.subject_of(ana)
    for _ in range(5):
        other.count(f"ChangePassword:{subject}", 3600)
    with pytest.raises(LimitExceededException):
        take_guard(Guard.CHANGE_PASSWORD, subject)
    limits.forget_guards(subject)
    assert other.windows([f"ChangePassword:{subject}"]) == [Window()]


@pytest.mark.django_db
def test_a_call_over_the_rate_is_refused_and_others_are_not(idp, pool, poolhouse, fresh):
    poolhouse(QUOTAS={"UserPoolRead": 0.5})
    assert idp.describe_user_pool(UserPoolId=pool.id)
    with pytest.raises(idp.exceptions.TooManyRequestsException, match="Rate exceeded"):
        idp.describe_user_pool(UserPoolId=pool.id)
    assert idp.list_users(UserPoolId=pool.id)["Users"] == []


# Limits of one user


@pytest.mark.django_db
def test_what_a_user_may_do_in_an_hour_is_the_users_alone(ana, fresh):
    subject = limits.subject_of(ana)
    for _ in range(5):
        take_guard(Guard.CHANGE_PASSWORD, subject)
    with pytest.raises(LimitExceededException, match="Attempt limit exceeded"):
        take_guard(Guard.CHANGE_PASSWORD, subject)
    take_guard(Guard.FORGOT_PASSWORD, subject)
    take_guard(Guard.CHANGE_PASSWORD, f"{ana.pool_id}:somebody else")
    limits.forget_guards(subject)
    assert limits.guard_count(Guard.CHANGE_PASSWORD, subject) == 0
    take_guard(Guard.CHANGE_PASSWORD, subject)


def test_unknown_names_share_a_fixed_number_of_guards():
    subjects = {limits.unknown_subject("us-east-1_a", f"name{number}") for number in range(50)}
    assert len(subjects) > 40
    assert all(int(each.partition(":~")[2]) < 65536 for each in subjects)


READS = 2


@pytest.fixture
def two_a_second(poolhouse, user, fresh):
    poolhouse(QUOTAS={"*": "off", "UserProfileRead": READS, "UserProfileWrite": READS})


@pytest.mark.django_db
@pytest.mark.usefixtures("two_a_second")
def test_a_user_is_read_so_often_a_second_whoever_reads(idp, pool, user, client, sign_in):
    token = sign_in(client)["AccessToken"]
    idp.get_user(AccessToken=token)
    idp.admin_get_user(UserPoolId=pool.id, Username=user)
    for refused in (
        lambda: idp.get_user(AccessToken=token),
        lambda: idp.admin_get_user(UserPoolId=pool.id, Username=user),
        lambda: idp.admin_list_groups_for_user(UserPoolId=pool.id, Username=user),
    ):
        with pytest.raises(idp.exceptions.TooManyRequestsException, match="Rate exceeded"):
            refused()


@pytest.mark.django_db
@pytest.mark.usefixtures("two_a_second")
def test_reads_leave_writes_and_other_users_and_sign_in_alone(idp, pool, user, client, sign_in):
    for _ in range(READS):
        idp.admin_get_user(UserPoolId=pool.id, Username=user)
    idp.admin_disable_user(UserPoolId=pool.id, Username=user)
    idp.admin_enable_user(UserPoolId=pool.id, Username=user)
    with pytest.raises(idp.exceptions.TooManyRequestsException):
        idp.admin_disable_user(UserPoolId=pool.id, Username=user)
    other = PoolUser.objects.create(pool=pool, username="bo", username_key="bo")
    assert idp.admin_get_user(UserPoolId=pool.id, Username="bo")["Username"] == other.username
    assert sign_in(client)


@pytest.mark.django_db
@pytest.mark.usefixtures("two_a_second")
def test_a_forged_token_takes_nothing_from_its_user(idp, user, client, sign_in):
    token = sign_in(client)["AccessToken"]
    for _ in range(READS + 1):
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            idp.get_user(AccessToken=token[:-8] + "AAAAAAAA")
    assert idp.get_user(AccessToken=token)


@pytest.mark.django_db
@pytest.mark.usefixtures("two_a_second")
def test_counting_a_user_asks_the_database_nothing(
    idp, user, client, sign_in, django_assert_num_queries
):
    token = sign_in(client)["AccessToken"]
    idp.get_user(AccessToken=token)
    with django_assert_num_queries(1):
        idp.get_user(AccessToken=token)
    with django_assert_num_queries(1), pytest.raises(idp.exceptions.TooManyRequestsException):
        idp.get_user(AccessToken=token)


# Addresses


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "address"),
    [
        ((), "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (("10.0.0.0/8",), "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (("10.0.0.0/8",), "10.1.1.1", "198.51.100.1", "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.1.1", "1.2.3.4, 198.51.100.1, 10.2.2.2", "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.1.1", "", "10.1.1.1"),
        (("10.0.0.0/8",), "not an address", "198.51.100.1", "not an address"),
        (("::1",), "::1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_forwarded_addresses_count_from_listed_proxies_alone(
    poolhouse, proxies, peer, forwarded, address
):
    poolhouse(TRUSTED_PROXIES=proxies)
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == address
