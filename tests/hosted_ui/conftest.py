"""A client with a callback, and ways through the pages."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from tests.conftest import PASSWORD
from tests.hosted_ui.browser import Answer, Browser
from userpools import counters
from userpools.models import AppClient, UserPool
from userpools.models.pool import pools

CALLBACK = "https://app.example.com/callback"
SIGNED_OUT = "https://app.example.com/bye"
API = "https://api.example.com"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
# RFC 7636, appendix B.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    counters.buckets.cache_clear()
    # What a test before this one made is rolled back, and not yet forgotten.
    pools.clear()


@pytest.fixture
def browser(application: Any, db: None) -> Browser:
    return Browser(application)


@pytest.fixture
def make_web_client(make_client: Callable[..., AppClient]) -> Callable[..., AppClient]:
    """Make clients of the code flow, with all standard scopes unless told otherwise."""

    def make(pool: UserPool, **members: Any) -> AppClient:
        given = {
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid", "email", "phone", "profile"],
            "CallbackURLs": [CALLBACK],
            "LogoutURLs": [SIGNED_OUT],
            "SupportedIdentityProviders": ["COGNITO"],
            **members,
        }
        return make_client(pool, **given)

    return make


@pytest.fixture
def web(pool: UserPool, make_web_client: Callable[..., AppClient]) -> AppClient:
    """A public client of `pool` for the code flow."""
    return make_web_client(pool)


@pytest.fixture
def orders(idp: Any, pool: UserPool) -> str:
    """A resource server with the scopes read and write."""
    idp.create_resource_server(
        UserPoolId=pool.id,
        Identifier=API,
        Name="Orders",
        Scopes=[
            {"ScopeName": name, "ScopeDescription": name.capitalize()} for name in ("read", "write")
        ],
    )
    return API


@pytest.fixture
def machine(pool: UserPool, orders: str, make_client: Callable[..., AppClient]) -> AppClient:
    """A client for client credentials, allowed to read."""
    return make_client(
        pool,
        GenerateSecret=True,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=[f"{orders}/read"],
    )


@dataclass
class App:
    """An application: its client, and the browser of a person who uses it."""

    browser: Browser
    client: AppClient
    password: str = PASSWORD

    @property
    def base(self) -> str:
        return f"/{self.client.pool_id}"

    def authorize(self, **query: str | None) -> Answer:
        given = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": CALLBACK,
            "state": "s",
            **query,
        }
        asked = {name: value for name, value in given.items() if value is not None}
        return self.browser.get(f"{self.base}/oauth2/authorize", **asked)

    def sign_in(self, username: str = "ana", **query: str | None) -> Answer:
        """Sign in, silently if that will do; return the answer that leads back to the app."""
        start = self.authorize(**query)
        if start.location.startswith(query.get("redirect_uri") or CALLBACK):
            return start
        page = self.browser.follow(start)
        return self.browser.submit(page, username=username, password=self.password)

    def token(self, **form: str | None) -> Answer:
        """Call the token endpoint, as a public client unless told otherwise."""
        given = {"client_id": self.client.client_id, **form}
        sent = {name: value for name, value in given.items() if value is not None}
        return self.browser.post(f"{self.base}/oauth2/token", sent)

    def redeem(self, code: str, **form: str | None) -> Answer:
        given = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return self.token(**{**given, **form})

    def tokens(self, **query: str | None) -> dict[str, Any]:
        """Sign in and redeem the code."""
        answer = self.redeem(self.sign_in(**query).query["code"])
        assert answer.status == 200, answer.text
        return dict(answer.json)

    def user_info(self, access_token: str) -> Answer:
        return self.browser.ask(
            "GET",
            f"{self.base}/oauth2/userInfo",
            headers={"Authorization": f"Bearer {access_token}"},
        )


@pytest.fixture
def app(browser: Browser, web: AppClient, user: str) -> App:
    """The public client's application, and its user ana's browser."""
    return App(browser, web)


def claims(token: str) -> dict[str, Any]:
    """Read a token that the server has just issued."""
    return dict(jwt.decode(token, options={"verify_signature": False}))
