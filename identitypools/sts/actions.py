"""The STS actions served here, each a function of the caller that answers its result members."""

from collections.abc import Callable, Mapping

from userpools.awsjson.service import Caller

from .errors import InvalidAction, MissingAction

VERSION = "2011-06-15"

Action = Callable[[Caller], Mapping[str, str]]


def get_caller_identity(caller: Caller) -> Mapping[str, str]:
    """Say who signed. Every caller may ask. Source: STS API reference, GetCallerIdentity."""
    return {"Arn": caller.arn, "UserId": caller.user_id, "Account": caller.account_id}


ACTIONS: Mapping[str, Action] = {"GetCallerIdentity": get_caller_identity}


def action_named(name: str, version: str) -> Action:
    """Find an action; MissingAction without a name, InvalidAction for one not served."""
    if not name:
        raise MissingAction
    if name not in ACTIONS or version != VERSION:
        shown = version[:32] or "NO_VERSION_SPECIFIED"
        raise InvalidAction(f"Could not find operation {name[:128]} for version {shown}")
    return ACTIONS[name]
