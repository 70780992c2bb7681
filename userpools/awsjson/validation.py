"""Input validation: shapes of the service model compiled to closures.

Two kinds of mistakes differ on the wire. A value of the wrong JSON type is a
SerializationException, raised at once. A broken constraint is collected, and all of them are
reported in one InvalidParameterException. Source: recorded answers of the live service.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from userpools.awsjson import overrides
from userpools.awsjson.errors import InvalidParameterException, SerializationException
from userpools.awsjson.patterns import matcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from botocore.model import ListShape, MapShape, Shape, StructureShape

# Where a violation stands, what was broken, and the value as text (None: not to be shown).
Violation = tuple[str, str, str | None]
# Takes a JSON value, its path and the list of violations; answers the converted value.
Checker = Callable[[Any, str, "list[Violation]"], Any]
# Answers what a scalar breaks, without saying where.
Constraint = Callable[[Any], "list[str]"]

NOT_NULL = "Member must not be null"
_LIST_FOUND = "Start of list found where not expected"
_MAP_FOUND = "Start of structure or map found where not expected."
_SCALARS = frozenset({"string", "integer", "long", "boolean", "timestamp", "blob"})
# An answer names no more than this many violations, and shows no longer values.
_MOST_VIOLATIONS = 100
_LONGEST_SHOWN = 2048
_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_LARGEST_EPOCH = 253_402_300_799
_ARTICLE = {"string": "a String", "boolean": "a Boolean", "integer": "an Integer", "long": "a Long"}


def member_checkers(
    service: str, shape: StructureShape
) -> Iterator[tuple[str, str, bool, Checker]]:
    """Compile each member of an operation's input: wire name, path, required, checker."""
    required = frozenset(shape.required_members)
    for name, member in shape.members.items():
        yield name, lower_camel(name), name in required, _compiler(service).checker(member)


def checker(service: str, shape: Shape) -> Checker:
    """Compile one shape."""
    return _compiler(service).checker(shape)


@cache
def _compiler(service: str) -> _Compiler:
    return _Compiler(service)


def refuse(violations: Sequence[Violation]) -> None:
    """Raise all violations as one error, if there are any."""
    if violations:
        raise InvalidParameterException(describe(violations))


def describe(violations: Sequence[Violation]) -> str:
    """Word violations as the service does."""
    plural = "" if len(violations) == 1 else "s"
    texts = (
        f"Value{_shown(value)} at '{path}' failed to satisfy constraint: {constraint}"
        for path, constraint, value in violations
    )
    return f"{len(violations)} validation error{plural} detected: {'; '.join(texts)}"


def _shown(value: str | None) -> str:
    return "" if value is None or len(value) > _LONGEST_SHOWN else f" '{value}'"


def lower_camel(name: str) -> str:
    """Spell a member as the service's error texts do."""
    return name[:1].lower() + name[1:]


