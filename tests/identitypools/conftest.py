"""Identity pools, roles and logins, and a boto3 client of the service."""

from collections.abc import Callable
from typing import Any

import pytest

from identitypools import identities, logins, oidc, role_records
from identitypools.models import IdentityPool, Role, roles
from identitypools.role_records import RoleSettings
from tests import in_process
from tests.conftest import PASSWORD
from userpools.audit import Actor
from userpools.models import UserPool

ACTOR = Actor("tests", "command")
ANYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@pytest.fixture(autouse=True)
def _nothing_remembered():
    oidc.cache.clear()
    logins.token_infos.clear()
    logins.oidc_providers.clear()
    roles.clear()
    identities._pool_of._known.clear()


@pytest.fixture
def ci(signed_client, operator) -> Any:
    """A boto3 client of cognito-identity, signed by a superuser's key where the model wants it."""
    return signed_client("cognito-identity", operator=operator)


@pytest.fixture
def make_role(db) -> Callable[..., Role]:
    """Make role records; trusting every identity pool unless told otherwise."""

    def make(name: str, policy: Any = ANYTHING, trust: Any = None, **settings: Any) -> Role:
        if trust is None:
            trust = {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
                        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
                    }
                ],
            }
        given = RoleSettings(name=name, trust_policy=trust, policy=policy, **settings)
        return role_records.create_role(given, actor=ACTOR)

    return make


@pytest.fixture
def make_identity_pool(ci) -> Callable[..., IdentityPool]:
    def make(**members: Any) -> IdentityPool:
        members.setdefault("AllowUnauthenticatedIdentities", False)
        made = ci.create_identity_pool(IdentityPoolName="app", **members)
        return IdentityPool.objects.get(id=made["IdentityPoolId"])

    return make


def provider_of(pool: UserPool) -> str:
    return f"cognito-idp.{pool.region}.amazonaws.com/{pool.id}"


@pytest.fixture
def identity_pool(ci, pool, client, make_identity_pool, make_role) -> IdentityPool:
    """A pool with guests, `client` of `pool`, a developer provider, and a role for either kind."""
    made = make_identity_pool(
        AllowUnauthenticatedIdentities=True,
        DeveloperProviderName="login.example",
        CognitoIdentityProviders=[
            {"ProviderName": provider_of(pool), "ClientId": client.client_id}
        ],
    )
    ci.set_identity_pool_roles(
        IdentityPoolId=made.id,
        Roles={
            "authenticated": make_role("member").arn,
            "unauthenticated": make_role("guest").arn,
        },
    )
    return IdentityPool.objects.get(id=made.id)


@pytest.fixture
def token(user, client, sign_in) -> str:
    """An ID token of `user`."""
    return str(sign_in(client)["IdToken"])


@pytest.fixture
def login(pool, token) -> dict[str, str]:
    """Logins with the ID token of `user`."""
    return {provider_of(pool): token}


@pytest.fixture
def another_login(pool, client, make_user, sign_in) -> Callable[[str], dict[str, str]]:
    """Logins of another user of `pool`."""

    def make(name: str) -> dict[str, str]:
        make_user(pool, name)
        return {provider_of(pool): sign_in(client, name, PASSWORD)["IdToken"]}

    return make


@pytest.fixture
def vended(application) -> Callable[..., Any]:
    """Make an SDK client that signs with the keys in an answer, of cognito-identity or of STS."""

    def make(credentials: dict[str, Any], service: str = "sts", **changed: str) -> Any:
        given = {
            "access_key_id": credentials["AccessKeyId"],
            "secret_access_key": credentials.get("SecretKey") or credentials.get("SecretAccessKey"),
            "session_token": credentials["SessionToken"],
            **changed,
        }
        return in_process.client(service, application, **given)

    return make


@pytest.fixture
def developer(ci, identity_pool) -> Callable[..., dict[str, Any]]:
    """Vouch for a developer's user; returns IdentityId and Token."""

    def vouch(user: str, **members: Any) -> dict[str, Any]:
        return dict(
            ci.get_open_id_token_for_developer_identity(
                IdentityPoolId=identity_pool.id, Logins={"login.example": user}, **members
            )
        )

    return vouch
