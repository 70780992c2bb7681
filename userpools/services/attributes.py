"""Who may write which attribute, and what a value must look like: one place for every door."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.models import AppClient, UserPool

Attributes = dict[str, str]
MAX_BYTES = 2048
VERIFIED_FLAGS = {"email": "email_verified", "phone_number": "phone_number_verified"}
# Nobody writes these: the server derives them.
RESERVED = frozenset({"sub", "identities"})
SCHEMA_ERROR = "Attributes did not conform to the schema: "

EMAIL = re.compile(
    r"[^\s@\x00-\x1f<>()\[\]\\,;:\"]+@[^\s@\x00-\x1f<>()\[\]\\,;:\"]+\.[^\s@.\x00-\x1f<>()\[\]\\,;:\"]+"
)
PHONE = re.compile(r"\+[1-9][0-9]{1,14}")


class Writer(Enum):
    """On whose behalf an attribute is written."""

    CLIENT = "client"  # a user, or somebody signing up, through an app client
    ADMIN = "admin"  # a signed call, the console, a command


def from_wire(attributes: Iterable[Mapping[str, str]] | None) -> Attributes:
    """Turn a list of Name and Value into a dictionary; a missing value is an empty one."""
    return {item["Name"]: item.get("Value") or "" for item in attributes or ()}


def to_wire(attributes: Attributes) -> list[dict[str, str]]:
    """Turn a dictionary into a list of Name and Value."""
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def removals(names: Iterable[str]) -> Attributes:
    """Return the changes that remove attributes. Source: API reference, UpdateUserAttributes."""
    return dict.fromkeys(names, "")


def check_writes(
    pool: UserPool,
    attributes: Attributes,
    *,
    writer: Writer,
    client: AppClient | None = None,
    creating: bool = False,
) -> None:
    """Check names, permissions and values of attributes about to be written.

    Raises NotAuthorizedException where the client may not write one, InvalidParameterException for
    every breach of the schema. An empty value, which removes the attribute, is not checked further.
    """
    if writer is Writer.CLIENT and client is not None:
        _check_permissions(attributes, client)
    problems = []
    for name, value in attributes.items():
        definition = pool.schema_by_name.get(name)
        problem = _name_problem(name, definition, writer=writer, creating=creating)
        if problem is None and not value and not creating:
            problem = _removal_problem(pool, name, definition or {})
        if problem is None and value and definition is not None:
            problem = _value_problem(name, value, definition)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise InvalidParameterException(problems[0] if len(problems) == 1 else _joined(problems))
    _check_contacts(attributes)
    _check_preferred_username(pool, attributes)


def _joined(problems: list[str]) -> str:
    prefix = SCHEMA_ERROR
    return prefix + "".join(problem.removeprefix(prefix) for problem in problems)


def _check_permissions(attributes: Attributes, client: AppClient) -> None:
    for name in attributes:
        if name in VERIFIED_FLAGS.values() or (
            name in client.pool.schema_by_name and name not in client.writable_attributes
        ):
            raise NotAuthorizedException("A client attempted to write unauthorized attribute")


def _name_problem(
    name: str, definition: Mapping[str, Any] | None, *, writer: Writer, creating: bool
) -> str | None:
    if name in RESERVED or name.startswith("cognito:"):
        return f"user.{name}: Attribute cannot be updated.\n"
    if definition is None:
        if ":" in name:
            return f"{SCHEMA_ERROR}{name}: Attribute does not exist in the schema.\n"
        return f"{SCHEMA_ERROR}Type for attribute {{{name}}} could not be determined"
    if definition.get("DeveloperOnlyAttribute") and writer is Writer.CLIENT:
        raise NotAuthorizedException("A client attempted to write unauthorized attribute")
    if not definition.get("Mutable", True) and not creating:
        return f"user.{name}: Attribute cannot be updated.\n"
    return None


def _removal_problem(pool: UserPool, name: str, definition: Mapping[str, Any]) -> str | None:
    if definition.get("Required") or name in pool.username_attributes:
        return f"{SCHEMA_ERROR}{name}: The attribute is required\n"
    return None


def _value_problem(name: str, value: str, definition: Mapping[str, Any]) -> str | None:
    if len(value.encode()) > MAX_BYTES:
        return f"{SCHEMA_ERROR}{name}: String must be no longer than {MAX_BYTES} characters\n"
    problem = CHECKS[definition.get("AttributeDataType", "String")](value, definition)
    return f"{SCHEMA_ERROR}{name}: {problem}\n" if problem else None


def _string_problem(value: str, definition: Mapping[str, Any]) -> str | None:
    limits = definition.get("StringAttributeConstraints") or {}
    if len(value) > int(limits.get("MaxLength") or MAX_BYTES):
        return f"String must be no longer than {limits['MaxLength']} characters"
    if len(value) < int(limits.get("MinLength") or 0):
        return f"String must be no shorter than {limits['MinLength']} characters"
    return None


def _number_problem(value: str, definition: Mapping[str, Any]) -> str | None:
    limits = definition.get("NumberAttributeConstraints") or {}
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "Attribute is not a number"
    if not number.is_finite() or not re.fullmatch(r"-?[0-9.]+", value):
        return "Attribute is not a number"
    if limits.get("MinValue") and number < Decimal(limits["MinValue"]):
        return f"Number must be no less than {limits['MinValue']}"
    if limits.get("MaxValue") and number > Decimal(limits["MaxValue"]):
        return f"Number must be no greater than {limits['MaxValue']}"
    return None


def _boolean_problem(value: str, _definition: Mapping[str, Any]) -> str | None:
    return None if value.lower() in {"true", "false"} else "Attribute is not a boolean"


def _datetime_problem(value: str, _definition: Mapping[str, Any]) -> str | None:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            parse(value)
        except ValueError:
            continue
        return None
    return "Attribute is not a date"


CHECKS = {
    "String": _string_problem,
    "Number": _number_problem,
    "Boolean": _boolean_problem,
    "DateTime": _datetime_problem,
}


def is_email(value: str) -> bool:
    """Say whether a value has the form of an e-mail address, without invisible characters.

    These are the characters that no Username may have either: nobody could sign in with them, and
    addresses that differ by them alone look the same.
    """
    return value.isprintable() and bool(EMAIL.fullmatch(value))


def is_phone(value: str) -> bool:
    """Say whether a value has the form of a phone number: `+` and digits (E.164)."""
    return bool(PHONE.fullmatch(value))


def _check_contacts(attributes: Attributes) -> None:
    if attributes.get("email") and not is_email(attributes["email"]):
        raise InvalidParameterException("Invalid email address format.")
    if attributes.get("phone_number") and not is_phone(attributes["phone_number"]):
        raise InvalidParameterException("Invalid phone number format.")


def _check_preferred_username(pool: UserPool, attributes: Attributes) -> None:
    """Keep an alias that nobody verifies from passing for a contact, or for another alias."""
    name = attributes.get("preferred_username")
    aliases = pool.alias_attributes
    if not name or "preferred_username" not in aliases:
        return
    for contact, words, has_form in (
        ("email", "email", is_email),
        ("phone_number", "phone number", is_phone),
    ):
        if contact in aliases and has_form(name):
            raise InvalidParameterException(
                f"preferred_username cannot be of {words} format, since user pool is configured"
                f" for {words} alias."
            )
    if not name.isprintable() or " " in name:
        raise InvalidParameterException(
            f"{SCHEMA_ERROR}preferred_username: "
            "An alias cannot have spaces or invisible characters.\n"
        )


def missing_required(pool: UserPool, attributes: Mapping[str, str]) -> list[str]:
    """Return the required attributes that have no value, `sub` aside."""
    return [
        name
        for name, definition in pool.schema_by_name.items()
        if definition.get("Required") and name != "sub" and not attributes.get(name)
    ]


def check_required(pool: UserPool, attributes: Mapping[str, str]) -> None:
    """Raise InvalidParameterException with a line for each required attribute without a value."""
    missing = missing_required(pool, attributes)
    if missing:
        # A missing name is reported under the path that the directory keeps it at.
        paths = ["name.formatted" if name == "name" else name for name in missing]
        lines = (
            f"{path}: The attribute {path} is required\n"
            if path == "name.formatted"
            else f"{path}: The attribute is required\n"
            for path in paths
        )
        raise InvalidParameterException(SCHEMA_ERROR + "".join(lines))


def merged(present: Mapping[str, str], changes: Attributes) -> Attributes:
    """Return the attributes after the changes; a changed contact loses its verified flag.

    A flag that the changes themselves set is kept; an empty value removes its attribute.
    """
    result = dict(present)
    for contact, flag in VERIFIED_FLAGS.items():
        if contact in changes and changes[contact] != present.get(contact):
            result.pop(flag, None)
            if changes[contact] and flag not in changes:
                result[flag] = "false"
    result.update({name: _stored(name, value) for name, value in changes.items()})
    for contact, flag in VERIFIED_FLAGS.items():
        if not result.get(contact):
            result.pop(flag, None)
    return {name: value for name, value in result.items() if value != ""}


def _stored(name: str, value: str) -> str:
    return value.lower() if name in VERIFIED_FLAGS.values() else value
