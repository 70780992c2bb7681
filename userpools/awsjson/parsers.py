"""Reads the body: JSON as the protocol allows it, an object of bounded depth."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import orjson
from rest_framework.parsers import BaseParser

from userpools.awsjson.errors import SerializationException

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/x-amz-json-1.1"
# No input shape nests deeper than a dozen levels; the rest is room for free documents.
DEEPEST = 64
_ESCAPED_NUL = b"\\u0000"


class AwsJsonParser(BaseParser):
    """Parses `application/x-amz-json-1.1`."""

    media_type = MEDIA_TYPE

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Parse the whole stream."""
        return parse(stream.read())


def parse(body: bytes) -> dict[str, Any]:
    """Parse a body; raise SerializationException unless it is a JSON object that we can keep.

    orjson refuses invalid UTF-8 and lone surrogates. NUL is refused because the database
    cannot store it. The walk is only taken when a count of bytes cannot rule trouble out.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise SerializationException from exc
    if type(value) is not dict:
        raise SerializationException(
            "Start of list found where not expected" if type(value) is list else None
        )
    if body.count(b"{") + body.count(b"[") > DEEPEST or _ESCAPED_NUL in body:
        _walk(value)
    return value


def _walk(document: dict[str, Any]) -> None:
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    msg = "The body is nested too deeply"
    raise SerializationException(msg)


def _children(node: Any) -> list[Any]:
    """Answer the containers inside a container; refuse NUL in its strings and keys."""
    if type(node) is dict:
        _refuse_nul(node)
        node = node.values()
    found = []
    for item in node:
        if type(item) is str:
            if "\x00" in item:
                _refuse_nul((item,))
        elif type(item) in (dict, list):
            found.append(item)
    return found


def _refuse_nul(texts: Any) -> None:
    if any("\x00" in text for text in texts):
        msg = "Strings may not contain the character U+0000"
        raise SerializationException(msg)