class _Compiler:
    """Makes one closure for each shape of a service, at its first use."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._done: dict[str, Checker] = {}
        # A structure is in `_done` before its members are; nobody else may see it then.
        self._lock = RLock()

    def checker(self, shape: Shape) -> Checker:
        with self._lock:
            return self._compile_once(shape)

    def _compile_once(self, shape: Shape) -> Checker:
        if shape.name in self._done:
            return self._done[shape.name]
        made = self._compile(shape)
        self._done[shape.name] = made
        return made

    def _compile(self, shape: Shape) -> Checker:
        match shape.type_name:
            case "structure":
                return self._structure(cast("StructureShape", shape))
            case "list":
                return self._list(cast("ListShape", shape))
            case "map":
                return self._map(cast("MapShape", shape))
        return _scalar(self._facts(shape), shape.type_name)

    def _facts(self, shape: Shape) -> Mapping[str, Any]:
        return overrides.constraints(self._service, shape.name, shape.metadata)

    def _structure(self, shape: StructureShape) -> Checker:
        if shape.is_document_type:
            return _document
        members: list[tuple[str, str, bool, Checker]] = []

        def check(value: Any, path: str, violations: list[Violation]) -> dict[str, Any]:
            if type(value) is not dict:
                raise SerializationException(_not_a_structure(value))
            out: dict[str, Any] = {}
            for name, camel, required, check_member in members:
                item = value.get(name)
                if item is not None:
                    out[name] = check_member(item, f"{path}.{camel}" if path else camel, violations)
                elif required:
                    violations.append((f"{path}.{camel}" if path else camel, NOT_NULL, None))
            return out

        # Known before its members are compiled, so that a shape may hold itself.
        self._done[shape.name] = check
        required = frozenset(shape.required_members)
        members.extend(
            (name, lower_camel(name), name in required, self._compile_once(member))
            for name, member in shape.members.items()
        )
        return check

    def _list(self, shape: ListShape) -> Checker:
        lengths = _length_constraints(self._facts(shape))
        if shape.member.type_name in _SCALARS:
            return self._list_of_scalars(shape, lengths)
        check_item = self._compile_once(shape.member)

        def check(value: Any, path: str, violations: list[Violation]) -> list[Any]:
            if type(value) is not list:
                raise SerializationException(_not_a_list(value))
            if lengths and (broken := lengths(value)):
                violations.extend((path, text, None) for text in broken)
            out: list[Any] = []
            for number, item in enumerate(value, 1):
                if item is None:
                    continue
                out.append(check_item(item, f"{path}.{number}.member", violations))
                if len(violations) >= _MOST_VIOLATIONS:
                    break
            return out

        return check

    def _list_of_scalars(self, shape: ListShape, lengths: Constraint | None) -> Checker:
        """Report an item at its list, with all constraints of the item's shape.

        Source: recorded answers, for example to UpdateUserPoolClient: "Value '[x]' at
        'callbackURLs' failed to satisfy constraint: Member must satisfy constraint: [...]".
        """
        facts = self._facts(shape.member)
        convert = _converter(shape.member.type_name)
        broken_by = _constraints(facts, shape.member.type_name)
        stated = ", ".join(_stated(facts, shape.member.type_name))
        hidden = _is_sensitive(shape) or _is_sensitive(shape.member)

        def check(value: Any, path: str, violations: list[Violation]) -> list[Any]:
            if type(value) is not list:
                raise SerializationException(_not_a_list(value))
            out = [convert(item) for item in value if item is not None]
            broken = lengths(value) if lengths else []
            if broken_by and any(map(broken_by, out)):
                broken = [*broken, f"Member must satisfy constraint: [{stated}]"]
            if broken:
                shown = None if hidden else f"[{', '.join(map(str, value))}]"
                violations.extend((path, text, shown) for text in broken)
            return out

        return check

    def _map(self, shape: MapShape) -> Checker:
        """Report keys and plain values at their map; values that have members at their key.

        Source: recorded answers, for example to GetId: "Value '{x=}' at 'logins' failed to
        satisfy constraint: Map value must satisfy constraint: [...]".
        """
        lengths = _length_constraints(self._facts(shape))
        key_facts = self._facts(shape.key)
        key_broken_by = _constraints(key_facts, "string")
        keys_stated = ", ".join(_stated(key_facts, "string"))
        plain = shape.value.type_name in _SCALARS
        value_facts = self._facts(shape.value) if plain else {}
        convert = _converter(shape.value.type_name) if plain else None
        value_broken_by = _constraints(value_facts, shape.value.type_name) if plain else None
        values_stated = ", ".join(_stated(value_facts, shape.value.type_name)) if plain else ""
        check_value = None if plain else self._compile_once(shape.value)
        hidden = any(map(_is_sensitive, (shape, shape.key, shape.value)))

        def check(value: Any, path: str, violations: list[Violation]) -> dict[str, Any]:
            if type(value) is not dict:
                raise SerializationException(_not_a_structure(value))
            out: dict[str, Any] = {}
            for key, item in value.items():
                # Clients send null for an answer that they do not have (amazon-cognito-
                # identity-js: DEVICE_KEY); it counts as absent.
                if item is None:
                    continue
                if convert:
                    out[key] = convert(item)
                elif check_value:
                    out[key] = check_value(item, f"{path}.{key}.member", violations)
            broken = lengths(value) if lengths else []
            if key_broken_by and any(map(key_broken_by, out)):
                broken = [*broken, f"Map keys must satisfy constraint: [{keys_stated}]"]
            if value_broken_by and any(map(value_broken_by, out.values())):
                broken = [*broken, f"Map value must satisfy constraint: [{values_stated}]"]
            if broken:
                violations.extend((path, text, _map_text(out, hidden)) for text in broken)
            return out

        return check


def _map_text(value: Mapping[str, Any], hidden: bool) -> str | None:
    if hidden or any(isinstance(item, dict) for item in value.values()):
        return None
    return "{" + ", ".join(f"{key}={item}" for key, item in value.items()) + "}"


def _is_sensitive(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive"))


def _scalar(facts: Mapping[str, Any], type_name: str) -> Checker:
    convert = _converter(type_name)
    broken_by = _constraints(facts, type_name)
    if broken_by is None:
        return lambda value, path, violations: convert(value)
    constraint = broken_by
    hidden = bool(facts.get("sensitive")) or type_name == "blob"

    def check(value: Any, path: str, violations: list[Violation]) -> Any:
        value = convert(value)
        if broken := constraint(value):
            shown = None if hidden else str(value)
            violations.extend((path, text, shown) for text in broken)
        return value

    return check


# Types


def _converter(type_name: str) -> Callable[[Any], Any]:
    if type_name in _RANGES:
        return _integer(type_name, *_RANGES[type_name])
    return {
        "string": _string,
        "boolean": _boolean,
        "timestamp": _timestamp,
        "blob": _blob,
    }[type_name]


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    raise SerializationException(_unexpected(value, "string"))


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise SerializationException(_unexpected(value, "boolean"))


def _integer(type_name: str, smallest: int, largest: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not smallest <= value <= largest:
            raise SerializationException(_unexpected(value, type_name))
        return value

    return convert


def _timestamp(value: Any) -> datetime:
    if type(value) not in (int, float) or not 0 <= value <= _LARGEST_EPOCH:
        raise SerializationException(_unexpected(value, "timestamp"))
    return datetime.fromtimestamp(value, UTC)


def _blob(value: Any) -> bytes:
    if type(value) is not str:
        raise SerializationException(_unexpected(value, "blob"))
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as exc:
        msg = "Invalid base64 in a binary member"
        raise SerializationException(msg) from exc


def _document(value: Any, path: str, violations: list[Violation]) -> dict[str, Any]:
    """Take a free JSON document; it is an object wherever the models use one."""
    if type(value) is not dict:
        raise SerializationException(_not_a_structure(value))
    return value


def _unexpected(value: Any, wanted: str) -> str:
    if type(value) is list:
        return _LIST_FOUND
    if type(value) is dict:
        return _MAP_FOUND
    return f"{_token(value)} can not be converted to {_ARTICLE.get(wanted, 'a ' + wanted.title())}"


def _token(value: Any) -> str:
    if value is True:
        return "TRUE_VALUE"
    if value is False:
        return "FALSE_VALUE"
    return "STRING_VALUE" if type(value) is str else "NUMBER_VALUE"


def _not_a_list(value: Any) -> str:
    return _MAP_FOUND if type(value) is dict else "Expected list or null"


def _not_a_structure(value: Any) -> str:
    return _LIST_FOUND if type(value) is list else "Expected null"


# Constraints


def _constraints(facts: Mapping[str, Any], type_name: str) -> Constraint | None:
    """Compile what a scalar must satisfy; None when anything will do."""
    if type_name in _RANGES:
        return _value_constraints(facts)
    if type_name == "blob":
        return _length_constraints(facts)
    if type_name != "string":
        return None
    if "enum" in facts:
        return _enum_constraint(facts["enum"])
    lengths = _length_constraints(facts)
    if "pattern" not in facts:
        return lengths
    return _pattern_constraint(facts, lengths)


def _value_constraints(facts: Mapping[str, Any]) -> Constraint | None:
    smallest, largest = facts.get("min"), facts.get("max")
    if smallest is None and largest is None:
        return None

    def broken(value: int) -> list[str]:
        if largest is not None and value > largest:
            return [f"Member must have value less than or equal to {largest}"]
        if smallest is not None and value < smallest:
            return [f"Member must have value greater than or equal to {smallest}"]
        return []

    return broken


def _length_constraints(facts: Mapping[str, Any]) -> Constraint | None:
    shortest, longest = facts.get("min") or 0, facts.get("max")
    if not shortest and longest is None:
        return None

    def broken(value: Any) -> list[str]:
        length = len(value)
        if longest is not None and length > longest:
            return [f"Member must have length less than or equal to {longest}"]
        if length < shortest:
            return [f"Member must have length greater than or equal to {shortest}"]
        return []

    return broken


def _enum_constraint(values: Sequence[str]) -> Constraint:
    allowed = frozenset(values)
    text = _enum_text(values)
    return lambda value: [] if value in allowed else [text]


def _enum_text(values: Sequence[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def _pattern_constraint(facts: Mapping[str, Any], lengths: Constraint | None) -> Constraint:
    pattern: str = facts["pattern"]
    longest = facts.get("max")
    text = f"Member must satisfy regular expression pattern: {pattern}"

    def broken(value: str) -> list[str]:
        found = lengths(value) if lengths else []
        # A value that is too long is not matched: some patterns cost more than its length.
        if (longest is None or len(value) <= longest) and not matcher(pattern)(value):
            return [*found, text]
        return found

    return broken


def _stated(facts: Mapping[str, Any], type_name: str) -> Iterator[str]:
    """Name all constraints of a shape, as texts about list items and map entries do."""
    if "enum" in facts:
        yield _enum_text(facts["enum"])
        return
    what = "value" if type_name in _RANGES else "length"
    if facts.get("max") is not None:
        yield f"Member must have {what} less than or equal to {facts['max']}"
    if facts.get("min") is not None:
        yield f"Member must have {what} greater than or equal to {facts['min']}"
    if "pattern" in facts:
        yield f"Member must satisfy regular expression pattern: {facts['pattern']}"
