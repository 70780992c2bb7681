"""Migrations of a database with users in it: to and fro, and again after an interruption."""

import importlib
import threading
import time

import pytest
from django.apps import apps
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor

from userpools.models import PoolUser

BEFORE = "0002_codes_and_past_passwords"
COLUMNS = "0003_directory"
INDEXES = "0004_directory_indexes"
KEYS = "0005_search_keys"
TABLES = ("userpools_pooluser", "userpools_useralias", "userpools_membership")

pytestmark = pytest.mark.django_db(transaction=True)
keys = importlib.import_module(f"userpools.migrations.{KEYS}")
indexes = importlib.import_module(f"userpools.migrations.{INDEXES}")


class Interrupted(BaseException):
    """As Ctrl-C or the end of the machine."""


def migrate(name):
    executor = MigrationExecutor(connection)
    executor.migrate([("userpools", name)])


@pytest.fixture
def migrated():
    """Migrate, and at the end put the schema back to its newest."""
    yield migrate
    executor = MigrationExecutor(connection)
    executor.migrate(
        [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] == "userpools"]
    )


@pytest.fixture
def people(pool, make_user):
    for name in ("ana", "ben", "eva"):
        make_user(pool, name, email=f"{name.title()}@Example.com")


def schema():
    """Return columns, constraints and valid indexes of the tables that the migrations change."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            introspection = connection.introspection
            columns = introspection.get_table_description(cursor, table)
            found[table] = sorted((column.name, column.collation or "") for column in columns)
            constraints = introspection.get_constraints(cursor, table)
            found[f"{table} constraints"] = sorted(
                (
                    "" if each["foreign_key"] or not each["index"] else name,
                    str(each["columns"]),
                    str(each["foreign_key"]),
                    each["unique"],
                )
                for name, each in constraints.items()
                if name and not name.startswith("__")
            )
        if connection.vendor == "postgresql":
            cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
            found["invalid"] = cursor.fetchall()
    return found


def email_keys():
    return dict(PoolUser.objects.values_list("username", "email_key"))


FOLDED = {name: f"{name}@example.com" for name in ("ana", "ben", "eva")}


def test_users_survive_the_way_back_and_forth(migrated, people):
    migrated(KEYS)
    newest = schema()
    migrated(BEFORE)
    assert schema() != newest
    migrated(KEYS)
    assert schema() == newest
    assert email_keys() == FOLDED


@pytest.mark.parametrize("position", [2, 12, 18])  # one is added, removed, altered
def test_indexes_are_made_whatever_an_interruption_left(migrated, people, position, monkeypatch):
    """The first run ends after the operation at a position."""
    migrated(KEYS)
    newest = schema()
    migrated(COLUMNS)
    operation = indexes.Migration.operations[position]
    forwards = type(operation).database_forwards

    def stopping(self, *arguments):
        forwards(self, *arguments)
        if self.__dict__ == operation.__dict__:
            raise Interrupted

    monkeypatch.setattr(type(operation), "database_forwards", stopping)
    with pytest.raises(Interrupted):
        migrate(KEYS)
    monkeypatch.undo()
    migrated(KEYS)
    assert schema() == newest


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no invalid indexes")
def test_an_index_that_was_left_invalid_is_made_anew(migrated, people):
    migrated(KEYS)
    newest = schema()
    migrated(COLUMNS)
    with connection.cursor() as cursor, pytest.raises(IntegrityError):
        # Three users share the pool: the build fails and leaves its index behind, invalid.
        cursor.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY user_email_key ON userpools_pooluser (pool_id)"
        )
    assert schema()["invalid"] == [("user_email_key",)]
    migrated(KEYS)
    assert schema() == newest


def test_a_way_back_that_was_interrupted_is_gone_again(migrated, people, monkeypatch):
    migrated(COLUMNS)
    older = schema()
    migrated(KEYS)
    backwards = indexes.AddIndex.database_backwards

    def stopping(self, *arguments):
        backwards(self, *arguments)
        if self.index.name == "user_status":
            raise Interrupted

    monkeypatch.setattr(indexes.AddIndex, "database_backwards", stopping)
    with pytest.raises(Interrupted):
        migrate(COLUMNS)
    monkeypatch.undo()
    migrated(COLUMNS)
    assert schema() == older


def test_search_keys_are_made_in_as_many_runs_as_it_takes(migrated, people, monkeypatch):
    migrated(COLUMNS)
    PoolUser.objects.update(email_key=None)
    monkeypatch.setattr(keys, "BATCH", 1)
    write = keys.write

    def stopping(users, alias):
        if users.filter(username="eva").exists():
            raise Interrupted
        write(users, alias)

    monkeypatch.setattr(keys, "write", stopping)
    with pytest.raises(Interrupted):
        migrate(KEYS)
    monkeypatch.undo()
    assert email_keys() == {**FOLDED, "eva": None}
    migrated(KEYS)
    assert email_keys() == FOLDED


def test_one_step_back_and_forth_renews_the_keys_that_are_wrong(
    migrated, people, django_assert_num_queries
):
    PoolUser.objects.filter(username="ana").update(email_key="old@example.com")
    migrated(KEYS)
    newest = schema()
    migrated(INDEXES)
    assert schema() == newest
    migrated(KEYS)
    assert email_keys() == FOLDED
    with django_assert_num_queries(2):  # one batch, and that there is no other
        keys.make_search_keys(apps, connection.schema_editor())


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_an_address_that_changes_meanwhile_gets_its_key(people):
    """A server of the version before holds the row, with another address and no key."""
    PoolUser.objects.update(email_key=None)
    written, ended = threading.Event(), threading.Event()

    def older_server():
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "UPDATE userpools_pooluser SET attributes = "
                "jsonb_set(attributes, '{email}', '\"New@Example.com\"') WHERE username = 'ana'"
            )
            written.set()
            until = time.monotonic() + 20
            while time.monotonic() < until and not waits(cursor):
                ended.wait(0.05)
            cursor.execute("COMMIT")
        connection.close()

    def waits(cursor):
        cursor.execute(
            "SELECT 1 FROM pg_locks "
            "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return cursor.fetchone()

    server = threading.Thread(target=older_server)
    server.start()
    assert written.wait(20)
    keys.make_search_keys(apps, connection.schema_editor())
    ended.set()
    server.join()
    assert email_keys() == {**FOLDED, "ana": "new@example.com"}
