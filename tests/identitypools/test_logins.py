"""Login tokens of other providers, against loopback servers."""

import base64
import json
import time
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from identitypools import logins, oidc, role_records
from identitypools.models import IdentityPool, OidcProvider
from identitypools.oidc import Issuer, KeyCache
from tests.identitypools.conftest import ACTOR
from tests.loopback import HttpServer, http_server
from userpools.errors import (
    ExternalServiceException,
    InvalidParameterException,
    NotAuthorizedException,
)

APP = "app-1"
KEYS: list[rsa.RSAPrivateKey] = []
# The function itself: the suite gives each test the same keys again under its name.
new_rsa_key = rsa.generate_private_key


def rsa_key(number=0):
    while len(KEYS) <= number:
        KEYS.append(new_rsa_key(65537, 2048))
    return KEYS[number]


def public(key, kid, **members):
    algorithm = jwt.algorithms.RSAAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **members}


class Provider:
    """An OpenID provider on the loopback interface; one document serves for both."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.url = server.url
        self.key = rsa_key()
        self.publish(public(self.key, "k1", alg="RS256"))

    def publish(self, *keys, **members):
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", "keys": list(keys)}
        self.server.body = json.dumps({**document, **members}).encode()

    def token(self, key=None, kid="k1", algorithm="RS256", headers=None, **claims):
        now = int(time.time())
        payload = {"iss": self.url, "aud": APP, "sub": "me", "iat": now, "exp": now + 600, **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        extra = {"kid": kid, **(headers or {})}
        return jwt.encode(payload, key or self.key, algorithm=algorithm, headers=extra)


@pytest.fixture(autouse=True)
def _loopback(settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOUND_PRIVATE": True}


@pytest.fixture
def provider():
    with http_server() as server:
        yield Provider(server)


@pytest.fixture
def issuer(provider):
    return Issuer(provider.url)


def verified(token, issuer, audiences=(APP,)):
    return oidc.verify(token, issuer, audiences)


def test_a_good_token_is_verified_and_the_keys_are_fetched_once(provider, issuer):
    for _ in range(3):
        assert verified(provider.token(), issuer)["sub"] == "me"
    paths = [request.path for request in provider.server.requests]
    assert paths == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": ["another", APP]},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 10**11},
        {"nbf": 10**11},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
    ],
)
def test_claims_that_are_missing_or_wrong_are_refused(provider, issuer, claims):
    with pytest.raises(NotAuthorizedException):
        verified(provider.token(**claims), issuer)
    assert verified(provider.token(), issuer)


def test_several_audiences_need_the_authorized_party(provider, issuer):
    assert verified(provider.token(aud=["another", APP], azp=APP), issuer)


def respelt(token, **header):
    """The token with another header over the same signature."""
    first, _, rest = token.partition(".")
    members = {**json.loads(base64.urlsafe_b64decode(first + "==")), **header}
    return f"{base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip('=')}.{rest}"


@pytest.mark.parametrize(
    "trick", ["none", "None", "hmac", "own key", "jwk", "other kid", "crit", "truncated", "json"]
)
def test_algorithm_and_key_tricks_are_refused(provider, issuer, trick):
    good = provider.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    stranger = rsa_key(1)
    secret = base64.b64encode(json.dumps(public(provider.key, "k1")).encode())
    token = {
        "none": lambda: jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"}),
        "None": lambda: respelt(good, alg="None"),
        "hmac": lambda: jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "k1"}),
        "own key": lambda: provider.token(key=stranger),
        "jwk": lambda: provider.token(
            key=stranger, kid="k9", headers={"jwk": public(stranger, "k9")}
        ),
        "other kid": lambda: provider.token(kid="k9"),
        "crit": lambda: provider.token(headers={"crit": ["x"], "x": 1}),
        "truncated": lambda: good.rpartition(".")[0] + ".",
        "json": lambda: json.dumps({"payload": good}),
    }[trick]()
    with pytest.raises(NotAuthorizedException):
        verified(token, issuer)
    assert verified(good, issuer)


def test_a_key_is_for_its_own_algorithm_alone(provider, issuer):
    with pytest.raises(NotAuthorizedException):
        verified(provider.token(algorithm="RS512"), issuer)


def test_keys_for_something_else_or_too_weak_are_not_taken(provider, issuer):
    weak = new_rsa_key(65537, 1024)
    provider.publish(
        public(weak, "weak"),
        public(provider.key, "enc", use="enc"),
        {"kty": "oct", "kid": "oct", "k": "AAAA"},
        {"kty": "RSA", "kid": "broken"},
        public(provider.key, "k1"),
    )
    assert set(oidc.fetch(issuer)) == {"k1"}
    assert verified(provider.token(), issuer)


def test_keys_of_elliptic_curves_serve(provider, issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    provider.publish(public(key, "e1"))
    assert verified(provider.token(key=key, kid="e1", algorithm="ES256"), issuer)


def test_a_new_key_is_fetched_once_a_minute_at_most(provider, issuer, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(oidc, "cache", KeyCache(lambda: now[0]))
    assert verified(provider.token(), issuer)
    fetched = len(provider.server.requests)
    provider.publish(public(rsa_key(1), "k2"))
    fresh = provider.token(key=rsa_key(1), kid="k2")
    for _ in range(3):
        with pytest.raises(NotAuthorizedException):
            verified(fresh, issuer)
    assert len(provider.server.requests) == fetched
    now[0] += 61
    assert verified(fresh, issuer)
    # And the key that was taken back is one no more.
    with pytest.raises(NotAuthorizedException):
        verified(provider.token(), issuer)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda provider: setattr(provider.server, "status", 500),
        lambda provider: setattr(provider.server, "body", b"no JSON"),
        lambda provider: setattr(provider.server, "body", b"{}"),
        lambda provider: provider.publish(issuer="https://elsewhere.example"),
        lambda provider: provider.publish(jwks_uri="file:///etc/passwd"),
        lambda provider: setattr(provider.server, "body", b" " * (oidc.LARGEST_DOCUMENT + 1)),
    ],
)
def test_a_provider_that_does_not_answer_is_an_external_error_and_left_alone(
    provider, issuer, monkeypatch, break_it
):
    now = [1000.0]
    monkeypatch.setattr(oidc, "cache", KeyCache(lambda: now[0]))
    good = provider.server.body
    break_it(provider)
    for _ in range(3):
        with pytest.raises(ExternalServiceException):
            verified(provider.token(), issuer)
    assert len(provider.server.requests) <= 2
    provider.server.status, provider.server.body = 200, good
    now[0] += 11
    assert verified(provider.token(), issuer)


def test_the_number_of_issuers_that_are_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(oidc, "fetch", lambda _issuer: {})
    cache = KeyCache()
    for number in range(oidc.MOST_ISSUERS + 10):
        cache.find(Issuer(f"https://{number}.example"), "k")
    assert len(cache._entries) == oidc.MOST_ISSUERS


# Through the API


@pytest.fixture
def registered(db, provider):
    return role_records.register_oidc(provider.url, [APP], actor=ACTOR)


def test_a_registered_providers_token_is_a_login(ci, registered, provider, make_identity_pool):
    pool = make_identity_pool(OpenIdConnectProviderARNs=[registered.arn])
    name = provider.url.partition("://")[2]
    assert registered.arn == f"arn:aws:iam::000000000000:oidc-provider/{name}"

    def get(**claims):
        token = provider.token(**claims)
        return ci.get_id(IdentityPoolId=pool.id, Logins={name: token})["IdentityId"]

    assert get() == get()
    assert get(sub="you") != get()
    with pytest.raises(ci.exceptions.NotAuthorizedException):
        get(aud="another")
    provider.server.status = 503
    oidc.cache.clear()
    with pytest.raises(ci.exceptions.ExternalServiceException):
        get()


def test_a_provider_serves_the_pools_that_name_it(ci, registered, provider, make_identity_pool):
    name = provider.url.partition("://")[2]
    with pytest.raises(ci.exceptions.NotAuthorizedException):
        ci.get_id(IdentityPoolId=make_identity_pool().id, Logins={name: provider.token()})


def test_two_providers_logins_make_one_identity_and_merge(
    ci, registered, provider, identity_pool, pool, login
):
    IdentityPool.objects.update(oidc_arns=[registered.arn])
    identity_pool.touch()
    other = {provider.url.partition("://")[2]: provider.token()}

    def get(logins):
        return ci.get_id(IdentityPoolId=identity_pool.id, Logins=logins)["IdentityId"]

    mine, second = get(login), get(other)
    assert mine != second
    # Both are proven in one call: the first one's identity is the owner of both.
    assert get({**login, **other}) == mine == get(other)
    answer = ci.get_credentials_for_identity(IdentityId=second, Logins=other)
    assert answer["IdentityId"] == mine
    assert len(ci.describe_identity(IdentityId=mine)["Logins"]) == 2
    # Another user of the same provider is a conflict, not a second login.
    stranger = {**login, **{name: provider.token(sub="you") for name in other}}
    with pytest.raises(ci.exceptions.ResourceConflictException):
        get(stranger)


@pytest.mark.parametrize(
    ("issuer", "clients"),
    [
        ("ftp://a.example", [APP]),
        ("https://", [APP]),
        ("https://a.example?x", [APP]),
        ("https://a@b.example", [APP]),
        ("https://a.example", []),
        ("https://a.example", ["a b"]),
        (f"https://{'a' * 250}.example", [APP]),
    ],
)
def test_a_provider_that_is_none_is_not_registered(db, issuer, clients):
    with pytest.raises(InvalidParameterException):
        role_records.register_oidc(issuer, clients, actor=ACTOR)
    assert not OidcProvider.objects.exists()


def test_http_issuers_are_for_private_networks(db, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOUND_PRIVATE": False}
    with pytest.raises(InvalidParameterException):
        role_records.register_oidc("http://a.example", [APP], actor=ACTOR)
    assert role_records.register_oidc("https://a.example/", [APP], actor=ACTOR).pk


# Public providers


def pool_of(provider, app_ids):
    return SimpleNamespace(login_providers={provider: app_ids})


@pytest.fixture
def google(provider):
    class Google(logins.SignedSocialLogins):
        issuers = {"accounts.google.com": Issuer(provider.url, ("accounts.google.com",))}

    return Google()


def test_googles_token_is_for_one_of_the_pools_apps(google, provider):
    name = "accounts.google.com"
    pool = pool_of(name, f"other;{APP}")
    for issuer in (provider.url, "accounts.google.com"):
        login = google.verify(pool, name, provider.token(iss=issuer))
        assert login.reference == f"{name}:{APP}:me"
    with pytest.raises(NotAuthorizedException):
        google.verify(pool_of(name, "other"), name, provider.token())
    with pytest.raises(NotAuthorizedException):
        google.verify(pool_of("graph.facebook.com", APP), name, provider.token())
    assert google.verify(pool, "www.amazon.com", "x") is None


@pytest.fixture
def social():
    """A server that says the same of every token."""
    with http_server() as server:

        def told(document, status=200):
            server.body, server.status = json.dumps(document).encode(), status
            return server

        yield told


AMAZON = {"iss": "https://www.amazon.com", "aud": "client", "app_id": APP, "user_id": "me"}


def test_amazons_token_is_asked_about_once(social):
    server = social({**AMAZON, "exp": 3000})
    verifier = logins.AmazonLogins()
    verifier.endpoint = f"{server.url}/tokeninfo"
    pool = pool_of("www.amazon.com", APP)
    for _ in range(2):
        login = verifier.verify(pool, "www.amazon.com", "Atza|token")
        assert (login.subject, login.reference) == ("me", "www.amazon.com:client:me")
    assert [each.path for each in server.requests] == ["/tokeninfo?access_token=Atza%7Ctoken"]
    with pytest.raises(NotAuthorizedException):
        verifier.verify(pool_of("www.amazon.com", "another"), "www.amazon.com", "Atza|token")


@pytest.mark.parametrize(
    ("document", "status", "error"),
    [
        ({**AMAZON, "exp": 3000, "app_id": "x", "aud": "y"}, 200, NotAuthorizedException),
        ({**AMAZON, "exp": 0}, 200, NotAuthorizedException),
        ({**AMAZON}, 200, NotAuthorizedException),
        ({**AMAZON, "exp": 3000, "iss": "https://x"}, 200, NotAuthorizedException),
        ({**AMAZON, "exp": 3000, "user_id": 1}, 200, NotAuthorizedException),
        ({"error": "invalid_token"}, 400, NotAuthorizedException),
        ([], 200, NotAuthorizedException),
        ({}, 503, ExternalServiceException),
    ],
)
def test_amazons_other_answers_are_refused(social, document, status, error):
    verifier = logins.AmazonLogins()
    verifier.endpoint = social(document, status).url
    with pytest.raises(error):
        verifier.verify(pool_of("www.amazon.com", APP), "www.amazon.com", "t")


def test_facebooks_token_must_be_of_the_pools_app(social):
    # Both questions, of app and of user, get this answer.
    server = social({"id": APP})
    verifier = logins.FacebookLogins()
    verifier.endpoint = server.url
    login = verifier.verify(pool_of("graph.facebook.com", APP), "graph.facebook.com", "t")
    assert login.reference == f"graph.facebook.com:{APP}:{APP}"
    assert [each.path.partition("?")[0] for each in server.requests] == ["/app", "/me"]
    with pytest.raises(NotAuthorizedException):
        verifier.verify(pool_of("graph.facebook.com", "other"), "graph.facebook.com", "t")
    social({"error": {"code": 190}}, 400)
    with pytest.raises(NotAuthorizedException):
        verifier.verify(pool_of("graph.facebook.com", APP), "graph.facebook.com", "t2")


def test_answers_about_tokens_are_kept_for_a_while_and_bounded(monkeypatch):
    monkeypatch.setattr(logins, "MOST_TOKEN_INFOS", 2)
    kept = logins.TokenInfos()
    for name in ("a", "b", "c"):
        kept.put(name, {"name": name}, until=time.time() + 60)
    assert kept.get("a") is None
    assert kept.get("c") == {"name": "c"}
    kept.put("c", {}, until=time.time() - 1)
    assert kept.get("c") is None
