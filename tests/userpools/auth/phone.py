"""A device as SDKs keep one: its keys and its secret, which never leaves it."""

import base64
import secrets
from datetime import UTC, datetime
from typing import Any

from tests.userpools.auth.srp_client import SrpClient, padded, sha256_int
from userpools.auth.srp import N


def now_text() -> str:
    now = datetime.now(UTC)
    return f"{now:%a %b} {now.day} {now:%H:%M:%S} UTC {now.year}"


class Phone:
    """One device of a user, and its part in a sign-in."""

    def __init__(self, idp: Any, metadata: dict[str, str], *, secret: str = "") -> None:
        self.idp = idp
        self.key, self.group = metadata["DeviceKey"], metadata["DeviceGroupKey"]
        self.secret = secret or secrets.token_urlsafe(40)
        self.salt = secrets.randbits(128) | 1
        self.srp = SrpClient(self.group, self.key, self.secret, secrets.randbits(256) | 1)

    @property
    def config(self) -> dict[str, str]:
        """DeviceSecretVerifierConfig, as the SDKs compute it."""
        inner = f"{self.group}{self.key}:{self.secret}".encode()
        x = sha256_int(padded(self.salt) + sha256_int(inner).to_bytes(32, "big"))
        return {
            "Salt": base64.b64encode(padded(self.salt)).decode(),
            "PasswordVerifier": base64.b64encode(padded(pow(2, x, N))).decode(),
        }

    def confirm(self, token: str, **members: Any) -> dict[str, Any]:
        members = {"DeviceSecretVerifierConfig": self.config, "DeviceName": "phone", **members}
        return self.idp.confirm_device(AccessToken=token, DeviceKey=self.key, **members)

    def ask(self, client: Any, issued: dict[str, Any], name: str = "ana", **more: str) -> Any:
        """Answer DEVICE_SRP_AUTH."""
        return self.idp.respond_to_auth_challenge(
            ClientId=client.client_id,
            ChallengeName="DEVICE_SRP_AUTH",
            Session=issued["Session"],
            ChallengeResponses={
                "USERNAME": name,
                "DEVICE_KEY": self.key,
                "SRP_A": f"{self.srp.A:x}",
                **more,
            },
        )

    def claim(self, issued: dict[str, Any], name: str = "ana", **more: str) -> dict[str, str]:
        """The answer to DEVICE_PASSWORD_VERIFIER."""
        given, timestamp = issued["ChallengeParameters"], now_text()
        block = base64.b64decode(given["SECRET_BLOCK"])
        signature = self.srp.signature(int(given["SRP_B"], 16), given["SALT"], block, timestamp)
        return {
            "USERNAME": name,
            "DEVICE_KEY": self.key,
            "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
            "TIMESTAMP": timestamp,
            **more,
        }

    def prove(self, client: Any, responses: dict[str, str]) -> dict[str, Any]:
        """Answer DEVICE_PASSWORD_VERIFIER, without Session as pycognito does."""
        return self.idp.respond_to_auth_challenge(
            ClientId=client.client_id,
            ChallengeName="DEVICE_PASSWORD_VERIFIER",
            ChallengeResponses=responses,
        )

    def sign_in(self, client: Any, issued: dict[str, Any], name: str = "ana") -> dict[str, Any]:
        """Answer both steps and return AuthenticationResult."""
        asked = self.ask(client, issued, name)
        return self.prove(client, self.claim(asked, name))["AuthenticationResult"]
