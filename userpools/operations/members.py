"""From an operation's arguments back to the members of its input shape."""

from typing import Any

from userpools.awsjson.service import Call, Service, cognito_idp


def wire_members(
    call: Call, settings: dict[str, Any], service: Service = cognito_idp
) -> dict[str, Any]:
    """Return the arguments that a call gave, under their wire names."""
    checkers = service.operations[call.operation].checkers
    return {wire: settings[name] for wire, name, *_ in checkers if name in settings}
