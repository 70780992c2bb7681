"""Statements that are compiled once do what the ORM does."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from userpools.models import (
    AppClient,
    AuditEntry,
    AuthEvent,
    PoolUser,
    SignInSession,
    UserPool,
    statements,
)
from userpools.models.sign_in_session import session_with_user
from userpools.models.statements import Insert, Select, Together, Update

by_name = Select(PoolUser.objects.all, "pool_id", "username_key")
WROTE_AT = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


@pytest.fixture
def pool(db):
    return UserPool.objects.create(id="us-east-1_Statement", name="n", region="us-east-1")


@pytest.fixture
def user(pool):
    return PoolUser.objects.create(
        pool=pool,
        username="Ada",
        username_key="ada",
        attributes={"email": "ada@example.com", "name": "Å ◌ \\ \" '"},
        password_sealed=b"\x00\xff",
        password_set_at=WROTE_AT,
    )


@pytest.fixture
def session(pool, user):
    client = AppClient.objects.create(pool=pool, client_id="c" * 26, name="c")
    return SignInSession.objects.create(
        pool=pool,
        client=client,
        user=user,
        user_epoch=0,
        event_id=uuid.uuid4(),
        auth_time=WROTE_AT,
        expires_at=WROTE_AT + timedelta(days=30),
    )


def columns(row):
    """Every loaded column of an instance, in Python's types."""
    return {
        column.attname: bytes(value) if isinstance(value, memoryview) else value
        for column in row._meta.concrete_fields
        if (value := row.__dict__.get(column.attname, models.NOT_PROVIDED))
        is not models.NOT_PROVIDED
    }


def typed(row):
    return {name: (type(value), value) for name, value in columns(row).items()}


def test_nothing_is_found_without_a_row(pool):
    assert by_name.first(pool.pk, "nobody") is None


def test_a_row_is_the_instance_that_the_orm_makes(user):
    found = by_name.first(user.pool_id, "ada")
    assert type(found) is PoolUser
    assert typed(found) == typed(PoolUser.objects.get(pk=user.pk))
    assert found._state.adding is False
    assert found._state.db == "default"


def test_a_row_can_be_saved(user):
    found = by_name.first(user.pool_id, "ada")
    found.username = "Augusta"
    found.save()
    assert PoolUser.objects.get(pk=user.pk).username == "Augusta"


