"""The one pagination: keyset order, and a sealed token that only the same list accepts."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

import orjson
from django.db.models import Model, Q, QuerySet

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
    keep: Callable[[M], bool] | None = None,
) -> Page[M]:
    """Read one page of a queryset.

    Its `order_by` names fields or annotations that are together unique and never null, a leading
    "-" for descending order; `order` replaces it by one column, ties settled by the primary key.
    `scope` is all that the token may be used for: operation, pool, filter. A limit of 0 or None is
    60. Rows that `keep` refuses are passed over, and the page filled from the rows behind them.

    Raises InvalidParameterException for a token that is altered, an hour old or of another list.
    """
    limit = limit or DEFAULT_LIMIT
    if order:
        queryset = queryset.order_by(order, "pk")
    fields = [str(field) for field in queryset.query.order_by]
    after = _opened(token, scope, len(fields)) if token else None
    items: list[M] = []
    while True:
        rows = list(_behind(queryset, fields, after)[: limit + 1])
        for row in rows:
            if keep is not None and not keep(row):
                continue
            if len(items) == limit:
                return Page(items, _sealed(_keys(items[-1], fields), scope))
            items.append(row)
        if len(rows) <= limit:
            return Page(items)
        after = _keys(rows[-1], fields)


def _behind(queryset: QuerySet[M], fields: list[str], after: Keys | None) -> QuerySet[M]:
    """Restrict to the rows behind a key: (a, b) > (x, y), spelled out field by field."""
    if after is None:
        return queryset
    condition = Q()
    equal = Q()
    for field, value in zip(fields, after, strict=True):
        name = field.removeprefix("-")
        beyond = "lt" if field.startswith("-") else "gt"
        condition |= equal & Q(**{f"{name}__{beyond}": value})
        equal &= Q(**{name: value})
    first = fields[0].removeprefix("-")
    # Implied by the rest; an index on the first field can use this form.
    bound = Q(**{f"{first}__{'lte' if fields[0].startswith('-') else 'gte'}": after[0]})
    return queryset.filter(bound, condition)


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
