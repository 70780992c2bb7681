"""From an operation's arguments back to the members of its input shape."""

from typing import Any

from userpools.awsjson.service import Call, cognito_idp


def wire_members(call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a call gave, under their wire names."""
    checkers = cognito_idp.operations[call.operation].checkers
    return {wire: settings[name] for wire, name, *_ in checkers if name in settings}
