"""What a customer's functions make of a message: its words, or all of its sending.

Source: developer guide, "Custom message Lambda trigger", "Custom sender Lambda triggers".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from userpools import lambda_triggers
from userpools.lambda_triggers import Origin
from userpools.models import Medium, PoolUser, UserPool

from .compose import Kind, Template

ACTS: Final = {
    Kind.SIGN_UP: "SignUp",
    Kind.RESEND_CODE: "ResendCode",
    Kind.VERIFY_ATTRIBUTE: "VerifyUserAttribute",
    Kind.UPDATE_ATTRIBUTE: "UpdateUserAttribute",
    Kind.RESET_PASSWORD: "ForgotPassword",
    Kind.INVITATION: "AdminCreateUser",
    Kind.AUTHENTICATION: "Authentication",
}
SENDERS: Final = {Medium.EMAIL: "CustomEmailSender", Medium.SMS: "CustomSMSSender"}
SENDER_TYPES: Final = {
    Medium.EMAIL: "customEmailSenderRequestV1",
    Medium.SMS: "customSMSSenderRequestV1",
}
# The kinds whose senders are given ClientMetadata.
TOLD: Final = frozenset({Kind.RESET_PASSWORD, Kind.SIGN_UP, Kind.AUTHENTICATION})


@dataclass(frozen=True, slots=True)
class Wording:
    """A custom message function's words by medium, and the call that the message is for."""

    origin: Origin = lambda_triggers.NOBODY
    templates: Mapping[Medium, Template] = field(default_factory=dict)


PLAIN: Final = Wording()


def ask(
    pool: UserPool,
    kind: Kind,
    mediums: Iterable[Medium],
    *,
    username: str,
    attributes: Mapping[str, str],
    origin: Origin,
) -> Wording:
    """Run the custom message function for a message that goes by these mediums.

    Not for mediums that a sender of the pool's own serves. Call it outside a transaction. Raises
    what the function does.
    """
    served = any(not has_sender(pool, medium) for medium in mediums)
    if not served or not lambda_triggers.configured(pool, "CustomMessage"):
        return Wording(origin)
    answer = lambda_triggers.run(
        f"CustomMessage_{ACTS[kind]}",
        pool=pool,
        origin=origin,
        username=username,
        request={
            "userAttributes": dict(attributes),
            "codeParameter": "{####}",
            "linkParameter": "{##Click Here##}",
            "usernameParameter": "{username}" if kind == Kind.INVITATION else None,
            "clientMetadata": origin.metadata,
        },
        response={"smsMessage": None, "emailMessage": None, "emailSubject": None},
    )
    return Wording(
        origin,
        {
            Medium.SMS: Template("", answer["smsMessage"]),
            Medium.EMAIL: Template(answer["emailSubject"], answer["emailMessage"]),
        },
    )


def has_sender(pool: UserPool, medium: Medium) -> bool:
    """Say whether a function of the pool's sends the messages of a medium."""
    return lambda_triggers.configured(pool, SENDERS[medium])


def hand_over(
    pool: UserPool,
    kind: Kind,
    medium: Medium,
    *,
    user: PoolUser | None,
    username: str,
    code: str,
    told: Mapping[str, str],
    origin: Origin,
) -> None:
    """Queue the event of the medium's sender, in the caller's transaction.

    `told` are attributes as the message has them, such as an address that is to be proved.
    """
    attributes = lambda_triggers.user_attributes(user) if user else {}
    request: dict[str, Any] = {
        "type": SENDER_TYPES[medium],
        "code": code,
        "clientMetadata": origin.metadata if kind in TOLD else None,
        "userAttributes": {**attributes, **told},
    }
    lambda_triggers.run(
        f"{SENDERS[medium]}_{ACTS[kind]}",
        pool=pool,
        origin=origin,
        username=username,
        request=request,
    )