def test_related_rows_come_along(session, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = session_with_user.first(session.id, session.pool_id)
        assert found.user.username == "Ada"
    expected = SignInSession.objects.defer("created_at").get(pk=session.pk)
    assert typed(found) == typed(expected)


def test_deferred_columns_are_read_when_asked_for(session, django_assert_num_queries):
    found = session_with_user.first(session.id, session.pool_id)
    assert found.user.get_deferred_fields() == {"created_at", "modified_at", "password_sealed"}
    with django_assert_num_queries(1):
        assert bytes(found.user.password_sealed) == b"\x00\xff"


def test_a_session_of_another_pool_is_not_found(session):
    assert session_with_user.first(session.id, "us-east-1_Other") is None


def test_every_condition_counts_in_its_own_column(user):
    by_sub = Select(PoolUser.objects.all, "sub", "pool_id")
    assert by_sub.first(user.sub, user.pool_id) == user
    assert by_sub.first(uuid.uuid4(), user.pool_id) is None


def test_fixed_conditions_of_the_base_hold(user):
    enabled = Select(lambda: PoolUser.objects.filter(enabled=True, status="UNCONFIRMED"), "id")
    assert enabled.first(user.pk) == user
    PoolUser.objects.update(enabled=False)
    assert enabled.first(user.pk) is None


@pytest.mark.parametrize("name", ["%s", "'; DROP TABLE x; --", "a%", "\\"])
def test_values_are_values(user, name):
    assert by_name.first(user.pool_id, name) is None


def test_a_column_that_the_model_lacks_is_refused(db):
    with pytest.raises(FieldDoesNotExist):
        Select(PoolUser.objects.all, "nickname").first("x")


def test_compiled_columns_follow_the_model(user):
    found = by_name.first(user.pool_id, "ada")
    assert set(columns(found)) == {column.attname for column in PoolUser._meta.concrete_fields}


def an_event(**values):
    return AuthEvent(pool_id="p", event_type="SignIn", outcome="Pass", **values)


def test_a_value_is_written_where_the_database_has_a_default_too(session):
    for passed in (True, False):
        row = SignInSession(**{**columns(session), "id": uuid.uuid4(), "passed_factor": passed})
        Insert(SignInSession).run(row)
        assert SignInSession.objects.get(pk=row.pk).passed_factor is passed


def test_a_row_is_inserted_as_save_would(db):
    event = an_event(user_sub=uuid.uuid4(), username="%s '", created_at=WROTE_AT)
    Insert(AuthEvent).run(event)
    assert typed(AuthEvent.objects.get(pk=event.pk)) == typed(event)
    assert event._state.adding is False


@pytest.mark.parametrize(
    "document", [None, {}, [], "text", 0, False, {"a": [1, {"b": None}], "ü": "\u2028"}]
)
def test_documents_are_written(db, document):
    entry = AuditEntry(actor="a", source="api", action="X", after=document)
    Insert(AuditEntry).run(entry)
    written = AuditEntry.objects.get(pk=entry.pk)
    assert written.after == document
    # Absence is NULL, as `create` writes it, and not a document that says null.
    assert AuditEntry.objects.filter(before__isnull=True, pk=entry.pk).exists()


def test_keys_that_the_database_makes_are_read_back(db):
    insert = Insert(AuditEntry)
    first, second = (AuditEntry(actor="a", source="api", action="X") for _ in range(2))
    insert.run(first)
    insert.run(second)
    assert first.pk < second.pk
    assert set(AuditEntry.objects.values_list("pk", flat=True)) == {first.pk, second.pk}


def test_binary_columns_are_inserted(pool):
    user = PoolUser(pool=pool, username="b", username_key="b", password_sealed=b"\x00\\x41")
    Insert(PoolUser).run(user)
    assert bytes(PoolUser.objects.get(pk=user.pk).password_sealed) == b"\x00\\x41"


def test_an_insert_states_what_the_database_has_a_default_for(pool):
    user = PoolUser(
        pool=pool, username="b", username_key="b", mfa_methods="SMS_MFA", software_token_step=7
    )
    Insert(PoolUser).run(user)
    assert columns(PoolUser.objects.get()) == columns(user)
    assert (user.mfa_methods, user.software_token_step) == ("SMS_MFA", 7)


def test_a_taken_key_is_an_integrity_error(user):
    twin = PoolUser(pool=user.pool, username="x", username_key="ada")
    with pytest.raises(IntegrityError), transaction.atomic():
        Insert(PoolUser).run(twin)
    assert PoolUser.objects.count() == 1


def test_an_update_changes_what_it_names(user):
    update = Update(
        lambda: PoolUser.objects.filter(enabled=True),
        where=("id", "epoch"),
        columns=("password_sealed", "attributes", "password_set_at", "status"),
        fixed={"failed_passwords": 7, "code_tried_at": None},
    )
    now = timezone.now()
    changed = update.run(b"new", {"email": "b@example.com"}, now, "CONFIRMED", user.pk, 0)
    assert changed == 1
    row = PoolUser.objects.get(pk=user.pk)
    assert (bytes(row.password_sealed), row.attributes) == (b"new", {"email": "b@example.com"})
    assert (row.password_set_at, row.status) == (now, "CONFIRMED")
    assert (row.failed_passwords, row.username) == (7, "Ada")
    assert update.run(None, {}, None, "CONFIRMED", user.pk, 0) == 1
    assert PoolUser.objects.get(pk=user.pk).password_sealed is None


def test_an_update_whose_conditions_fail_changes_nothing(user):
    update = Update(
        lambda: PoolUser.objects.filter(enabled=True),
        where=("id", "epoch"),
        fixed={"failed_passwords": 7},
    )
    assert update.run(user.pk, 1) == 0
    PoolUser.objects.update(enabled=False)
    assert update.run(user.pk, 0) == 0
    assert PoolUser.objects.get(pk=user.pk).failed_passwords == 0


def test_a_rolled_back_statement_leaves_nothing(db):
    with transaction.atomic():
        Insert(AuthEvent).run(an_event())
        transaction.set_rollback(True)
    assert not AuthEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_threads_share_a_statement():
    UserPool.objects.create(id="us-east-1_Statement", name="n", region="us-east-1")
    for number in range(8):
        PoolUser.objects.create(
            pool_id="us-east-1_Statement", username=f"u{number}", username_key=f"u{number}"
        )
    shared = Select(PoolUser.objects.all, "pool_id", "username_key")

    def names(number):
        try:
            found = [shared.first("us-east-1_Statement", f"u{number}") for _ in range(20)]
            return {user.username for user in found if user}
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(names, range(8))) == [{f"u{number}"} for number in range(8)]


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite prepares by itself")
def test_only_these_statements_are_prepared_on_the_server(user):
    for _ in range(5):
        by_name.first(user.pool_id, "ada")
        PoolUser.objects.filter(pk=user.pk).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        prepared = [statement for (statement,) in cursor.fetchall()]
    assert [statement for statement in prepared if "username_key" in statement]
    assert not [statement for statement in prepared if " AS " in statement.partition("FROM")[0]]


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans each time")
def test_plans_are_made_anew_now_and_then(user, monkeypatch):
    by_name.first(user.pool_id, "ada")
    monkeypatch.setattr(statements, "REPLAN_AFTER", -1.0)
    assert by_name.first(user.pool_id, "ada") == user


