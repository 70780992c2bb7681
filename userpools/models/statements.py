"""Statements of the hot paths: the ORM builds their SQL once, and then it is only run.

Building a query costs Django several times what running it does (a session with its user: 1.9 ms
against 0.25 ms). What is kept is SQL derived from the models, so that a changed model changes it;
what comes back are ordinary instances. Signals are not sent, and `save` is not called.

On PostgreSQL these statements, and no others, are prepared on the server after a few runs, which
halves the database's work; not where DATABASE_PREPARE is off, as behind a pooler that hands
connections out by transaction.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import (
    BooleanField,
    CharField,
    Expression,
    Field,
    IntegerField,
    Model,
    QuerySet,
    TextField,
)
from django.db.models.query import get_related_populators
from django.db.models.sql import InsertQuery, UpdateQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

M = TypeVar("M", bound=Model)

# Autovacuum looks at a table once a minute; until then the planner may be as wrong as before.
REPLAN_AFTER = 10.0

PLAIN_COLUMNS = (CharField, TextField, IntegerField, BooleanField)
PLAIN_TYPES = frozenset({str, int, bool})


class Slot(Expression):
    """The place of a value that is known when the statement runs."""

    def __init__(self, position: int, column: Field[Any, Any]) -> None:
        super().__init__(output_field=column)
        self.position = position
        self.column = column
        self.is_plain = isinstance(getattr(column, "target_field", column), PLAIN_COLUMNS)

    def prepared(self, value: Any, db: BaseDatabaseWrapper) -> Any:
        """Return a value in the database's form; text, numbers and booleans have it already."""
        if self.is_plain and type(value) in PLAIN_TYPES:
            return value
        return self.column.get_db_prep_save(value, db)

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """Write a placeholder, whose parameter is the slot itself."""
        return "%s", [self]


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL for one kind of database, and its parameters in order: slots, and fixed values."""

    vendor: str
    sql: str
    parameters: tuple[Any, ...]
    # How a row becomes an instance; None for a statement without rows.
    rows: Rows | None = None

    def bind(self, values: Sequence[Any], db: BaseDatabaseWrapper) -> list[Any]:
        """Return the parameters with each slot's value in the database's form."""
        return [
            one.prepared(values[one.position], db) if type(one) is Slot else one
            for one in self.parameters
        ]


@dataclass(frozen=True, slots=True)
class Rows:
    """The recipe of an instance and of what select_related fetches with it."""

    model: type[Model]
    names: list[str]
    start: int
    end: int
    converters: list[tuple[int, Any, Any]]
    populators: list[Any]

    def instance(self, row: tuple[Any, ...], db: BaseDatabaseWrapper) -> Any:
        """Make the instance of a row."""
        values = list(row)
        for position, functions, expression in self.converters:
            for function in functions:
                values[position] = function(values[position], expression, db)
        made = self.model.from_db(db.alias, self.names, values[self.start : self.end])
        for populator in self.populators:
            populator.populate(values, made)
        return made


class _Planned(threading.local):
    """Which connection of a thread planned its prepared statements, and when."""

    connection: Any = None
    at = 0.0


_planned = _Planned()


def cursor_of(db: Any) -> Any:
    """Open a cursor: on PostgreSQL one that binds on the server, as preparing needs it."""
    if db.vendor == "postgresql":
        db.ensure_connection()
        if db.connection.prepare_threshold is not None:
            _refresh_plans(db.connection)
            cursor: Any = ServerBindingCursor
            return db._prepare_cursor(cursor(db.connection))
    return db.cursor()


def _refresh_plans(connection: Any) -> None:
    """Have plans made anew now and then: one made for an almost empty table reads all of it."""
    now = time.monotonic()
    if _planned.connection is not connection:
        _planned.connection, _planned.at = connection, now
    elif now - _planned.at > REPLAN_AFTER:
        _planned.at = now
        connection.execute("DISCARD PLANS")


class Statement(ABC):
    """SQL that is compiled at its first run. Threads that meet there compile the same."""

    def __init__(self) -> None:
        self._kept: Compiled | None = None

    @abstractmethod
    def compile(self, db: BaseDatabaseWrapper) -> Compiled:
        """Have the ORM build the SQL."""

    def _prepare(self) -> tuple[Any, Compiled]:
        db = connections[DEFAULT_DB_ALIAS]
        compiled = self._kept
        if compiled is None or compiled.vendor != db.vendor:
            compiled = self._kept = self.compile(db)
        return db, compiled


class Select(Statement, Generic[M]):
    """A SELECT by equality of columns that name one row at most, such as a unique key's.

    `base` makes the queryset (select_related, defer, select_for_update, fixed conditions); `first`
    takes the values of `where` in the same order.
    """

    def __init__(self, base: Callable[[], QuerySet[M]], *where: str) -> None:
        super().__init__()
        self._base = base
        self._where = where

    def first(self, *values: Any) -> M | None:
        """Return the row whose columns have these values, or None."""
        db, compiled = self._prepare()
        with cursor_of(db) as cursor:
            cursor.execute(compiled.sql, compiled.bind(values, db))
            row = cursor.fetchone()
        if row is None or compiled.rows is None:
            return None
        made: M = compiled.rows.instance(row, db)
        return made

    def compile(self, db: BaseDatabaseWrapper) -> Compiled:
        """Build the SELECT and the recipe of its instances."""
        query = _where(self._base(), self._where, first_slot=0).query
        query.clear_ordering(force=True)
        compiler: Any = query.get_compiler(connection=db)
        sql, parameters = compiler.as_sql()
        info, select = compiler.klass_info, compiler.select
        start, end = info["select_fields"][0], info["select_fields"][-1] + 1
        populators: Any = get_related_populators
        converters = compiler.get_converters([column[0] for column in select])
        rows = Rows(
            model=info["model"],
            names=[column[0].target.attname for column in select[start:end]],
            start=start,
            end=end,
            converters=[(at, functions, column) for at, (functions, column) in converters.items()],
            populators=populators(info, select, db.alias),
        )
        return Compiled(db.vendor, sql, tuple(parameters), rows)


class Insert(Statement, Generic[M]):
    """The INSERT of one instance of a model; a key that the database makes is read back."""

    def __init__(self, model: type[M]) -> None:
        super().__init__()
        self._model = model
        meta = model._meta
        self._returning = list(meta.db_returning_fields)
        self._columns = [one for one in meta.concrete_fields if one not in self._returning]

    def run(self, row: M) -> None:
        """Write a new row; IntegrityError as `save(force_insert=True)` would raise it."""
        db, compiled = self._prepare()
        values = [column.pre_save(row, add=True) for column in self._columns]
        with cursor_of(db) as cursor:
            cursor.execute(compiled.sql, compiled.bind(values, db))
            made = cursor.fetchone() if self._returning else ()
        for column, value in zip(self._returning, made, strict=True):
            setattr(row, column.attname, value)
        row._state.adding = False
        row._state.db = db.alias

    def compile(self, db: BaseDatabaseWrapper) -> Compiled:
        """Build the INSERT of a row of slots."""
        row = self._model()
        for position, column in enumerate(self._columns):
            row.__dict__[column.attname] = Slot(position, column)
        query = InsertQuery(self._model)
        query.insert_values(self._columns, [row])
        compiler: Any = query.get_compiler(connection=db)
        compiler.returning_fields = self._returning
        ((sql, parameters),) = compiler.as_sql()
        return Compiled(db.vendor, sql, tuple(parameters))


class Update(Statement, Generic[M]):
    """An UPDATE by equality of columns.

    `fixed` has the columns that always get the same value; `run` takes the values of `columns`,
    then those of `where`. `base` may have fixed conditions.
    """

    def __init__(
        self,
        base: Callable[[], QuerySet[M]],
        *,
        where: Sequence[str],
        columns: Sequence[str] = (),
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._base = base
        self._where = where
        self._columns = columns
        self._fixed = dict(fixed or {})

    def run(self, *values: Any) -> int:
        """Change the rows and return how many they were."""
        db, compiled = self._prepare()
        with cursor_of(db) as cursor:
            cursor.execute(compiled.sql, compiled.bind(values, db))
            return int(cursor.rowcount)

    def compile(self, db: BaseDatabaseWrapper) -> Compiled:
        """Build the UPDATE."""
        found = _where(self._base(), self._where, first_slot=len(self._columns))
        query: Any = found.query.chain(UpdateQuery)
        query.clear_ordering(force=True)
        meta = found.model._meta
        slots = {
            name: Slot(position, _column(meta, name)) for position, name in enumerate(self._columns)
        }
        query.add_update_values({**slots, **self._fixed})
        sql, parameters = query.get_compiler(connection=db).as_sql()
        return Compiled(db.vendor, sql, tuple(parameters))


def _column(meta: Any, name: str) -> Field[Any, Any]:
    column: Field[Any, Any] = meta.get_field(name)
    return column


def _where(found: QuerySet[M], names: Sequence[str], *, first_slot: int) -> QuerySet[M]:
    # One filter for each, as filter() sorts the names of one call.
    for position, name in enumerate(names, first_slot):
        found = found.filter(**{name: Slot(position, _column(found.model._meta, name))})
    return found
