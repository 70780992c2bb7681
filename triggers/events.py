"""The event that a function is given: what every trigger has in common, and each one's own part.

Source: developer guide, "Customizing user pool workflows with Lambda triggers".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from userpools.models import AppClient, UserPool

Event = dict[str, Any]

UNKNOWN_SDK: Final = "aws-sdk-unknown-unknown"
# Source: observed. What operations without an app client say.
NO_CLIENT: Final = "CLIENT_ID_NOT_APPLICABLE"
CLIENT_CREDENTIALS: Final = "TokenGeneration_ClientCredentials"
VERSIONS: Final = {"V1_0": "1", "V2_0": "2", "V3_0": "3"}

# The member of LambdaConfig that each family of trigger sources runs.
_TRIGGERS: Final = {
    "PreSignUp": "PreSignUp",
    "PostConfirmation": "PostConfirmation",
    "PreAuthentication": "PreAuthentication",
    "PostAuthentication": "PostAuthentication",
    "DefineAuthChallenge": "DefineAuthChallenge",
    "CreateAuthChallenge": "CreateAuthChallenge",
    "VerifyAuthChallengeResponse": "VerifyAuthChallengeResponse",
    "TokenGeneration": "PreTokenGeneration",
    "UserMigration": "UserMigration",
    "CustomMessage": "CustomMessage",
    "CustomEmailSender": "CustomEmailSender",
    "CustomSMSSender": "CustomSMSSender",
    "InboundFederation": "InboundFederation",
}
_MESSAGES: Final = (
    "SignUp", "AdminCreateUser", "ResendCode", "ForgotPassword", "UpdateUserAttribute",
    "VerifyUserAttribute", "Authentication",
)  # fmt: skip
_ACTS: Final[dict[str, tuple[str, ...]]] = {
    "PreSignUp": ("SignUp", "AdminCreateUser", "ExternalProvider"),
    "PostConfirmation": ("ConfirmSignUp", "ConfirmForgotPassword"),
    "TokenGeneration": (
        "HostedAuth", "Authentication", "NewPasswordChallenge", "AuthenticateDevice",
        "RefreshTokens", "ClientCredentials",
    ),
    "UserMigration": ("Authentication", "ForgotPassword"),
    "CustomMessage": _MESSAGES,
    "CustomEmailSender": (*_MESSAGES, "AccountTakeOverNotification"),
    "CustomSMSSender": _MESSAGES,
    "InboundFederation": ("ExternalProvider",),
}  # fmt: skip
# Every trigger source, and the member of LambdaConfig that names its function.
SOURCES: Final[Mapping[str, str]] = {
    f"{family}_{act}": trigger
    for family, trigger in _TRIGGERS.items()
    for act in _ACTS.get(family, ("Authentication",))
}
SENDERS: Final = frozenset({"CustomEmailSender", "CustomSMSSender"})

_SDK: Final = re.compile(r"(aws-sdk-[a-z0-9-]+)/([0-9A-Za-z][0-9A-Za-z.+-]{0,31})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Configured:
    """A function as LambdaConfig names it; `version` is the event's."""

    arn: str
    version: str = "1"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a function is to run: who, through which client, and the trigger's own part."""

    source: str
    pool: UserPool
    client: AppClient | None
    username: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    user_agent: str = field(default="", repr=False)

    @property
    def trigger(self) -> str:
        """The member of LambdaConfig that names the function; ValueError for unknown sources."""
        try:
            return SOURCES[self.source]
        except KeyError:
            raise ValueError(f"No trigger source: {self.source!r}") from None

    @property
    def client_id(self) -> str:
        """The app client's id; empty where an operation has none."""
        return self.client.client_id if self.client else ""


def configured(pool: UserPool, trigger: str) -> Configured | None:
    """Find a trigger's function in LambdaConfig."""
    config = pool.lambda_config
    if trigger == "PreTokenGeneration" and config.get("PreTokenGenerationConfig"):
        return _versioned(config["PreTokenGenerationConfig"])
    named = config.get(trigger)
    if not named:
        return None
    return Configured(named) if isinstance(named, str) else _versioned(named)


def _versioned(named: Mapping[str, str]) -> Configured:
    return Configured(named["LambdaArn"], VERSIONS.get(named.get("LambdaVersion", ""), "1"))


def build(occasion: Occasion, function: Configured) -> Event:
    """Build the whole event, members in the order of the documentation."""
    return {
        "version": function.version,
        "region": occasion.pool.region,
        "userPoolId": occasion.pool.pk,
        "userName": occasion.username,
        "callerContext": {
            "awsSdkVersion": sdk_version(occasion.user_agent),
            "clientId": occasion.client_id or NO_CLIENT,
        },
        "triggerSource": occasion.source,
        "request": _request(occasion, function),
        "response": default_response(occasion, function),
    }


def _request(occasion: Occasion, function: Configured) -> dict[str, Any]:
    """Return the trigger's request; the first version of token events knows no scopes."""
    request = dict(occasion.request)
    if occasion.trigger == "PreTokenGeneration" and function.version == "1":
        request.pop("scopes", None)
    return request


def default_response(occasion: Occasion, function: Configured) -> dict[str, Any]:
    """Return the response before the function sees it; token events name theirs by version."""
    if occasion.trigger != "PreTokenGeneration":
        return dict(occasion.response)
    return {TOKEN_MEMBER[function.version]: None}


TOKEN_MEMBER: Final = {
    "1": "claimsOverrideDetails",
    "2": "claimsAndScopeOverrideDetails",
    "3": "claimsAndScopeOverrideDetails",
}


def sdk_version(user_agent: str) -> str:
    """Name the caller's SDK: `aws-sdk-js/3.370.0 ...` is `aws-sdk-js-3.370.0`.

    Inferred: from events that customers published; other programs are unknown.
    """
    match = _SDK.search(user_agent)
    return f"{match[1]}-{match[2]}" if match else UNKNOWN_SDK
