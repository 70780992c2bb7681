"""The one pagination: keyset order, and a sealed token that only the same list accepts."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

import orjson
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThanOrEqual, TupleLessThanOrEqual

from userpools import sealing
from userpools.errors import InvalidParameterException
from userpools.sealing import Purpose

M = TypeVar("M", bound=Model)

DEFAULT_LIMIT = 60
TOKEN_LIFETIME_SECONDS = 3600
INVALID_TOKEN = "Invalid pagination token given."  # noqa: S105

Keys = list[Any]


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows of one page; `token` leads to the next and is empty on the last."""

    items: list[M]
    token: str = ""

    def __iter__(self) -> Iterator[M]:
        """Iterate over the rows."""
        return iter(self.items)

    def next_token(self, name: str = "NextToken") -> dict[str, str]:
        """Return the output member that carries the token; nothing on the last page."""
        return {name: self.token} if self.token else {}


def paginate(
    queryset: QuerySet[M],
    *,
    limit: int | None,
    token: str | None,
    scope: str,
    order: str = "",
    start: Keys | None = None,
    keep: Callable[[M], bool] | None = None,
) -> Page[M]:
    """Read one page of a queryset.

    Its `order_by` names fields or annotations that are together unique and never null, all of them
    or none with the leading "-" of descending order; `order` replaces it by one column, ties
    settled by the primary key. `start` is the key before which nothing is wanted. `scope` is all
    that the token may be used for: operation, pool, filter. A limit of 0 or None is 60. Rows that
    `keep` refuses are passed over, and the page filled from the rows behind them.

    Raises InvalidParameterException for a token that is altered, an hour old or of another list.
    """
    limit = limit or DEFAULT_LIMIT
    if order:
        queryset = queryset.order_by(order, "-pk" if order.startswith("-") else "pk")
    fields = [str(field) for field in queryset.query.order_by]
    after = _opened(token, scope, len(fields)) if token else None
    items: list[M] = []
    while True:
        rows = _rows(queryset, fields, start=start, after=after, count=limit + 1)
        for row in rows:
            if keep is not None and not keep(row):
                continue
            if len(items) == limit:
                return Page(items, _sealed(_keys(items[-1], fields), scope))
            items.append(row)
        if len(rows) <= limit:
            return Page(items)
        after = _keys(rows[-1], fields)


def _rows(
    queryset: QuerySet[M], fields: list[str], *, start: Keys | None, after: Keys | None, count: int
) -> list[M]:
    """Read so many rows behind a key, or from the start."""
    if after is None:
        return list((queryset if start is None else _from(queryset, fields, start))[:count])
    # The row of the key itself is read again and left out, where it still is: the planner takes
    # "greater" for a comparison of the first fields, and would expect nothing behind a pair whose
    # first half is the greatest of all.
    rows = list(_from(queryset, fields, after)[: count + 1])
    if rows and _keys(rows[0], fields) == after:
        del rows[0]
    return rows[:count]


def _from(queryset: QuerySet[M], fields: list[str], keys: Keys) -> QuerySet[M]:
    """Restrict to the rows from a key on.

    Several fields are compared as one row, which an index on them starts at; spelled out field by
    field, the database would read all rows that share the first field's value.
    """
    descends = fields[0].startswith("-")
    names = [field.removeprefix("-") for field in fields]
    if len(names) == 1:
        return queryset.filter(**{f"{names[0]}__{'lte' if descends else 'gte'}": keys[0]})
    compare: Any = TupleLessThanOrEqual if descends else TupleGreaterThanOrEqual
    return queryset.filter(compare(tuple(F(name) for name in names), tuple(keys)))


def _keys(row: M, fields: list[str]) -> Keys:
    names = (field.removeprefix("-").replace("__", ".") for field in fields)
    return [_plain(attrgetter(name)(row)) for name in names]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def _sealed(keys: Keys, scope: str) -> str:
    expires_epoch = int(time.time()) + TOKEN_LIFETIME_SECONDS
    return sealing.seal_token(
        Purpose.PAGING_TOKEN, orjson.dumps([expires_epoch, *keys]), context=scope
    )


def _opened(token: str, scope: str, count: int) -> Keys:
    try:
        expires_epoch, *keys = orjson.loads(
            sealing.unseal_token(Purpose.PAGING_TOKEN, token, context=scope)
        )
    except sealing.Broken as exc:
        raise InvalidParameterException(INVALID_TOKEN) from exc
    if expires_epoch < time.time() or len(keys) != count:
        raise InvalidParameterException(INVALID_TOKEN)
    return keys
