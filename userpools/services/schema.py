"""A pool's attribute schema: the standard attributes, and custom ones as customers define them."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

from userpools.errors import InvalidParameterException

Definition = dict[str, Any]
CONSTRAINTS = {"String": "StringAttributeConstraints", "Number": "NumberAttributeConstraints"}
LONGEST_NAME = 20
LONGEST_VALUE = 2048
MOST_CUSTOM = 50
MOST_AT_CREATION = 50
# Derived by the server: their definitions cannot be changed.
FIXED = frozenset({"sub", "identities", "email_verified", "phone_number_verified"})


def _standard(
    name: str, data_type: str = "String", *, constraints: dict[str, str] | None = None
) -> Definition:
    definition: Definition = {
        "Name": name,
        "AttributeDataType": data_type,
        "DeveloperOnlyAttribute": False,
        "Mutable": name != "sub",
        "Required": name == "sub",
    }
    if data_type in CONSTRAINTS:
        limits = {"MinLength": "0", "MaxLength": "2048"} if constraints is None else constraints
        definition[CONSTRAINTS[data_type]] = limits
    return definition


# In the order that the live service shows them. Source: recorded answers to DescribeUserPool.
STANDARD: tuple[Definition, ...] = (
    _standard("profile"),
    _standard("address"),
    _standard("birthdate", constraints={"MinLength": "10", "MaxLength": "10"}),
    _standard("gender"),
    _standard("preferred_username"),
    _standard("updated_at", "Number", constraints={"MinValue": "0"}),
    _standard("website"),
    _standard("picture"),
    _standard("identities", constraints={}),
    _standard("sub", constraints={"MinLength": "1", "MaxLength": "2048"}),
    _standard("phone_number"),
    _standard("phone_number_verified", "Boolean"),
    _standard("zoneinfo"),
    _standard("locale"),
    _standard("email"),
    _standard("email_verified", "Boolean"),
    _standard("given_name"),
    _standard("family_name"),
    _standard("middle_name"),
    _standard("name"),
    _standard("nickname"),
)
STANDARD_BY_NAME = {definition["Name"]: definition for definition in STANDARD}


def is_custom(name: str) -> bool:
    """Say whether a full attribute name is a custom or developer-only one."""
    return name.startswith(("custom:", "dev:"))


def custom_names(schema: Iterable[Definition]) -> list[str]:
    """Return the full names of the custom attributes."""
    return [each["Name"] for each in schema if is_custom(each["Name"])]


def new_schema(entries: Sequence[Definition]) -> list[Definition]:
    """Return a new pool's schema: standard attributes as `entries` change them, and custom ones."""
    if len(entries) > MOST_AT_CREATION:
        raise InvalidParameterException(
            f"1 validation error detected: Value at 'schema' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MOST_AT_CREATION}"
        )
    _check_lengths(entries, "schema")
    changes: dict[str, Definition] = {}
    custom: list[Definition] = []
    for entry in entries:
        name = _name(entry)
        if name not in STANDARD_BY_NAME:
            custom.append(entry)
            continue
        if name in changes:
            raise InvalidParameterException(f"{name}: Existing attribute already has name {name}.")
        changes[name] = _changed(name, entry)
    standard = [changes.get(each["Name"], deepcopy(each)) for each in STANDARD]
    return _with_custom(standard, custom)


def with_custom_attributes(
    schema: Sequence[Definition], entries: Sequence[Definition]
) -> list[Definition]:
    """Return the schema with more custom attributes; a name that exists is refused."""
    _check_lengths(entries, "customAttributes")
    return _with_custom(list(schema), entries)


def _with_custom(schema: list[Definition], entries: Sequence[Definition]) -> list[Definition]:
    result = list(schema)
    names = {each["Name"] for each in result}
    for entry in entries:
        definition = _custom(entry)
        name = definition["Name"]
        if name in names:
            raise InvalidParameterException(f"{name}: Existing attribute already has name {name}.")
        names.add(name)
        result.append(definition)
    if len(custom_names(result)) > MOST_CUSTOM:
        raise InvalidParameterException(
            f"A user pool can have at most {MOST_CUSTOM} custom attributes."
        )
    return result


