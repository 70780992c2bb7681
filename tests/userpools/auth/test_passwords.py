"""Argon2id: parameters from the settings, bounded in number."""

import threading

import pytest

from userpools.audit import Actor
from userpools.auth import passwords
from userpools.models import PasswordStorage, PoolUser, UserPool
from userpools.services import pools

pytestmark = pytest.mark.django_db


@pytest.fixture
def argon(settings):
    settings.POOLHOUSE = {
        **settings.POOLHOUSE,
        "ARGON2": {"TIME_COST": 1, "MEMORY_KIB": 64, "PARALLELISM": 1, "CONCURRENCY": 2},
    }


def test_hashes_are_made_with_the_settings_and_sealed(pool, make_user, argon):
    pools.set_password_storage(pool.id, PasswordStorage.ARGON2ID, actor=Actor("root", "console"))
    make_user(UserPool.objects.get(id=pool.id), "ana")
    row = PoolUser.objects.get()
    assert row.password_form == "argon2id"
    assert b"argon2" not in bytes(row.password_sealed)
    row.pool = pool
    assert passwords._unsealed(row).startswith(b"$argon2id$v=19$m=64,t=1,p=1$")
    assert passwords.matches(row, "Correct-Horse-9")
    assert not passwords.matches(row, "Correct-Horse-8")


def test_so_many_hashes_run_at_once_and_no_more(argon, monkeypatch):
    running, most = [], []
    meet = threading.Barrier(2)

    class Hasher:
        def hash(self, password):
            running.append(1)
            most.append(len(running))
            meet.wait(10)  # two are let in together, and a third never is
            running.pop()
            return "x"

    monkeypatch.setattr(passwords, "_hasher", lambda *_: Hasher())
    threads = [threading.Thread(target=passwords._argon2_hash, args=("p",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2


@pytest.mark.parametrize("password", ["Correct-Horse-9", "p" * 256, "ünïcödé-Größe-1", " "])
def test_the_verifier_form_takes_any_password(pool, password):
    user = PoolUser(pool=pool, username="ana")
    record = passwords.derive(pool, username="ana", sub=user.sub, password=password)
    for name, value in record.columns().items():
        setattr(user, name, value)
    assert passwords.matches(user, password)
    assert not passwords.matches(user, password + "x")
