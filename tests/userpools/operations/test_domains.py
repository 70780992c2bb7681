"""Pools' domains, and which pool a request's Host names."""

import pytest

from tests.calls import refused
from userpools.models import UserPool, UserPoolDomain
from userpools.models.domain import pool_at
from userpools.models.pool import pools
from userpools.services import domains

CERTIFICATE = {"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/one"}


@pytest.fixture(autouse=True)
def suffix(settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "AUTH_DOMAIN_SUFFIX": "auth.example.net"}
    # What a test before this one made is rolled back, and not yet forgotten.
    pools.clear()


@pytest.fixture
def give(idp):
    def create(pool, domain, **members):
        return idp.create_user_pool_domain(UserPoolId=pool.id, Domain=domain, **members)

    return create


def refuses(idp, pool, domain, error="InvalidParameterException", **members):
    return refused(
        idp, error, idp.create_user_pool_domain, UserPoolId=pool.id, Domain=domain, **members
    )


# Refusals


@pytest.mark.parametrize("domain", ["my-aws-app", "amazonas", "cognito"])
def test_reserved_words_are_refused_in_a_prefix(idp, pool, domain):
    assert "reserved word" in refuses(idp, pool, domain)


@pytest.mark.parametrize("domain", ["Upper", "-a", "a-", "a_b", "a b", "a/b", "a@b", ""])
def test_a_domain_is_a_host_name(idp, pool, domain):
    refuses(idp, pool, domain)


def test_a_prefix_has_no_dots_and_no_certificate(idp, pool, give):
    refuses(idp, pool, "login.example.com")
    give(pool, "acme")
    refused(
        idp,
        "InvalidParameterException",
        idp.update_user_pool_domain,
        UserPoolId=pool.id,
        Domain="acme",
        CustomDomainConfig=CERTIFICATE,
    )


@pytest.mark.parametrize("domain", ["com", "testserver", "auth.example.net", "x.auth.example.net"])
def test_a_custom_domain_is_neither_a_top_level_one_nor_the_servers_own(idp, pool, domain):
    refuses(idp, pool, domain, CustomDomainConfig=CERTIFICATE)


def test_a_prefix_is_not_the_servers_own_host(idp, pool, settings, give):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "PUBLIC_URL": "https://id.auth.example.net"}
    refuses(idp, pool, "id")
    give(pool, "acme")


def test_a_domain_has_one_pool(idp, pool, make_pool, give):
    give(pool, "acme")
    assert refuses(idp, make_pool(), "acme") == domains.TAKEN


def test_a_pool_has_one_prefix_and_one_custom_domain(idp, pool, give):
    give(pool, "acme")
    give(pool, "login.example.com", CustomDomainConfig=CERTIFICATE)
    refuses(idp, pool, "second")
    refuses(idp, pool, "login.example.org", CustomDomainConfig=CERTIFICATE)
    described = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    assert (described["Domain"], described["CustomDomain"]) == ("acme", "login.example.com")


def test_a_region_has_so_many_custom_domains(idp, pool, make_pool, give, monkeypatch):
    monkeypatch.setattr(domains, "CUSTOM_DOMAINS_PER_REGION", 1)
    give(pool, "login.example.com", CustomDomainConfig=CERTIFICATE)
    refuses(
        idp,
        make_pool(),
        "login.example.org",
        "LimitExceededException",
        CustomDomainConfig=CERTIFICATE,
    )


def test_managed_login_is_not_for_the_smallest_tier(idp, make_pool, give):
    lite = make_pool(UserPoolTier="LITE")
    refuses(idp, lite, "lite", "FeatureUnavailableInTierException", ManagedLoginVersion=2)
    refuses(idp, lite, "lite", ManagedLoginVersion=3)
    assert give(lite, "lite", ManagedLoginVersion=1)["ManagedLoginVersion"] == 1


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_another_pools_domain_is_not_found(idp, pool, make_pool, give, operation):
    give(pool, "acme")
    call = getattr(idp, f"{operation}_user_pool_domain")
    refused(idp, "ResourceNotFoundException", call, UserPoolId=make_pool().id, Domain="acme")
    assert UserPoolDomain.objects.count() == 1


