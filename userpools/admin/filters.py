"""Filters of lists that ask no query for their choices: fixed values, and text compared whole."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter


class ValuesFilter(DropdownFilter):
    """One of some fixed values of the column `parameter_name`."""

    values: ClassVar[tuple[str, ...]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the values."""
        return [(value, value) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep rows with the chosen value."""
        return _equal(queryset, self.parameter_name, self.value())


class ExactFilter(TextFilter):
    """A text that the column `parameter_name` has to equal."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep rows with the text."""
        return _equal(queryset, self.parameter_name, self.value())


class PoolIdFilter(ExactFilter):
    """By pool id, of rows that outlive their pool."""

    title = "pool id"
    parameter_name = "pool_id"


class ClientIdFilter(ExactFilter):
    """By client id."""

    title = "client id"
    parameter_name = "client_id"


class ActionFilter(ExactFilter):
    """By act."""

    title = "act"
    parameter_name = "action"


def _equal(rows: QuerySet[Any], column: str | None, value: str | None) -> QuerySet[Any]:
    wanted = (value or "").strip().replace("\x00", "")
    return rows.filter(**{str(column): wanted}) if wanted else rows
