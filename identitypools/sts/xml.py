"""Answers of the query protocol as XML."""

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
# What XML 1.0 has no way to write (section 2.2).
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def result(action: str, members: Mapping[str, Any], request_id: str) -> bytes:
    """Write the answer to an action; its members are texts, or have members themselves."""
    body = _members(members)
    return _document(
        f"{action}Response",
        f"<{action}Result>{body}</{action}Result>"
        f"<ResponseMetadata>{_element('RequestId', request_id)}</ResponseMetadata>",
    )


def failure(*, is_ours: bool, code: str, message: str, request_id: str) -> bytes:
    """Write an error; `is_ours` tells a fault of the service from a mistake of the sender."""
    body = "".join(
        [
            _element("Type", "Receiver" if is_ours else "Sender"),
            _element("Code", code),
            _element("Message", message),
        ]
    )
    return _document("ErrorResponse", f"<Error>{body}</Error>{_element('RequestId', request_id)}")


def _document(name: str, body: str) -> bytes:
    return f'<{name} xmlns="{NAMESPACE}">{body}</{name}>\n'.encode()


def _members(members: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>{_members(value)}</{name}>"
        if isinstance(value, Mapping)
        else _element(name, value)
        for name, value in members.items()
    )


def _element(name: str, value: str) -> str:
    return f"<{name}>{escape(_UNWRITABLE.sub('�', value))}</{name}>"
