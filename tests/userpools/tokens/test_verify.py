"""What an access token must be to speak for somebody."""

import base64
import json
import time

import jwt
import pytest

from userpools.errors import NotAuthorizedException
from userpools.models import UserPool
from userpools.tokens.keys import keys_of
from userpools.tokens.verify import signed_claims

INVALID = "Invalid Access Token"
EXPIRED = "Access Token has expired"
BAD_SIGNATURE = "Could not verify signature for Access Token"


@pytest.fixture
def keys(pool):
    return keys_of(UserPool.cached(pool.id))


@pytest.fixture
def forge(pool, keys):
    """Sign a token with the pool's access key, which no stranger can: claims and header vary."""
    issuer = UserPool.cached(pool.id).issuer

    def forge(header=None, key=None, **changes):
        now = int(time.time())
        claims = {
            "sub": "s", "iss": issuer, "client_id": "c", "token_use": "access", "jti": "j",
            "iat": now, "exp": now + 60, **changes,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not ...}
        headers = {"kid": keys.access.kid, **(header or {})}
        # PyJWT's own encode refuses claims of wrong types.
        payload = json.dumps(claims).encode()
        signer = key or keys.access.private
        return jwt.api_jws.encode(payload, signer, algorithm="RS256", headers=headers)

    return forge


def refusal(token):
    with pytest.raises(NotAuthorizedException) as refused:
        signed_claims(token)
    return refused.value.message


def test_a_token_of_ours_is_good(pool, forge):
    found, claims = signed_claims(forge())
    assert found.pk == pool.id
    assert claims["client_id"] == "c"


@pytest.mark.parametrize("name", ["sub", "iss", "client_id", "token_use", "jti", "iat", "exp"])
@pytest.mark.parametrize("value", [..., None])
def test_every_claim_must_be_there(forge, name, value):
    assert refusal(forge(**{name: value})) == INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"token_use": "id"},
        {"sub": 5},
        {"jti": ["j"]},
        {"exp": "99999999999"},
        {"exp": 1e12},
        {"iat": "0"},
        {"iat": 99999999999},
        {"nbf": 99999999999},
        {"nbf": "0"},
    ],
)
def test_claims_have_their_types_and_times(forge, changes):
    assert refusal(forge(**changes)) == INVALID


@pytest.mark.parametrize("seconds", [0, -1, -3600])
def test_a_token_ends_with_its_last_second(forge, seconds):
    assert refusal(forge(exp=int(time.time()) + seconds)) == EXPIRED


def test_the_issuer_must_be_the_pools_whole_issuer(pool, forge):
    assert refusal(forge(iss=f"https://elsewhere.example/{pool.id}")) == INVALID


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": True, "crit": ["b64"]}]
)
def test_header_extensions_are_not_understood(forge, header):
    token = forge()
    changed = {"alg": "RS256", "kid": jwt.get_unverified_header(token)["kid"], **header}
    assert refusal(with_header(token, changed)) == INVALID


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "PS256", "", None, 5])
def test_only_rs256_is_taken(forge, algorithm):
    token = forge()
    kid = jwt.get_unverified_header(token)["kid"]
    assert refusal(with_header(token, {"alg": algorithm, "kid": kid})) == INVALID


@pytest.mark.parametrize("kid", [None, 5, ["x"]])
def test_the_key_id_is_text(forge, kid):
    assert refusal(with_header(forge(), {"alg": "RS256", "kid": kid})) == INVALID


def test_an_unknown_key_verifies_nothing(forge):
    assert refusal(forge(header={"kid": "unknown"})) == BAD_SIGNATURE


def test_the_key_of_id_tokens_signs_no_access_token(forge, keys):
    assert refusal(forge(header={"kid": keys.id.kid}, key=keys.id.private)) == INVALID


def test_a_signature_by_another_key_is_none(forge, keys):
    assert refusal(forge(key=keys.id.private)) == BAD_SIGNATURE


def test_changed_claims_break_the_signature(forge):
    header, _, signature = forge().split(".")
    _, claims, _ = forge(sub="another").split(".")
    assert refusal(f"{header}.{claims}.{signature}") == BAD_SIGNATURE


@pytest.mark.parametrize("signature", ["", "AA", "AAAA"])
def test_a_short_signature_is_none(forge, signature):
    assert refusal(f"{forge().rpartition('.')[0]}.{signature}") == BAD_SIGNATURE


def with_header(token, header):
    text = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{text}.{token.partition('.')[2]}"
