"""Limits of form fields, as the service model states them; nobody types them a second time."""

from typing import Any

from django import forms
from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinLengthValidator,
    MinValueValidator,
)

from userpools.admin import fields
from userpools.awsjson import overrides
from userpools.services.attributes import MAX_BYTES

SERVICE = "cognito-idp"
# Where a help text names the limits itself; elsewhere they stand before it.
MARK = "{limits}"
# A JSON integer of the service, where the model sets no limit of its own.
SMALLEST, LARGEST = -(2**31), 2**31 - 1
# Shapes whose length nobody counts.
SELF_EVIDENT = frozenset({"ArnType"})
# A length that no browser and no person minds.
WORTH_SAYING = 100_000


def shape_at(shape: Any, path: str) -> Any:
    """Return the shape of a member at a dotted path; None when the structure has none."""
    for name in path.split("."):
        shape = getattr(shape, "members", {}).get(name)
        if shape is None:
            return None
    return shape


def apply(field: forms.Field, shape: Any) -> None:
    """Hold a field to the limits of a member, and say them in its help."""
    facts = overrides.constraints(SERVICE, shape.name, shape.metadata)
    low, high = facts.get("min"), facts.get("max")
    if isinstance(field, forms.IntegerField):
        _bound(field, SMALLEST if low is None else low, LARGEST if high is None else high)
        _say(field, fields.range_text(low, high))
    elif shape.type_name in {"list", "map"}:
        # More than there are to choose from is no limit.
        if len(getattr(field, "choices", ())) > (high or 0) or not hasattr(field, "choices"):
            _say(field, fields.range_text(None, high, "of them"))
    elif isinstance(field, forms.CharField) and shape.type_name == "string":
        _bound_length(field, low or 0, high)
        if high is not None and high < WORTH_SAYING and shape.name not in SELF_EVIDENT:
            _say(field, fields.range_text(low or None, high, "characters"))


def _bound(field: forms.IntegerField, low: int, high: int) -> None:
    field.min_value, field.max_value = low, high
    field.validators += [MinValueValidator(low), MaxValueValidator(high)]
    field.widget.attrs.update(field.widget_attrs(field.widget))


def _bound_length(field: forms.CharField, low: int, high: int | None) -> None:
    field.min_length, field.max_length = low, high
    if low:
        field.validators.append(MinLengthValidator(low))
    if high is not None:
        field.validators.append(MaxLengthValidator(high))
    field.widget.attrs.update(field.widget_attrs(field.widget))


def _say(field: forms.Field, limits: str) -> None:
    if not limits:
        return
    if MARK in field.help_text:
        field.help_text = field.help_text.replace(MARK, limits.removesuffix("."))
    else:
        field.help_text = f"{limits} {field.help_text}".strip()


# What bounds an attribute of a schema, by its type: the member, its two ends, and their unit.
BOUNDS = {
    "String": ("StringAttributeConstraints", "MinLength", "MaxLength", "characters"),
    "Number": ("NumberAttributeConstraints", "MinValue", "MaxValue", ""),
}


def of_attribute(definition: dict[str, Any]) -> str:
    """Return what an attribute's values must be, in words; nothing where all will do."""
    member, low, high, unit = BOUNDS.get(definition["AttributeDataType"], ("", "", "", ""))
    bounds = definition.get(member) or {}
    least = None if unit and bounds.get(low) == "0" else bounds.get(low)
    most = None if bounds.get(high) == str(MAX_BYTES) else bounds.get(high)
    return fields.range_text(least, most, unit)
