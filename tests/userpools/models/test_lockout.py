import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from userpools.models import GuessBucket, PoolUser
from userpools.models.lockout import (
    bucket_of,
    lock_after,
    locked_until,
    take_password_attempt,
    take_unknown_name_attempt,
)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (14, 512), (15, 900), (16, 900), (1000, 900)],
)
def test_locks_double_up_to_fifteen_minutes(failures, seconds):
    assert lock_after(failures) == timedelta(seconds=seconds)


def test_a_lock_is_shown_only_while_it_lasts():
    assert locked_until(10, None) is None
    assert locked_until(5, timezone.now() - timedelta(seconds=2)) is None
    assert locked_until(9, timezone.now()) > timezone.now()


@pytest.mark.django_db
def test_the_row_says_locked_exactly_when_the_formula_does(pool, user):
    person = PoolUser.objects.get()
    now = timezone.now()
    for failures in range(20):
        for margin in (-1, 1):
            tried = now - lock_after(failures) + timedelta(seconds=margin)
            PoolUser.objects.update(failed_passwords=failures, password_tried_at=tried)
            free = failures < 5 or margin < 0
            assert take_password_attempt(person) is free, (failures, margin)


@pytest.mark.django_db
def test_unknown_names_fill_a_fixed_table(pool):
    assert all(0 <= bucket_of(pool.id, f"n{i}") < GuessBucket.BUCKETS for i in range(100))
    assert bucket_of(pool.id, "n") == bucket_of(pool.id, "n")
    for _ in range(5):
        assert take_unknown_name_attempt(pool.id, "n")
    assert not take_unknown_name_attempt(pool.id, "n")
    assert GuessBucket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [True, False])
def test_parallel_guesses_share_no_attempt(pool, user, known):
    person = PoolUser.objects.get()
    taken = []

    def guess():
        try:
            if known:
                taken.append(take_password_attempt(person))
            else:
                taken.append(take_unknown_name_attempt(pool.id, "nobody"))
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(True) == 5
