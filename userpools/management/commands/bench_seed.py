"""`manage.py bench_seed`: fills a pool with users for measurements, as AdminCreateUser would."""

import multiprocessing
import os
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections, transaction
from django.utils import timezone

from userpools import sealing
from userpools.auth import passwords, srp
from userpools.models import PasswordStorage, PoolUser, UserAlias, UserPool, UserStatus
from userpools.models.stamps import stamps
from userpools.sealing import Purpose
from userpools.services import rekey
from userpools.services.lookup import canonical
from userpools.services.users import PasswordRecord, wanted_aliases

try:
    from gmpy2 import mpz as big_integer  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:  # pragma: no cover - the package depends on it
    big_integer = int

BATCH = 1000
SHOWN_EVERY = 10 * BATCH
# The password of the benchmark kit's users.
PASSWORD = "Bench-Passw0rd-1!"  # noqa: S105
PROCESSES = os.cpu_count() or 1
# An exponent of SRP has 32 bytes.
EXPONENT_BYTES = 32

# What is computed for a user, apart from the row: sub and password.
Computed = tuple[uuid.UUID, PasswordRecord]


class Command(BaseCommand):
    """Insert confirmed users in bulk; each has a verifier (or hash) of its own."""

    help = (
        "Create users g0000000.. (POOL_ID, START, STOP in the environment). For measurements only."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options, which the environment gives a default."""
        # The benchmark kit speaks to its seeding command through the environment.
        environment = os.environ
        parser.add_argument("--pool", default=environment.get("POOL_ID", ""))
        parser.add_argument("--start", type=int, default=environment.get("START", "0"))
        parser.add_argument("--stop", type=int, default=environment.get("STOP", "0"))

    def handle(self, *_args: Any, **options: Any) -> None:
        """Create the users from START up to, and without, STOP."""
        start, stop = int(options["start"]), int(options["stop"])
        pool = UserPool.objects.filter(pk=options["pool"]).first()
        if pool is None:
            raise CommandError("POOL_ID names no pool.")
        if pool.username_attributes:
            raise CommandError("In this pool people sign in with e-mail or phone: take another.")
        try:
            rekey.verify()
        except rekey.MasterKeyError as exc:
            raise CommandError(str(exc)) from exc
        batches = [
            [f"g{number:07d}" for number in range(low, min(low + BATCH, stop))]
            for low in range(start, stop, BATCH)
        ]
        done, began = 0, time.monotonic()
        for names, made in computed(pool, batches):
            insert([user(pool, name, *one) for name, one in zip(names, made, strict=True)])
            done += len(names)
            if done % SHOWN_EVERY == 0 or done == stop - start:
                rate = done / (time.monotonic() - began)
                self.stdout.write(f"{done} of {stop - start} ({rate:.0f} a second)")
                self.stdout.flush()


def computed(
    pool: UserPool, batches: list[list[str]]
) -> Iterator[tuple[list[str], list[Computed]]]:
    """Compute what users of these names need, on every processor, and hand it out in order."""
    if len(batches) <= 1:
        yield from ((names, compute(pool, names)) for names in batches)
        return
    # A child must not speak on its parent's connection.
    if not connections["default"].in_atomic_block:
        connections.close_all()
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("fork")) as processes:
        waiting: deque[Any] = deque()
        for names in batches:
            waiting.append((names, processes.submit(compute, pool, names)))
            if len(waiting) > 2 * PROCESSES:
                first, future = waiting.popleft()
                yield first, future.result()
        for names, future in waiting:
            yield names, future.result()


def compute(pool: UserPool, names: list[str]) -> list[Computed]:
    """Make subs and passwords for users of these names."""
    subs = [uuid.uuid4() for _ in names]
    return [(sub, password(pool, name, sub)) for name, sub in zip(names, subs, strict=True)]


def password(pool: UserPool, username: str, sub: uuid.UUID) -> PasswordRecord:
    """Make what `passwords.derive` would, a verifier at a tenth of the cost."""
    if pool.password_storage != PasswordStorage.VERIFIER:
        return passwords.derive(pool, username=username, sub=sub, password=PASSWORD)
    salt = srp.new_salt()
    verifier = power_of_g(srp.private_key(pool.srp_name, username, PASSWORD, salt))
    return PasswordRecord(
        form=PasswordStorage.VERIFIER,
        salt=salt,
        pool_name=pool.srp_name,
        sealed=sealing.seal(
            Purpose.PASSWORD, srp.verifier_to_bytes(verifier), context=f"{pool.pk}:{sub}"
        ),
        set_at=timezone.now(),
    )


@cache
def powers() -> list[list[Any]]:
    """Return, for each byte of an exponent, g to the power of each value that it may have."""
    base, table = big_integer(srp.G), []
    for _ in range(EXPONENT_BYTES):
        row = [big_integer(1)]
        for _ in range(255):
            row.append(row[-1] * base % srp.N)
        table.append(row)
        base = row[-1] * base % srp.N
    return table


def power_of_g(exponent: int) -> int:
    """Compute g^exponent mod N; in a time that tells the exponent, of a password known to all."""
    result = big_integer(1)
    digits = exponent.to_bytes(EXPONENT_BYTES, "little")
    for row, digit in zip(powers(), digits, strict=True):
        result = result * row[digit] % srp.N
    return int(result)


def user(pool: UserPool, name: str, sub: uuid.UUID, record: PasswordRecord) -> PoolUser:
    """Make a user, unsaved."""
    return PoolUser(
        pool=pool,
        sub=sub,
        username=name,
        username_key=canonical(pool, name),
        status=UserStatus.CONFIRMED,
        attributes={"email": f"{name}@example.com", "email_verified": "true"},
        **record.columns(),
        **stamps(),
    )


def insert(users: list[PoolUser]) -> None:
    """Insert users with their aliases in one transaction."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            copy(users)
        else:
            PoolUser.objects.bulk_create(users)
        UserAlias.objects.bulk_create(aliases(users))


def copy(users: list[PoolUser]) -> None:
    """Insert users by COPY, a tenth of the cost of INSERT; their keys are taken beforehand."""
    columns = PoolUser._meta.concrete_fields
    names = ", ".join(f'"{column.column}"' for column in columns)
    table = PoolUser._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [table, len(users)],
        )
        for new, (key,) in zip(users, cursor.fetchall(), strict=True):
            new.pk = key
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as rows:
            for new in users:
                rows.write_row(
                    [
                        column.get_db_prep_save(column.pre_save(new, add=True), connection)
                        for column in columns
                    ]
                )


def aliases(users: list[PoolUser]) -> Iterator[UserAlias]:
    """Make the alias rows of users; none in a pool without aliases."""
    for owner in users:
        for kind, key in wanted_aliases(owner).items():
            yield UserAlias(pool_id=owner.pool_id, user=owner, kind=kind, key=key)
