"""What a function may answer: the members of each trigger's `response`, and their types.

Only `response` is read. Members that the documentation does not name are harmless; one that is
absent or null stands for the default. Values are never made to fit: a text where a boolean belongs
makes the answer unusable. Source: developer guide, "Customizing user pool workflows with Lambda
triggers", the tables "Response parameters".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from triggers.events import Occasion

Members = Mapping[str, "Check"]
Check = Callable[[str, Any], Any]

LONGEST_SMS: Final = 140
LONGEST_EMAIL: Final = 20_000
LONGEST_SUBJECT: Final = 140
# Objects and lists within each other in a claim's value.
DEEPEST: Final = 32
CHALLENGES: Final = frozenset(
    {
        "CUSTOM_CHALLENGE", "PASSWORD_VERIFIER", "SMS_MFA", "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER", "ADMIN_NO_SRP_AUTH",
    }
)  # fmt: skip
LINKED: Final = frozenset({"CustomMessage_SignUp", "CustomMessage_ResendCode"})
_LINK: Final = re.compile(r"\{##[^{}]*?##\}")


class UnusableAnswer(Exception):
    """What a function answered cannot be used. The text names the member, never its value."""


def usable_response(answer: object, occasion: Occasion, default: dict[str, Any]) -> dict[str, Any]:
    """Return the documented members of an answer's response; raise UnusableAnswer."""
    if not isinstance(answer, dict):
        raise UnusableAnswer("The function did not return the event.")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise UnusableAnswer("The returned event has no response.")
    members = RESPONSES[occasion.trigger]
    if occasion.trigger == "PreTokenGeneration":
        # The container of another version than the pool's is none that is documented.
        members = {name: check for name, check in members.items() if name in default}
    checked = _members(members, response)
    usable = {**default, **{name: value for name, value in checked.items() if value is not None}}
    if occasion.trigger == "CustomMessage":
        _check_messages(occasion, usable)
    return usable


def _members(members: Members, given: dict[str, Any], path: str = "") -> dict[str, Any]:
    return {
        name: None if given[name] is None else check(f"{path}{name}", given[name])
        for name, check in members.items()
        if name in given
    }