def test_a_pool_with_a_domain_is_not_deleted(idp, pool, give):
    give(pool, "acme")
    refused(idp, "InvalidParameterException", idp.delete_user_pool, UserPoolId=pool.id)
    idp.delete_user_pool_domain(UserPoolId=pool.id, Domain="acme")
    idp.delete_user_pool(UserPoolId=pool.id)
    assert not UserPool.objects.exists()


# What is answered


def test_an_unknown_domain_is_described_as_nothing(idp, db):
    assert idp.describe_user_pool_domain(Domain="nobodys")["DomainDescription"] == {}


def test_a_domain_of_another_region_is_described_as_nothing(
    operator, signed_client, pool, give, idp
):
    give(pool, "acme")
    elsewhere = signed_client(operator=operator, region="eu-west-1")
    assert elsewhere.describe_user_pool_domain(Domain="acme")["DomainDescription"] == {}


def test_a_domain_is_described(idp, pool, give):
    answer = give(pool, "login.example.com", CustomDomainConfig=CERTIFICATE, ManagedLoginVersion=2)
    assert answer["CloudFrontDomain"] == "testserver"
    described = idp.describe_user_pool_domain(Domain="login.example.com")["DomainDescription"]
    assert described["UserPoolId"] == pool.id
    assert described["AWSAccountId"] == "000000000000"
    assert described["Status"] == "ACTIVE"
    assert described["CustomDomainConfig"] == CERTIFICATE
    assert described["ManagedLoginVersion"] == 2
    assert described["CloudFrontDistribution"] == "testserver"


def test_an_update_keeps_what_it_leaves_out(idp, pool, give):
    give(pool, "login.example.com", CustomDomainConfig=CERTIFICATE, ManagedLoginVersion=2)
    idp.update_user_pool_domain(UserPoolId=pool.id, Domain="login.example.com")
    described = idp.describe_user_pool_domain(Domain="login.example.com")["DomainDescription"]
    assert described["CustomDomainConfig"] == CERTIFICATE
    assert described["ManagedLoginVersion"] == 2


# Whose host it is


def test_a_host_names_its_pool(pool, give):
    give(pool, "acme")
    give(pool, "login.example.com", CustomDomainConfig=CERTIFICATE)
    for host in ("acme.auth.example.net", "LOGIN.example.com"):
        found = pool_at(host)
        assert found is not None
        assert found.pk == pool.id


@pytest.mark.parametrize(
    "host",
    [
        "acme", "acme.auth.example.net.", "acme.auth.example.net.evil.example", "testserver", "",
        "x.acme.auth.example.net", "acme.auth.example.net/", "a@acme.auth.example.net", "x" * 300,
        "acme.auth.example.com",
    ],
)  # fmt: skip
def test_no_other_host_names_it(pool, give, host):
    give(pool, "acme")
    assert pool_at(host) is None


def test_a_deleted_domains_host_is_nobodys_at_once(idp, pool, make_pool, give):
    give(pool, "acme")
    assert pool_at("acme.auth.example.net")
    idp.delete_user_pool_domain(UserPoolId=pool.id, Domain="acme")
    assert pool_at("acme.auth.example.net") is None
    other = make_pool()
    give(other, "acme")
    found = pool_at("acme.auth.example.net")
    assert found is not None
    assert found.pk == other.id


def test_a_strangers_host_costs_one_query_in_a_second(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert pool_at("stranger.example.org") is None
        assert pool_at("stranger.example.org") is None


def test_a_known_host_costs_no_query(pool, give, django_assert_num_queries):
    give(pool, "acme")
    pool_at("acme.auth.example.net")
    with django_assert_num_queries(0):
        pool_at("acme.auth.example.net")


def test_a_prefix_without_a_suffix_has_no_host(settings, pool, give):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "AUTH_DOMAIN_SUFFIX": ""}
    give(pool, "acme")
    assert UserPoolDomain.objects.get().base_url == ""
    assert pool_at("acme.auth.example.net") is None
