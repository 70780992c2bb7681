"""One running server for the stories, and a pool and app clients of its own for each test."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .server import Server

PASSWORD = "Correct-horse-7"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that all stories share."""
    server = Server(tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server for one story alone, which may kill it."""
    server = Server(tmp_path_factory.mktemp("own"))
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="session")
def idp(server: Server) -> Any:
    """Return a boto3 client that reaches the server over its socket."""
    return server.client()


@dataclass(frozen=True)
class Story:
    """A pool with an app client, and what a story does to them."""

    server: Server
    idp: Any
    pool_id: str
    client_id: str

    def client_with(self, **settings: Any) -> dict[str, Any]:
        """Create another app client."""
        created = self.idp.create_user_pool_client(
            UserPoolId=self.pool_id, ClientName="another", **settings
        )
        return created["UserPoolClient"]

    def user(self, username: str = "", password: str = PASSWORD, **attributes: str) -> str:
        """Create a confirmed user and return the name."""
        username = username or f"user-{secrets.token_hex(4)}"
        create_confirmed(self.idp, self.pool_id, username, password, attributes)
        return username

    def invited(self, temporary: str, **attributes: str) -> str:
        """Create a user with a temporary password and return the name."""
        username = f"user-{secrets.token_hex(4)}"
        self.idp.admin_create_user(
            UserPoolId=self.pool_id,
            Username=username,
            TemporaryPassword=temporary,
            MessageAction="SUPPRESS",
            UserAttributes=wire_attributes(attributes),
        )
        return username

    def sign_in(
        self, username: str, password: str = PASSWORD, client_id: str = ""
    ) -> dict[str, Any]:
        """Sign in by password and return the AuthenticationResult."""
        answer = self.idp.initiate_auth(
            ClientId=client_id or self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )
        return answer["AuthenticationResult"]


def wire_attributes(attributes: dict[str, str]) -> list[dict[str, str]]:
    """Return attributes as the API takes them."""
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def create_confirmed(
    idp: Any, pool_id: str, username: str, password: str, attributes: dict[str, str]
) -> None:
    """Create a user who needs no new password."""
    idp.admin_create_user(
        UserPoolId=pool_id,
        Username=username,
        MessageAction="SUPPRESS",
        UserAttributes=wire_attributes(attributes),
    )
    idp.admin_set_user_password(
        UserPoolId=pool_id, Username=username, Password=password, Permanent=True
    )


ALL_FLOWS = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


@pytest.fixture
def story(server: Server, idp: Any) -> Story:
    """Return a new pool with an app client that allows SRP, passwords and refresh."""
    pool = idp.create_user_pool(PoolName="journey", AutoVerifiedAttributes=["email"])["UserPool"]
    client = idp.create_user_pool_client(
        UserPoolId=pool["Id"],
        ClientName="app",
        ExplicitAuthFlows=ALL_FLOWS,
        PreventUserExistenceErrors="ENABLED",
    )["UserPoolClient"]
    return Story(server, idp, pool["Id"], client["ClientId"])