def _boolean(path: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnusableAnswer(f"{path} must be true or false.")
    return value


def _text(path: str, value: Any) -> str:
    # No database column of ours takes a null character.
    if not isinstance(value, str) or "\x00" in value:
        raise UnusableAnswer(f"{path} must be a text.")
    return value


def _map(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnusableAnswer(f"{path} must be an object.")
    return value


def _claims(path: str, value: Any) -> dict[str, Any]:
    """Check claims, whose values may be of any form but endlessly deep."""
    level: list[Any] = list(_map(path, value).values())
    for _ in range(DEEPEST):
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [
            inner
            for each in nested
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    if level:
        raise UnusableAnswer(f"{path} has a value that is nested too deeply.")
    return dict(value)


def _texts_by_name(path: str, value: Any) -> dict[str, str]:
    return {name: _text(f"{path}.{name}", text) for name, text in _map(path, value).items()}


def _texts(path: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise UnusableAnswer(f"{path} must be a list.")
    return [_text(f"{path}[{index}]", text) for index, text in enumerate(value)]


def _scopes(path: str, value: Any) -> list[str]:
    scopes = _texts(path, value)
    if any(not scope or any(char.isspace() for char in scope) for scope in scopes):
        raise UnusableAnswer(f"{path} has a scope that is empty or contains a space.")
    return scopes


def _one_of(*allowed: str) -> Check:
    def check(path: str, value: Any) -> str:
        if _text(path, value) not in allowed:
            raise UnusableAnswer(f"{path} must be one of: {', '.join(sorted(allowed))}.")
        return str(value)

    return check


def _some_of(*allowed: str) -> Check:
    one = _one_of(*allowed)
    return lambda path, value: [one(path, each) for each in _texts(path, value)]


def _shorter(limit: int) -> Check:
    def check(path: str, value: Any) -> str:
        if len(_text(path, value)) > limit:
            raise UnusableAnswer(f"{path} must have at most {limit} characters.")
        return str(value)

    return check


def _object(members: Members) -> Check:
    """Check an object; what it leaves out stays out, as that may differ from null."""
    return lambda path, value: _members(members, _map(path, value), f"{path}.")


_GROUPS: Final = _object(
    {"groupsToOverride": _texts, "iamRolesToOverride": _texts, "preferredRole": _text}
)
_SENDER: Final[Members] = {}
RESPONSES: Final[Mapping[str, Members]] = {
    "PreSignUp": {
        "autoConfirmUser": _boolean,
        "autoVerifyEmail": _boolean,
        "autoVerifyPhone": _boolean,
    },
    "PostConfirmation": {},
    "PreAuthentication": {},
    "PostAuthentication": {},
    "DefineAuthChallenge": {
        "challengeName": _one_of(*CHALLENGES),
        "issueTokens": _boolean,
        "failAuthentication": _boolean,
    },
    "CreateAuthChallenge": {
        "publicChallengeParameters": _texts_by_name,
        "privateChallengeParameters": _texts_by_name,
        "challengeMetadata": _text,
    },
    "VerifyAuthChallengeResponse": {"answerCorrect": _boolean},
    "PreTokenGeneration": {
        "claimsOverrideDetails": _object(
            {
                "claimsToAddOrOverride": _texts_by_name,
                "claimsToSuppress": _texts,
                "groupOverrideDetails": _GROUPS,
            }
        ),
        "claimsAndScopeOverrideDetails": _object(
            {
                "idTokenGeneration": _object(
                    {"claimsToAddOrOverride": _claims, "claimsToSuppress": _texts}
                ),
                "accessTokenGeneration": _object(
                    {
                        "claimsToAddOrOverride": _claims,
                        "claimsToSuppress": _texts,
                        "scopesToAdd": _scopes,
                        "scopesToSuppress": _texts,
                    }
                ),
                "groupOverrideDetails": _GROUPS,
            }
        ),
    },
    "UserMigration": {
        "userAttributes": _texts_by_name,
        "forceAliasCreation": _boolean,
        "enableSMSMFA": _boolean,
        "finalUserStatus": _text,
        "messageAction": _text,
        "desiredDeliveryMediums": _some_of("EMAIL", "SMS"),
    },
    "CustomMessage": {
        "smsMessage": _shorter(LONGEST_SMS),
        "emailMessage": _shorter(LONGEST_EMAIL),
        "emailSubject": _shorter(LONGEST_SUBJECT),
    },
    "CustomEmailSender": _SENDER,
    "CustomSMSSender": _SENDER,
    "InboundFederation": {"userAttributesToMap": _texts_by_name},
}


def _check_messages(occasion: Occasion, response: Mapping[str, Any]) -> None:
    """Refuse a message without the marks that code and user name are put in for.

    Source: developer guide, "Custom message Lambda trigger".
    """
    for member in ("smsMessage", "emailMessage"):
        text = response.get(member)
        if not text:
            continue
        for mark in ("codeParameter", "usernameParameter"):
            wanted = occasion.request.get(mark)
            if wanted and wanted not in text and not _has_link(occasion, member, mark, text):
                raise UnusableAnswer(f"{member} must contain {mark}, {wanted}.")


def _has_link(occasion: Occasion, member: str, mark: str, text: str) -> bool:
    """Say whether a link stands for the code: by e-mail, at sign-up, in pools that send links."""
    template = occasion.pool.setting("VerificationMessageTemplate") or {}
    return (
        mark == "codeParameter"
        and member == "emailMessage"
        and occasion.source in LINKED
        and template.get("DefaultEmailOption") == "CONFIRM_WITH_LINK"
        and bool(_LINK.search(text))
    )
