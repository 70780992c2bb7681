"""A custom sign-in: what its functions answer, and an application that goes through it."""

import base64
import secrets
from datetime import UTC, datetime
from typing import Any

from tests.triggers import recorder
from tests.triggers.sum_challenge import ANSWER, decide, judge, make
from tests.userpools.auth.srp_client import SrpClient

TRIGGERS = ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")
DEFINE, CREATE, VERIFY = (f"{trigger}_Authentication" for trigger in TRIGGERS)


def after_password(event: dict[str, Any]) -> dict[str, Any]:
    """Ask for the password first."""
    if event["request"]["session"][-1]["challengeName"] == "SRP_A":
        return {"challengeName": "PASSWORD_VERIFIER"}
    return decide(event)


def script(define: Any = decide, create: Any = make, verify: Any = judge) -> None:
    """Say what the functions answer from now on."""
    recorder.answers.update({DEFINE: define, CREATE: create, VERIFY: verify})


class CustomSignIn:
    """A sign-in under a test's control; `is_admin` goes through the Admin operations."""

    def __init__(
        self,
        idp: Any,
        client: Any,
        name: str = "ana",
        *,
        password: str = "",
        is_admin: bool = False,
    ) -> None:
        self.idp, self.client, self.name, self.is_admin = idp, client, name, is_admin
        self.srp = None
        if password:
            pool_name = client.pool_id.split("_", 1)[1]
            self.srp = SrpClient(pool_name, name, password, secrets.randbits(256) | 1)
        self.issued: dict[str, Any] = {}

    def begin(self, **members: Any) -> dict[str, Any]:
        parameters = {"USERNAME": self.name}
        if self.srp:
            parameters |= {"CHALLENGE_NAME": "SRP_A", "SRP_A": f"{self.srp.A:x}"}
        given = {
            "ClientId": self.client.client_id,
            "AuthFlow": "CUSTOM_AUTH",
            "AuthParameters": parameters,
            **members,
        }
        if self.is_admin:
            self.issued = self.idp.admin_initiate_auth(UserPoolId=self.client.pool_id, **given)
        else:
            self.issued = self.idp.initiate_auth(**given)
        return self.issued

    def respond(
        self, name: str = "", responses: dict[str, str] | None = None, **members: Any
    ) -> dict[str, Any]:
        """Answer the challenge that was issued, or that `members` say; keep what comes next."""
        given = {
            "ClientId": self.client.client_id,
            "ChallengeName": name or self.issued["ChallengeName"],
            "Session": self.issued.get("Session"),
            "ChallengeResponses": {"USERNAME": self.name, **(responses or {})},
            **members,
        }
        given = {key: value for key, value in given.items() if value is not None}
        if self.is_admin:
            self.issued = self.idp.admin_respond_to_auth_challenge(
                UserPoolId=self.client.pool_id, **given
            )
        else:
            self.issued = self.idp.respond_to_auth_challenge(**given)
        return self.issued

    def answer(self, text: str = ANSWER, **members: Any) -> dict[str, Any]:
        return self.respond("CUSTOM_CHALLENGE", {"ANSWER": text}, **members)

    def claim(self) -> dict[str, str]:
        """Return the responses to PASSWORD_VERIFIER."""
        given, srp = self.issued["ChallengeParameters"], self.srp
        assert srp is not None
        now = datetime.now(UTC)
        timestamp = f"{now:%a %b} {now.day} {now:%H:%M:%S} UTC {now.year}"
        srp.user_id = given["USER_ID_FOR_SRP"]
        block = base64.b64decode(given["SECRET_BLOCK"])
        signature = srp.signature(int(given["SRP_B"], 16), given["SALT"], block, timestamp)
        return {
            "USERNAME": given["USER_ID_FOR_SRP"],
            "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
            "TIMESTAMP": timestamp,
        }

    def prove(self, **members: Any) -> dict[str, Any]:
        """Answer PASSWORD_VERIFIER."""
        return self.respond("PASSWORD_VERIFIER", self.claim(), **members)