def _check_lengths(entries: Sequence[Definition], member: str) -> None:
    standard = STANDARD_BY_NAME.keys() if member == "schema" else ()
    for number, entry in enumerate(entries, 1):
        name = entry.get("Name") or ""
        if len(name) > LONGEST_NAME and name not in standard:
            raise InvalidParameterException(
                f"1 validation error detected: Value '{name}' at '{member}.{number}.member.name' "
                f"failed to satisfy constraint: Member must have length less than or equal to "
                f"{LONGEST_NAME}"
            )


def _name(entry: Definition) -> str:
    name: str = entry.get("Name") or ""
    if not name:
        raise InvalidParameterException("Attribute name is required in the schema.")
    return name


def _changed(name: str, entry: Definition) -> Definition:
    """Apply a creator's entry to a standard attribute: mutability, requirement and constraints."""
    default = STANDARD_BY_NAME[name]
    data_type = default["AttributeDataType"]
    if entry.get("AttributeDataType", data_type) != data_type or entry.get(
        "DeveloperOnlyAttribute"
    ):
        raise InvalidParameterException(
            "You can not change AttributeDataType or set developerOnlyAttribute for standard "
            f"schema attribute {name}"
        )
    changed = deepcopy(default)
    for member in ("Mutable", "Required"):
        changed[member] = entry.get(member, default[member])
    if data_type in CONSTRAINTS:
        member = CONSTRAINTS[data_type]
        changed[member] = {**default[member], **(entry.get(member) or {})}
        _check_constraints(name, changed)
    if name in FIXED and changed != default:
        raise InvalidParameterException(f"You can not change the standard schema attribute {name}")
    return changed


def _custom(entry: Definition) -> Definition:
    name = _name(entry)
    data_type = entry.get("AttributeDataType")
    if not data_type:
        raise InvalidParameterException(
            "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."
        )
    if entry.get("Required"):
        raise InvalidParameterException("Required custom attributes are not supported currently.")
    developer_only = bool(entry.get("DeveloperOnlyAttribute"))
    definition: Definition = {
        "Name": f"{'dev' if developer_only else 'custom'}:{name}",
        "AttributeDataType": data_type,
        "DeveloperOnlyAttribute": developer_only,
        "Mutable": entry.get("Mutable", True),
        "Required": False,
    }
    if data_type in CONSTRAINTS:
        definition[CONSTRAINTS[data_type]] = dict(entry.get(CONSTRAINTS[data_type]) or {})
        _check_constraints(definition["Name"], definition)
    return definition


def _check_constraints(name: str, definition: Definition) -> None:
    if definition["AttributeDataType"] == "String":
        limits = definition["StringAttributeConstraints"]
        low = _bound(name, limits, "StringAttributeConstraints.MinLength", smallest=0)
        high = _bound(name, limits, "StringAttributeConstraints.MaxLength", smallest=0)
        if max(low or 0, high or 0) > LONGEST_VALUE:
            raise InvalidParameterException(
                f"user.{name}: String attributes cannot have a length of more than {LONGEST_VALUE}"
            )
        what = "length"
    else:
        limits = definition["NumberAttributeConstraints"]
        low = _bound(name, limits, "NumberAttributeConstraints.MinValue")
        high = _bound(name, limits, "NumberAttributeConstraints.MaxValue")
        what = "value"
    if low is not None and high is not None and low > high:
        raise InvalidParameterException(f"user.{name}: Max {what} cannot be less than min {what}.")


def _bound(
    name: str, limits: dict[str, str], path: str, *, smallest: int | None = None
) -> int | None:
    text = limits.get(path.partition(".")[2])
    if text is None:
        return None
    # Ours: 309 digits hold 2^1023, the largest number that the documentation allows.
    if len(text) <= 310 and text.isascii() and text.removeprefix("-").isdigit():  # noqa: PLR2004
        bound = int(text)
        if (smallest is None or bound >= smallest) and bound <= 2**1023:
            return bound
    raise InvalidParameterException(f"Invalid {path} for schema attribute {name}")
