"""Where a person's request came from, as the application that passes it on says.

Source: API reference, UserContextDataType and ContextDataType; developer guide, "Adding user device
and session data to API requests".
"""

import ipaddress
from dataclasses import replace
from typing import Any

from userpools.awsjson.service import Call
from userpools.errors import InvalidParameterException
from userpools.models import AppClient

Context = dict[str, Any]


def from_person(call: Call, client: AppClient, context: Context | None) -> Call:
    """Return a public call with the address in UserContextData, where the client passes it on.

    Anybody can send that member, so it counts for a client with a secret and
    EnablePropagateAdditionalUserContextData, in pools with threat protection; else it is ignored.
    """
    address = (context or {}).get("IpAddress")
    if not address or not client.passes_context:
        return call
    return replace(call, client_address=_checked(address))


def from_server(call: Call, context: Context | None) -> Call:
    """Return a signed call with address and user agent of ContextData: its signer is trusted."""
    if not context:
        return call
    agents = [
        header.get("headerValue", "")
        for header in context["HttpHeaders"]
        if header.get("headerName", "").lower() == "user-agent"
    ]
    return replace(
        call,
        client_address=_checked(context["IpAddress"]),
        user_agent=agents[0] if agents else call.user_agent,
    )


def _checked(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError as exc:
        raise InvalidParameterException("The IP address of the user context is not valid.") from exc
