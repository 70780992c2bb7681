"""Claims, through the tokens that a sign-in returns, and the pure rules by themselves."""

import io
import json
import urllib.parse

import jwt
import pytest
from jwt import PyJWK

from userpools.models import Group, IssuerProfile, UserPool
from userpools.tokens.claims import attribute_claim, group_claims, preferred_role

ROLE = "arn:aws:iam::111122223333:role/{}".format


def group(name, precedence=None, role=""):
    return Group(name=name, precedence=precedence, role_arn=ROLE(role) if role else "")


def test_no_groups_no_claims():
    assert group_claims([]) == {}


def test_groups_without_roles_say_no_role():
    assert group_claims([group("a"), group("b", 3)]) == {"cognito:groups": ["a", "b"]}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([group("a", 1, "strong"), group("b", 2, "weak")], "strong"),
        ([group("a", 0, "zero"), group("b", 1, "one")], "zero"),
        ([group("a", 1, "same"), group("b", 1, "same")], "same"),
        ([group("a", 1, "x"), group("b", 1, "y")], None),
        ([group("a", 5, "x"), group("b", None, "y")], "x"),
        ([group("a", None, "x")], "x"),
        ([group("a", None, "x"), group("b", None, "y")], None),
        ([group("a", 1)], None),
        ([], None),
    ],
)
def test_the_preferred_role_is_the_strongest_groups_unless_roles_tie(groups, expected):
    assert preferred_role(groups) == (ROLE(expected) if expected else None)


def test_roles_are_listed_once_each():
    claims = group_claims([group("a", 1, "x"), group("b", 2, "x"), group("c", 3, "y")])
    assert claims["cognito:roles"] == [ROLE("x"), ROLE("y")]


@pytest.mark.parametrize(
    ("name", "value", "claim"),
    [
        ("email_verified", "true", True),
        ("phone_number_verified", "false", False),
        ("address", "1 High St", {"formatted": "1 High St"}),
        ("updated_at", "1700000000", 1700000000),
        ("custom:level", "7", "7"),
        ("name", "Ana", "Ana"),
    ],
)
def test_attributes_have_the_types_of_id_tokens(name, value, claim):
    got = attribute_claim(name, value)
    assert got == claim
    assert type(got) is type(claim)


def keys_from_jwks(application, pool):
    seen = {}
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": f"/{pool.id}/.well-known/jwks.json",
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    body = b"".join(application(environ, lambda status, headers: seen.update(status=status)))
    assert seen["status"].startswith("200")
    return {key["kid"]: PyJWK(key).key for key in json.loads(body)["keys"]}


@pytest.mark.django_db
def test_both_tokens_verify_from_the_published_keys_and_say_what_they_should(
    idp, application, pool, client, make_user, sign_in
):
    make_user(pool, "ana", email="ana@example.com", email_verified="true", address="1 High St")
    idp.create_group(UserPoolId=pool.id, GroupName="staff", RoleArn=ROLE("staff"), Precedence=1)
    idp.create_group(UserPoolId=pool.id, GroupName="all")
    for name in ("all", "staff"):
        idp.admin_add_user_to_group(UserPoolId=pool.id, Username="ana", GroupName=name)
    tokens = sign_in(client)
    published = keys_from_jwks(application, pool)

    def verified(token, **checks):
        header = jwt.get_unverified_header(token)
        assert set(header) == {"alg", "kid"}
        return header["kid"], jwt.decode(
            token, published[header["kid"]], algorithms=["RS256"], issuer=pool.issuer, **checks
        )

    id_kid, claims = verified(tokens["IdToken"], audience=client.client_id)
    access_kid, access = verified(tokens["AccessToken"])
    assert id_kid != access_kid
    assert len(id_kid) == 44
    sub = claims["sub"]
    assert claims == {
        "sub": sub,
        "email": "ana@example.com",
        "email_verified": True,
        "address": {"formatted": "1 High St"},
        "cognito:username": "ana",
        "cognito:groups": ["staff", "all"],
        "cognito:roles": [ROLE("staff")],
        "cognito:preferred_role": ROLE("staff"),
        "aud": client.client_id,
        "iss": f"http://testserver/{pool.id}",
        "token_use": "id",
        "origin_jti": access["origin_jti"],
        "event_id": access["event_id"],
        "jti": claims["jti"],
        "auth_time": claims["iat"],
        "iat": claims["iat"],
        "exp": claims["iat"] + 3600,
    }
    assert access == {
        "sub": sub,
        "username": "ana",
        "client_id": client.client_id,
        "cognito:groups": ["staff", "all"],
        "iss": f"http://testserver/{pool.id}",
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "origin_jti": access["origin_jti"],
        "event_id": access["event_id"],
        "jti": access["jti"],
        "auth_time": access["iat"],
        "iat": access["iat"],
        "exp": access["iat"] + 3600,
    }
    assert access["jti"] != claims["jti"]


@pytest.mark.django_db
def test_only_readable_attributes_are_claims(pool, make_user, make_client, sign_in):
    make_user(pool, "ana", email="ana@example.com", nickname="a")
    client = make_client(pool, ReadAttributes=["nickname"])
    claims = jwt.decode(sign_in(client)["IdToken"], options={"verify_signature": False})
    assert claims["nickname"] == "a"
    assert "email" not in claims


@pytest.mark.django_db
def test_lifetimes_follow_the_client(pool, user, make_client, sign_in):
    client = make_client(
        pool,
        AccessTokenValidity=10,
        IdTokenValidity=7200,
        RefreshTokenValidity=2,
        TokenValidityUnits={"AccessToken": "minutes", "IdToken": "seconds", "RefreshToken": "days"},
    )
    tokens = sign_in(client)
    assert tokens["ExpiresIn"] == 600
    for kind, lifetime in (("AccessToken", 600), ("IdToken", 7200)):
        claims = jwt.decode(tokens[kind], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == lifetime


@pytest.mark.django_db
def test_a_pool_can_state_the_issuer_of_aws(idp, pool, client, user, sign_in):
    UserPool.objects.filter(id=pool.id).update(issuer_profile=IssuerProfile.AWS)
    pool.touch()
    tokens = sign_in(client)
    claims = jwt.decode(tokens["AccessToken"], options={"verify_signature": False})
    assert claims["iss"] == f"https://cognito-idp.us-east-1.amazonaws.com/{pool.id}"
    assert urllib.parse.urlsplit(claims["iss"]).hostname
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ana"
