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
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Expression,
    Field,
    IntegerField,
    Model,
    QuerySet,
    TextField,
    UUIDField,
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
# What PostgreSQL's driver takes as it is.
NATIVE_COLUMNS = (UUIDField, DateTimeField)
NATIVE_TYPES = frozenset({UUID, datetime})


def types_as_they_are(column: Field[Any, Any], vendor: str) -> frozenset[type]:
    """Return the types whose values have the database's form already, as nothing at all has."""
    target = getattr(column, "target_field", column)
    native = vendor == "postgresql" and isinstance(target, NATIVE_COLUMNS)
    types = NATIVE_TYPES if native else frozenset()
    if isinstance(target, PLAIN_COLUMNS):
        types = PLAIN_TYPES
    return types | {type(None)}


class Slot(Expression):
    """The place of a value that is known when the statement runs."""

    def __init__(self, position: int, column: Field[Any, Any]) -> None:
        super().__init__(output_field=column)
        self.position = position
        self.column = column
        self.as_they_are: frozenset[type] = frozenset()

    def prepared(self, value: Any, db: BaseDatabaseWrapper) -> Any:
        """Return a value in the database's form."""
        if type(value) in self.as_they_are:
            return value
        return self.column.get_db_prep_save(value, db)

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """Write a placeholder, whose parameter is the slot itself."""
        self.as_they_are = types_as_they_are(self.column, connection.vendor)
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
        bound = []
        for one in self.parameters:
            if type(one) is Slot:
                value = values[one.position]
                bound.append(value if type(value) in one.as_they_are else one.prepared(value, db))
            else:
                bound.append(one)
        return bound


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

    def bind(self, compiled: Compiled, values: Sequence[Any], db: BaseDatabaseWrapper) -> list[Any]:
        """Return the parameters of a run with these values."""
        return compiled.bind(values, db)

    def prepare(self) -> tuple[Any, Compiled]:
        """Return the connection and the SQL for it."""
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
        db, compiled = self.prepare()
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
        # A column with a default of the database's and one of the model's gets the row's value.
        self._returning = [one for one in meta.db_returning_fields if not one.has_default()]
        self._columns = [one for one in meta.concrete_fields if one not in self._returning]
        self._names = [column.attname for column in self._columns]
        # Where `pre_save` does more than to read the row.
        self._computed = [
            (position, column)
            for position, column in enumerate(self._columns)
            if not _is_only_read(column)
        ]

    def run(self, row: M) -> None:
        """Write a new row; IntegrityError as `save(force_insert=True)` would raise it."""
        db, compiled = self.prepare()
        with cursor_of(db) as cursor:
            cursor.execute(compiled.sql, self.bind(compiled, (row,), db))
            self.wrote(row, cursor.fetchone() if self._returning else (), db)

    def bind(self, compiled: Compiled, values: Sequence[Any], db: BaseDatabaseWrapper) -> list[Any]:
        """Take the parameters from the row's columns."""
        (row,) = values
        columns = [getattr(row, name) for name in self._names]
        for position, column in self._computed:
            columns[position] = column.pre_save(row, add=True)
        return compiled.bind(columns, db)

    def wrote(self, row: M, made: Sequence[Any], db: BaseDatabaseWrapper) -> None:
        """Give the row the keys that the database made, and mark it as written."""
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
        # Raw: what a column makes before a save, it makes in `bind`.
        query.insert_values(self._columns, [row], raw=True)
        compiler: Any = query.get_compiler(connection=db)
        compiler.returning_fields = self._returning
        ((sql, parameters),) = compiler.as_sql()
        return Compiled(db.vendor, sql, tuple(parameters))


class Update(Statement, Generic[M]):
    """An UPDATE by equality of columns, or by another lookup that a name in `where` ends with.

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
        db, compiled = self.prepare()
        with cursor_of(db) as cursor:
            cursor.execute(compiled.sql, self.bind(compiled, values, db))
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


class Together:
    """An UPDATE of one row at most, or an INSERT, and INSERTs that go with it: all or nothing.

    Where the UPDATE finds no row, nothing is inserted. On PostgreSQL this is one statement, and so
    one trip in place of BEGIN, the statements and COMMIT; elsewhere it is a transaction. Only the
    first one's key is read back.
    """

    def __init__(self, first: Insert[Any] | Update[Any], *others: Insert[Any]) -> None:
        self._first = first
        self._others = others
        self._joined = ""

    def run(self, first: Sequence[Any], *rows: Model) -> bool:
        """Run with the first one's values and the others' rows; False where nothing was written.

        IntegrityError for whichever key is taken.
        """
        db = connections[DEFAULT_DB_ALIAS]
        run = self._run_as_one if db.vendor == "postgresql" else self._run_in_turn
        if not db.in_atomic_block and db.vendor == "postgresql":
            return run(first, rows)
        # Its savepoint lets a caller's transaction go on after an IntegrityError.
        with transaction.atomic():
            return run(first, rows)

    def _run_in_turn(self, first: Sequence[Any], rows: Sequence[Model]) -> bool:
        if isinstance(self._first, Insert):
            self._first.run(*first)
        elif not self._first.run(*first):
            return False
        for statement, row in zip(self._others, rows, strict=True):
            statement.run(row)
        return True

    def _run_as_one(self, first: Sequence[Any], rows: Sequence[Model]) -> bool:
        db, compiled = self._first.prepare()
        parameters = self._first.bind(compiled, first, db)
        joined = [compiled.sql]
        for statement, row in zip(self._others, rows, strict=True):
            _, other = statement.prepare()
            parameters += statement.bind(other, (row,), db)
            joined.append(other.sql)
        if not self._joined:
            self._joined = _joined(*joined)
        with cursor_of(db) as cursor:
            cursor.execute(self._joined, parameters)
            made = cursor.fetchone()
        if made is None:
            return False
        if isinstance(self._first, Insert):
            self._first.wrote(first[0], made, db)
        for row in rows:
            row._state.adding = False
            row._state.db = db.alias
        return True


def _joined(first: str, *others: str) -> str:
    """Make one statement of an UPDATE or INSERT and of INSERTs that depend on its row."""
    returning = "" if " RETURNING " in first else " RETURNING 1"
    parts = [f"first AS ({first}{returning})"]
    for number, sql in enumerate(others):
        into, _, rest = sql.partition(" VALUES (")
        # One row of placeholders, with or without a RETURNING behind it.
        values = rest[: rest.rindex(")")]
        parts.append(f"other{number} AS ({into} SELECT {values} FROM first)")  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT * FROM first"  # noqa: S608


def _is_only_read(column: Field[Any, Any]) -> bool:
    if isinstance(column, DateTimeField):
        return not (column.auto_now or column.auto_now_add)
    return type(column).pre_save is Field.pre_save


def _column(meta: Any, name: str) -> Field[Any, Any]:
    column: Field[Any, Any] = meta.get_field(name.partition("__")[0])
    return column


def _where(found: QuerySet[M], names: Sequence[str], *, first_slot: int) -> QuerySet[M]:
    # One filter for each, as filter() sorts the names of one call.
    for position, name in enumerate(names, first_slot):
        found = found.filter(**{name: Slot(position, _column(found.model._meta, name))})
    return found
