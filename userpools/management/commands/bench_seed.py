"""`manage.py bench_seed`: fills a pool with users for measurements, as AdminCreateUser would."""

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from userpools.auth import passwords
from userpools.models import PoolUser, UserAlias, UserPool, UserStatus
from userpools.services import rekey
from userpools.services.lookup import canonical
from userpools.services.users import wanted_aliases

BATCH = 1000
# The password of the benchmark kit's users.
PASSWORD = "Bench-Passw0rd-1!"  # noqa: S105
THREADS = os.cpu_count() or 1


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
        with ThreadPoolExecutor(THREADS) as threads:
            for low in range(start, stop, BATCH):
                high = min(low + BATCH, stop)
                insert(list(threads.map(lambda number: made(pool, number), range(low, high))))
                self.stdout.write(f"{high - start} of {stop - start}")


def made(pool: UserPool, number: int) -> PoolUser:
    """Make a user, unsaved."""
    name = f"g{number:07d}"
    sub = uuid.uuid4()
    record = passwords.derive(pool, username=name, sub=sub, password=PASSWORD)
    return PoolUser(
        pool=pool,
        sub=sub,
        username=name,
        username_key=canonical(pool, name),
        status=UserStatus.CONFIRMED,
        attributes={"email": f"{name}@example.com", "email_verified": "true"},
        **record.columns(),
    )


def insert(users: list[PoolUser]) -> None:
    """Insert users with their aliases in one transaction."""
    with transaction.atomic():
        PoolUser.objects.bulk_create(users)
        UserAlias.objects.bulk_create(aliases(users))


def aliases(users: list[PoolUser]) -> Iterator[UserAlias]:
    """Make the alias rows of users; none in a pool without aliases."""
    for user in users:
        for kind, key in wanted_aliases(user).items():
            yield UserAlias(pool_id=user.pool_id, user=user, kind=kind, key=key)
