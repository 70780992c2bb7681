"""Sign-in by SRP as an SDK does it."""

import base64
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.userpools.auth.choice import ALL, EMAIL, FLOWS, PHONE, factors
from tests.userpools.auth.srp_client import SrpClient
from userpools.models import AppClient


class SrpSignIn:
    """The two calls of USER_SRP_AUTH, each under the test's control."""

    def __init__(self, idp: Any, client: Any, name: str, password: str) -> None:
        self.idp, self.client, self.name, self.password = idp, client, name, password
        pool_name = client.pool_id.split("_", 1)[1]
        # The name is filled in from USER_ID_FOR_SRP.
        self.srp = SrpClient(pool_name, name, password, secrets.randbits(256) | 1)
        self.challenge: dict[str, Any] = {}

    def start(self, **more: str) -> dict[str, Any]:
        answer = self.idp.initiate_auth(
            ClientId=self.client.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": self.name, "SRP_A": f"{self.srp.A:x}", **more},
        )
        self.challenge = answer["ChallengeParameters"]
        return answer

    def responses(self, **more: str) -> dict[str, str]:
        given = self.challenge
        now = datetime.now(UTC)
        timestamp = f"{now:%a %b} {now.day} {now:%H:%M:%S} UTC {now.year}"
        self.srp.user_id = given["USER_ID_FOR_SRP"]
        signature = self.srp.signature(
            int(given["SRP_B"], 16),
            given["SALT"],
            base64.b64decode(given["SECRET_BLOCK"]),
            timestamp,
        )
        return {
            "USERNAME": given["USER_ID_FOR_SRP"],
            "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
            "TIMESTAMP": timestamp,
            **more,
        }

    def respond(self, responses: dict[str, str] | None = None) -> dict[str, Any]:
        return self.idp.respond_to_auth_challenge(
            ClientId=self.client.client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses=responses or self.responses(),
        )


@pytest.fixture
def srp_sign_in(idp: Any) -> Any:
    def make(client: Any, name: str = "ana", password: str = "Correct-Horse-9") -> SrpSignIn:
        return SrpSignIn(idp, client, name, password)

    return make


@pytest.fixture
def choosing(make_pool: Any, make_client: Any) -> Callable[..., AppClient]:
    """Make clients of pools with these first factors, and members of the client."""

    def make(*names: str, pool_members: dict[str, Any] | None = None, **members: Any) -> AppClient:
        pool = make_pool(**factors(*(names or ALL)), **(pool_members or {}))
        members.setdefault("ExplicitAuthFlows", FLOWS)
        made: AppClient = make_client(pool, **members)
        return made

    return make


@pytest.fixture
def app(choosing: Callable[..., AppClient], make_user: Any) -> AppClient:
    """A client of a pool with every first factor but passkeys, and its user ana."""
    client = choosing()
    make_user(client.pool, "ana", **EMAIL, **PHONE)
    return client
