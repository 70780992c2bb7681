"""Keys of an STS endpoint, against a loopback server that answers as STS does."""

from urllib.parse import parse_qs

import jwt
import pytest

from identitypools import pools
from identitypools.vendors.sts import _client
from tests.calls import refused
from tests.identitypools.conftest import ACTOR
from tests.loopback import http_server
from userpools.errors import InvalidParameterException

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
ANSWER = f"""<AssumeRoleWithWebIdentityResponse xmlns="{NAMESPACE}">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIASTS</AccessKeyId>
<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>""".encode()
REFUSAL = f"""<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"""


@pytest.fixture
def sts(identity_pool):
    _client.cache_clear()
    with http_server() as server:
        server.body, server.headers = ANSWER, {"Content-Type": "text/xml"}
        pools.set_vendor(identity_pool.id, "sts", server.url, actor=ACTOR)
        yield server


def asked(server):
    """The parameters of the last request."""
    return {name: value for name, (value,) in parse_qs(server.requests[-1].body.decode()).items()}


def test_a_pool_without_an_endpoint_is_wrongly_configured(ci, identity_pool):
    pools.set_vendor(identity_pool.id, "sts", "", actor=ACTOR)
    identity = ci.get_id(IdentityPoolId=identity_pool.id)["IdentityId"]
    refused(
        ci,
        "InvalidIdentityPoolConfigurationException",
        ci.get_credentials_for_identity,
        IdentityId=identity,
    )


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, REFUSAL.encode(), "InvalidIdentityPoolConfigurationException"),
        (503, b"<html>busy</html>", "ExternalServiceException"),
        (500, b"no XML", "ExternalServiceException"),
        (200, b"no XML", "ExternalServiceException"),
    ],
)
def test_what_sts_refuses_or_fails_at_is_a_modelled_error(
    ci, identity_pool, sts, status, body, error
):
    identity = ci.get_id(IdentityPoolId=identity_pool.id)["IdentityId"]
    assert ci.get_credentials_for_identity(IdentityId=identity)
    sts.status, sts.body = status, body
    refused(ci, error, ci.get_credentials_for_identity, IdentityId=identity)


def test_a_users_token_is_traded_for_keys(ci, identity_pool, sts, login):
    given = {"Logins": login}
    identity = ci.get_id(IdentityPoolId=identity_pool.id, **given)["IdentityId"]
    made = ci.get_credentials_for_identity(IdentityId=identity, **given)["Credentials"]
    assert (made["AccessKeyId"], made["SecretKey"], made["SessionToken"]) == (
        "ASIASTS", "secret", "token",
    )  # fmt: skip
    assert made["Expiration"].year == 2030
    parameters = asked(sts)
    assert parameters["RoleArn"] == identity_pool.roles["authenticated"]
    assert parameters["RoleSessionName"] == "CognitoIdentityCredentials"
    assert "Policy" not in parameters
    claims = jwt.decode(parameters["WebIdentityToken"], options={"verify_signature": False})
    assert (claims["sub"], claims["aud"]) == (identity, identity_pool.id)
    # The token is the proof: this server's own credentials sign nothing.
    assert "Authorization" not in sts.requests[-1].headers


def test_a_guests_keys_are_limited_by_a_session_policy(ci, identity_pool, sts):
    identity = ci.get_id(IdentityPoolId=identity_pool.id)["IdentityId"]
    ci.get_credentials_for_identity(IdentityId=identity)
    policy = asked(sts)["Policy"]
    assert "s3:*" in policy
    assert "iam:" not in policy
    # The most that STS takes in one.
    assert len(policy) <= 2048


def test_this_server_is_no_endpoint_for_itself(identity_pool):
    with pytest.raises(InvalidParameterException):
        pools.set_vendor(identity_pool.id, "sts", "http://testserver/", actor=ACTOR)
