"""Pools in which people sign in with passkeys, and passkeys in them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.passkey import Passkey
from userpools.models import AppClient, UserPool

RP_ID = "example.com"
FLOWS = ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


@pytest.fixture
def passkey_pool(idp: Any, make_pool: Callable[..., UserPool]) -> Callable[..., UserPool]:
    """Make pools in which people may sign in with passkeys, with a WebAuthnConfiguration."""

    def make(rp_id: str = RP_ID, **settings: str) -> UserPool:
        pool = make_pool(
            Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}
        )
        configuration = {**({"RelyingPartyId": rp_id} if rp_id else {}), **settings}
        idp.set_user_pool_mfa_config(UserPoolId=pool.id, WebAuthnConfiguration=configuration)
        return UserPool.objects.get(id=pool.id)

    return make


@pytest.fixture
def passkey_app(
    passkey_pool: Callable[..., UserPool],
    make_client: Callable[..., AppClient],
    make_user: Callable[..., str],
) -> AppClient:
    """A client of a pool with passkeys, and its user ana."""
    pool = passkey_pool()
    make_user(pool, "ana")
    return make_client(pool, ExplicitAuthFlows=FLOWS)


@pytest.fixture
def register(idp: Any) -> Callable[..., Passkey]:
    """Register a passkey, by the access token of its user."""

    def make(token: str, passkey: Passkey | None = None, **overrides: Any) -> Passkey:
        passkey = passkey or Passkey()
        options = idp.start_web_authn_registration(AccessToken=token)["CredentialCreationOptions"]
        idp.complete_web_authn_registration(
            AccessToken=token, Credential=passkey.register(options, **overrides)
        )
        return passkey

    return make
