"""Fixtures that every part of the suite uses."""

import itertools
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.hashers import make_password
from hypothesis import settings as hypothesis_settings

from tests import in_process
from userpools.models import AccessKey, AppClient, Operator, UserPool

# The whole budget is spent once, on PostgreSQL.
EXAMPLES = 30 if os.environ.get("DATABASE_URL") else 8
hypothesis_settings.register_profile(
    "fixed", deadline=None, derandomize=True, max_examples=EXAMPLES
)
hypothesis_settings.load_profile("fixed")

PASSWORD = "Correct-Horse-9"


@pytest.fixture
def application() -> Any:
    from config.wsgi import application  # noqa: PLC0415

    return application


@pytest.fixture(scope="session")
def operator_password_hash() -> str:
    """The hash of the operator's password, made once: it is slow on purpose."""
    return make_password("operator-password-1")


@pytest.fixture
def operator(db: None, operator_password_hash: str) -> Operator:
    return Operator.objects.create(
        username="root",
        email="root@example.com",
        password=operator_password_hash,
        is_staff=True,
        is_superuser=True,
    )


@pytest.fixture
def signed_client(application: Any, db: None) -> Callable[..., Any]:
    """Make SDK clients that sign with a new key of the operator and policy given."""

    def make(
        service: str = "cognito-idp",
        *,
        operator: Operator,
        policy: dict[str, Any] | None = None,
        region: str = in_process.REGION,
    ) -> Any:
        key, secret = AccessKey.issue(operator, policy=policy)
        return in_process.client(
            service,
            application,
            access_key_id=key.access_key_id,
            secret_access_key=secret,
            region=region,
        )

    return make


@pytest.fixture
def idp(signed_client: Callable[..., Any], operator: Operator) -> Any:
    """A real boto3 client whose calls this process answers, signed by a superuser's key."""
    return signed_client(operator=operator)


@pytest.fixture
def pool(idp: Any) -> UserPool:
    """A pool with the API's defaults, as created by name alone."""
    answer = idp.create_user_pool(PoolName="people")
    return UserPool.objects.get(id=answer["UserPool"]["Id"])


@pytest.fixture
def make_pool(idp: Any) -> Callable[..., UserPool]:
    """Make pools with the members given."""

    def make(**members: Any) -> UserPool:
        made = idp.create_user_pool(PoolName="made", **members)["UserPool"]
        return UserPool.objects.get(id=made["Id"])

    return make


@pytest.fixture
def make_client(idp: Any) -> Callable[..., AppClient]:
    """Make app clients; all password flows and refresh unless told otherwise."""

    def make(pool: UserPool, **members: Any) -> AppClient:
        members.setdefault(
            "ExplicitAuthFlows",
            [
                "ALLOW_USER_PASSWORD_AUTH",
                "ALLOW_USER_SRP_AUTH",
                "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                "ALLOW_REFRESH_TOKEN_AUTH",
            ],
        )
        members = {name: value for name, value in members.items() if value is not None}
        answer = idp.create_user_pool_client(UserPoolId=pool.id, ClientName="app", **members)
        return AppClient.objects.get(client_id=answer["UserPoolClient"]["ClientId"])

    return make


@pytest.fixture
def client(pool: UserPool, make_client: Callable[..., AppClient]) -> AppClient:
    """A public app client of `pool`."""
    return make_client(pool)


@pytest.fixture
def make_user(idp: Any) -> Callable[..., str]:
    """Make a confirmed user with PASSWORD; returns the username."""

    def make(
        pool: UserPool, username: str = "ana", /, *, password: str = PASSWORD, **attributes: str
    ) -> str:
        created = idp.admin_create_user(
            UserPoolId=pool.id,
            Username=username,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": key, "Value": value} for key, value in attributes.items()],
        )
        username = created["User"]["Username"]
        idp.admin_set_user_password(
            UserPoolId=pool.id, Username=username, Password=password, Permanent=True
        )
        return str(username)

    return make


@pytest.fixture
def user(pool: UserPool, make_user: Callable[..., str]) -> str:
    """A confirmed user `ana` of `pool`, with an e-mail address."""
    return make_user(pool, "ana", email="ana@example.com")


@pytest.fixture
def sign_in(idp: Any) -> Callable[..., dict[str, Any]]:
    """Sign in by password; returns AuthenticationResult."""

    def sign(client: AppClient, name: str = "ana", password: str = PASSWORD) -> dict[str, Any]:
        answer = idp.initiate_auth(
            ClientId=client.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
        return dict(answer["AuthenticationResult"])

    return sign


@pytest.fixture
def sent(settings: Any) -> Callable[[], list[dict[str, Any]]]:
    """Deliver what is due and return what the outbox folder holds, oldest first."""

    def read() -> list[dict[str, Any]]:
        from userpools.messaging.outbox import deliver_due  # noqa: PLC0415

        deliver_due(limit=100)
        folder = settings.POOLHOUSE["OUTBOX_DIR"]
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]

    return read


@pytest.fixture(autouse=True)
def _fresh_outbox(settings: Any, tmp_path: Any) -> None:
    # The test runner puts a backend of its own in place of the configured one.
    settings.EMAIL_BACKEND = "userpools.messaging.development.OutboxEmailBackend"
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOX_DIR": tmp_path / "outbox"}


@pytest.fixture(autouse=True)
def _steady_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the time that passes in a test out of the statements that it counts.

    What a test changes is seen at once: there is no other process.
    """
    monkeypatch.setattr("userpools.models.cache.RECHECK_AFTER", 3600.0)


RSA_KEYS: list[rsa.RSAPrivateKey] = []


@pytest.fixture(autouse=True)
def _reuse_rsa_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test the same real keys again: making two takes longer than most tests do."""
    turn = itertools.count()
    make = rsa.generate_private_key

    def generate(exponent: int, size: int) -> rsa.RSAPrivateKey:
        index = next(turn)
        while len(RSA_KEYS) <= index:
            RSA_KEYS.append(make(exponent, size))
        return RSA_KEYS[index]

    monkeypatch.setattr("userpools.tokens.keys.rsa.generate_private_key", generate)