@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pooler")
def test_nothing_is_prepared_where_that_is_off(user, monkeypatch):
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    fresh = Select(PoolUser.objects.all, "username_key", "pool_id")
    for _ in range(5):
        assert fresh.first("ada", user.pool_id) == user


touch_user = Update(
    lambda: PoolUser.objects.filter(enabled=True),
    where=("id",),
    columns=("modified_at",),
    fixed={"failed_codes": 3},
)
touch_audited = Together(touch_user, Insert(AuditEntry), Insert(AuthEvent))
create_audited = Together(Insert(PoolUser), Insert(AuditEntry))


def an_act(**values):
    return AuditEntry(actor="a", source="api", action="%s '", **values)


def test_statements_together_do_what_each_does(user):
    act, event = an_act(after={"a": [None]}), an_event(user_sub=user.sub)
    assert touch_audited.run((WROTE_AT, user.pk), act, event)
    row = PoolUser.objects.get(pk=user.pk)
    assert (row.modified_at, row.failed_codes) == (WROTE_AT, 3)
    written = AuditEntry.objects.get()
    assert (written.action, written.after, written.before) == ("%s '", {"a": [None]}, None)
    assert typed(AuthEvent.objects.get()) == typed(event)
    assert (act._state.adding, event._state.adding) == (False, False)


def test_statements_together_need_the_first_ones_row(user):
    PoolUser.objects.update(enabled=False)
    assert not touch_audited.run((WROTE_AT, user.pk), an_act(), an_event())
    assert not AuditEntry.objects.exists()
    assert not AuthEvent.objects.exists()


def test_a_row_inserted_together_with_others_gets_its_key(pool):
    user = PoolUser(pool=pool, username="b", username_key="b", attributes={"email": "b@b.example"})
    assert create_audited.run((user,), an_act())
    assert PoolUser.objects.get(pk=user.pk).attributes == {"email": "b@b.example"}
    assert user._state.adding is False
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("taken", ["first", "other"])
def test_a_taken_key_undoes_all_and_lets_the_caller_go_on(user, taken):
    event = an_event()
    Insert(AuthEvent).run(event)
    create = Together(Insert(PoolUser), Insert(AuditEntry), Insert(AuthEvent))
    name = "ada" if taken == "first" else "other"
    twin = PoolUser(pool=user.pool, username=name, username_key=name)
    other = an_event() if taken == "first" else an_event(id=event.pk)
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            create.run((twin,), an_act(), other)
        assert PoolUser.objects.get() == user
    assert not AuditEntry.objects.exists()
    assert AuthEvent.objects.get() == event


@pytest.mark.django_db(transaction=True)
def test_statements_together_are_all_or_nothing_by_themselves():
    pool = UserPool.objects.create(id="us-east-1_Statement", name="n", region="us-east-1")
    event = an_event()
    Insert(AuthEvent).run(event)
    create = Together(Insert(PoolUser), Insert(AuditEntry), Insert(AuthEvent))
    for _ in range(4):  # prepared on the server from the third on
        user = PoolUser(pool=pool, username="b", username_key="b")
        with pytest.raises(IntegrityError):
            create.run((user,), an_act(), an_event(id=event.pk))
    assert not PoolUser.objects.exists()
    assert not AuditEntry.objects.exists()
    assert create.run((PoolUser(pool=pool, username="b", username_key="b"),), an_act(), an_event())
    assert (PoolUser.objects.count(), AuditEntry.objects.count()) == (1, 1)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite runs them in turn")
def test_statements_together_are_one_trip(django_assert_num_queries):
    pool = UserPool.objects.create(id="us-east-1_Statement", name="n", region="us-east-1")
    user = PoolUser(pool=pool, username="b", username_key="b")
    with django_assert_num_queries(1):
        create_audited.run((user,), an_act())
    with django_assert_num_queries(1):
        assert touch_audited.run((WROTE_AT, user.pk), an_act(), an_event())


def test_a_column_that_computes_itself_is_asked_for_its_value(db):
    class Stamped(models.Model):  # noqa: DJ008
        name = models.CharField(max_length=9)
        at = models.DateTimeField(auto_now=True)

        class Meta:
            app_label = "userpools_statement_test"

    row = Stamped(name="a")
    compiled = Insert(Stamped).compile(connection)
    before = timezone.now()
    name, _ = Insert(Stamped).bind(compiled, (row,), connection)
    assert name == "a"
    assert row.at >= before
