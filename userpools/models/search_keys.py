"""Columns that the directory is searched by: compared by code point in every database.

What an attribute is sought by is folded here, once, when it is written. A database's own upper()
would answer differently in each: SQLite's knows ASCII alone, PostgreSQL's follows the locale.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from userpools import ids

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

# An entry of a PostgreSQL index holds 2,704 bytes. Values have 2,048, which folding may triple.
LONGEST_KEY_BYTES = 2500
SURROGATES = range(0xD800, 0xE000)


def search_key(value: str) -> str:
    """Return what stands for an attribute's value in searches: two values with one key are equal.

    The form in which user names are equal in pools that ignore case, cut to LONGEST_KEY_BYTES.
    """
    if value.isascii():
        return value.lower()[:LONGEST_KEY_BYTES]
    key = ids.canonical_key(value, case_sensitive=False)
    return key.encode()[:LONGEST_KEY_BYTES].decode(errors="ignore")


def beginning_with(column: str, prefix: str) -> Q:
    """Select the rows whose column begins with this text.

    A range and not LIKE, which takes an index only where the planner knows the pattern.
    """
    return Q(**{f"{column}__gte": prefix}) & before_end_of(column, prefix)


def before_end_of(column: str, prefix: str) -> Q:
    """Select the rows whose column has a text, up to the last that begins with this one."""
    end = _behind(prefix)
    # Either tells the planner that indexes without the rows that have no text will do.
    return Q(**{f"{column}__lt": end}) if end else Q(**{f"{column}__isnull": False})


def _behind(prefix: str) -> str:
    """Return the least text behind all that begin with the prefix; "" where there is none."""
    head = prefix.rstrip(chr(sys.maxunicode))
    if not head:
        return ""
    code = ord(head[-1]) + 1
    return head[:-1] + chr(SURROGATES.stop if code in SURROGATES else code)


class CodePointOrder(models.Field):
    """A text column that PostgreSQL, too, compares and sorts by code point, whatever its locale."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Ask PostgreSQL for its collation of bytes; SQLite compares bytes unasked."""
        parameters: Any = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


class NameField(CodePointOrder, models.CharField):
    """A name of limited length."""


class SearchKeyField(CodePointOrder, models.TextField):
    """The search key of one of the model's `attributes`, made anew at each write of the row."""

    def __init__(self, attribute: str, **options: Any) -> None:
        super().__init__(**{"null": True, "editable": False, **options})
        self.attribute = attribute

    def deconstruct(self) -> Any:
        """Say how to make the field again."""
        name, path, arguments, options = super().deconstruct()
        return name, path, [self.attribute, *arguments], options

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        """Make the key from the attribute's value; None without one."""
        attributes: dict[str, str] = model_instance.attributes  # type: ignore[attr-defined]
        value = attributes.get(self.attribute)
        key = search_key(value) if value else None
        setattr(model_instance, self.attname, key)
        return key
