"""Request rates, in the process and in Redis, and whose address counts."""

import math
import secrets
import socket

import pytest
from django.test import RequestFactory

from userpools import limits
from userpools.awsjson.throttling import Category
from userpools.limits import ProcessBuckets, RedisBuckets, client_address, rate_of

REDIS = ("127.0.0.1", 6379)


@pytest.fixture
def poolhouse(settings):
    def change(**values):
        settings.POOLHOUSE = {**settings.POOLHOUSE, **values}

    return change


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(limits.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(limits.time, "time", lambda: self.now)


@pytest.fixture(params=["process", "redis"])
def buckets(request):
    if request.param == "process":
        return ProcessBuckets()
    try:
        socket.create_connection(REDIS, timeout=1).close()
    except OSError:
        pytest.skip("needs Redis at 127.0.0.1:6379")
    return RedisBuckets("redis://127.0.0.1:6379/1")


def test_a_bucket_holds_a_seconds_worth_and_fills_again(buckets, monkeypatch):
    clock, key = Clock(monkeypatch), secrets.token_hex(8)
    assert [buckets.take(key, 3) for _ in range(4)] == [True, True, True, False]
    clock.now += 0.34
    assert [buckets.take(key, 3) for _ in range(2)] == [True, False]
    clock.now += 60
    assert [buckets.take(key, 3) for _ in range(4)] == [True, True, True, False]
    assert buckets.take(secrets.token_hex(8), 3)


def test_a_rate_below_one_lets_one_through_at_a_time(buckets, monkeypatch):
    clock, key = Clock(monkeypatch), secrets.token_hex(8)
    assert [buckets.take(key, 0.5) for _ in range(2)] == [True, False]
    clock.now += 1
    assert not buckets.take(key, 0.5)
    clock.now += 1.01
    assert buckets.take(key, 0.5)


def test_without_redis_the_process_counts_by_itself():
    buckets = RedisBuckets("redis://127.0.0.1:1/0")
    assert [buckets.take("key", 2) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("quotas", "category", "rate"),
    [
        ("cognito", Category.USER_AUTHENTICATION, 120),
        ("cognito", Category.USER_AUTHENTICATION_RESPONSE, 360),
        ("cognito", Category.USER_POOL_UPDATE, 15),
        ("cognito", Category.IDENTITY, math.inf),
        ("off", Category.USER_AUTHENTICATION, math.inf),
        ({"UserAuthentication": 7}, Category.USER_AUTHENTICATION, 7),
        ({"UserAuthentication": 7}, Category.USER_AUTHENTICATION_RESPONSE, 21),
        ({"UserAuthentication": 7}, Category.USER_LIST, 30),
    ],
)
def test_rates_are_cognitos_unless_set(poolhouse, quotas, category, rate):
    poolhouse(QUOTAS=quotas)
    assert rate_of(category) == rate


@pytest.mark.django_db
def test_a_call_over_the_rate_is_refused_and_others_are_not(idp, pool, poolhouse):
    limits.buckets.cache_clear()
    poolhouse(QUOTAS={"UserPoolRead": 0.5}, REDIS_URL="")
    assert idp.describe_user_pool(UserPoolId=pool.id)
    with pytest.raises(idp.exceptions.TooManyRequestsException, match="Rate exceeded"):
        idp.describe_user_pool(UserPoolId=pool.id)
    assert idp.list_users(UserPoolId=pool.id)["Users"] == []
    limits.buckets.cache_clear()


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
