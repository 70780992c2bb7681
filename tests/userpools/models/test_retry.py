"""Transactions that the database ends for another's sake."""

import threading

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from userpools.models import PoolUser, UserAlias
from userpools.models.retry import ATTEMPTS, in_transaction

deadlocking = [
    pytest.mark.postgresql,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


class Deadlock(Exception):
    sqlstate = "40P01"


def conflict():
    error = OperationalError("deadlock detected")
    error.__cause__ = Deadlock()
    return error


def failing(errors):
    """Work that raises one error after the other, and then returns how often it ran."""
    runs = []

    @in_transaction
    def work():
        assert connection.in_atomic_block
        runs.append(None)
        if len(runs) <= len(errors):
            raise errors[len(runs) - 1]
        return len(runs)

    return work, runs


@pytest.mark.django_db(transaction=True)
def test_work_that_a_deadlock_ended_is_done_again():
    work, _ = failing([conflict(), conflict()])
    assert work() == 3


@pytest.mark.django_db(transaction=True)
def test_it_is_not_tried_for_ever():
    work, runs = failing([conflict() for _ in range(ATTEMPTS)])
    with pytest.raises(OperationalError):
        work()
    assert len(runs) == ATTEMPTS


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [IntegrityError("taken"), OperationalError("gone"), ValueError()])
def test_any_other_error_is_the_callers(error):
    work, runs = failing([error])
    with pytest.raises(type(error)):
        work()
    assert len(runs) == 1


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_the_callers_begins_again():
    inner, runs = failing([conflict()])

    @in_transaction
    def outer():
        return inner()

    assert outer() == 2
    runs.clear()
    with pytest.raises(OperationalError), transaction.atomic():
        inner()
    assert len(runs) == 1


def together(*calls):
    """Run calls in threads; return what each raised, or None."""
    raised = [None] * len(calls)

    def run(index, call):
        try:
            call()
        except Exception as exc:
            raised[index] = exc
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index, call)) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def crossing(wrap, first, second):
    """Two transactions that lock the same two rows in opposite orders, at the same time."""
    met = threading.Barrier(2)

    def locking(one, other):
        waited = []

        @wrap
        def work():
            PoolUser.objects.select_for_update().get(pk=one)
            if not waited:
                waited.append(None)
                met.wait(timeout=10)
            PoolUser.objects.filter(pk=other).update(status="RESET_REQUIRED")

        return work

    return together(locking(first, second), locking(second, first))


@pytest.mark.django_db(transaction=True)
class TestCrossing:
    pytestmark = deadlocking

    @pytest.fixture
    def rows(self, pool, make_user):
        for name in ("ana", "bob"):
            make_user(pool, name)
        return list(PoolUser.objects.order_by("pk").values_list("pk", flat=True))

    def test_crossing_locks_deadlock_without_the_retry(self, rows):
        raised = crossing(transaction.atomic, *rows)
        assert [getattr(exc, "__cause__", None) is not None for exc in raised].count(True) == 1

    def test_crossing_locks_both_come_to_an_end(self, rows):
        assert crossing(in_transaction, *rows) == [None, None]

    def test_aliases_that_two_users_take_from_each_other(self, idp, make_pool, make_user):
        """Each verifies at once what the other has: both are answered, and no alias is lost."""
        pool = make_pool(AliasAttributes=["email", "phone_number"])
        names = {"ana": ("a@example.com", "+4915112345671"), "bob": ("b@example.com", "+491512")}
        for name, (email, phone) in names.items():
            make_user(
                pool,
                name,
                email=email,
                email_verified="true",
                phone_number=phone,
                phone_number_verified="true",
            )

        def take(name, other):
            email, phone = names[other]
            idp.admin_update_user_attributes(
                UserPoolId=pool.id,
                Username=name,
                UserAttributes=[
                    {"Name": "email", "Value": email},
                    {"Name": "email_verified", "Value": "true"},
                    {"Name": "phone_number", "Value": phone},
                    {"Name": "phone_number_verified", "Value": "true"},
                ],
            )

        for _ in range(5):
            raised = together(lambda: take("ana", "bob"), lambda: take("bob", "ana"))
            assert raised == [None, None]
            keys = set(UserAlias.objects.exclude(kind="username").values_list("kind", "key"))
            for user in PoolUser.objects.prefetch_related("aliases"):
                kept = {alias.kind: alias.key for alias in user.aliases.all()}
                for kind in ("email", "phone_number"):
                    verified = user.attributes.get(f"{kind}_verified") == "true"
                    assert (kept.get(kind) == user.attributes[kind]) is verified
            assert len(keys) == UserAlias.objects.exclude(kind="username").count()
            names = {"ana": names["bob"], "bob": names["ana"]}
