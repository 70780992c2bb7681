"""Serialization: what a function returns becomes JSON values, filtered through the shape."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from botocore.model import ListShape, MapShape, Shape, StructureShape

Serializer = Callable[[Any], Any]


def serializer(shape: Shape) -> Serializer:
    """Compile a shape; members without a value and members that it lacks are left out."""
    return _Compiler().compile(shape) or _unchanged


class _Compiler:
    """Makes one closure for each shape; None stands for a value that stays as it is."""

    def __init__(self) -> None:
        self._done: dict[str, Serializer | None] = {}

    def compile(self, shape: Shape) -> Serializer | None:
        if shape.name in self._done:
            return self._done[shape.name]
        made = self._compile(shape)
        self._done[shape.name] = made
        return made

    def _compile(self, shape: Shape) -> Serializer | None:
        match shape.type_name:
            case "structure":
                return self._structure(cast("StructureShape", shape))
            case "list":
                return self._list(cast("ListShape", shape))
            case "map":
                return self._map(cast("MapShape", shape))
            case "timestamp":
                return epoch_seconds
            case "blob":
                return _base64
        return None

    def _structure(self, shape: StructureShape) -> Serializer | None:
        if shape.is_document_type:
            return None
        members: dict[str, Serializer | None] = {}

        def serialize(value: Any) -> dict[str, Any]:
            out: dict[str, Any] = {}
            for name, item in value.items():
                if item is None or name not in members:
                    continue
                convert = members[name]
                out[name] = convert(item) if convert else item
            return out

        # Known before its members are compiled, so that a shape may hold itself.
        self._done[shape.name] = serialize
        for name, member in shape.members.items():
            members[name] = self.compile(member)
        return serialize

    def _list(self, shape: ListShape) -> Serializer:
        convert = self.compile(shape.member)
        if convert is None:
            return list
        return lambda value: [convert(item) for item in value]

    def _map(self, shape: MapShape) -> Serializer:
        convert = self.compile(shape.value)
        if convert is None:
            return lambda value: {key: item for key, item in value.items() if item is not None}
        return lambda value: {key: convert(item) for key, item in value.items() if item is not None}


def epoch_seconds(value: datetime | float) -> float:
    """Write a time as the service does: seconds since the epoch, to the millisecond."""
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    return value


def _base64(value: bytes | memoryview | str) -> str:
    if isinstance(value, str):
        return value
    return base64.b64encode(value).decode("ascii")


def _unchanged(value: Any) -> Any:
    return value
