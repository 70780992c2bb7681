"""The master key of a database: which keys it was sealed with, and sealing it anew."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import models

from userpools import sealing
from userpools.models import (
    AccessKey,
    ClientSecret,
    CustomAuthStep,
    Device,
    MasterKey,
    Message,
    PastPassword,
    PoolUser,
    SigningKey,
    SoftwareToken,
)
from userpools.sealing import Broken, KeyRing, Purpose

BATCH = 500

Row = models.Model
Context = Callable[[Row], str]
Progress = Callable[["Column", int, int], None]


class MasterKeyError(Exception):
    """The master key is missing, or is none that this database was sealed with."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of sealed values, with what each row's value is bound to."""

    model: type[Row]
    name: str
    purpose: Purpose
    context: Context
    # What a row is bound to beside itself, to be read along with it.
    related: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.model.__name__}.{self.name}"

    def rows(self) -> models.QuerySet[Row]:
        """Rows that hold a value, in the order of their keys."""
        found = self.model._default_manager.filter(**{f"{self.name}__isnull": False})
        return (
            found.select_related(*self.related).order_by("pk")
            if self.related
            else found.order_by("pk")
        )

    def value(self, row: Row) -> bytes:
        """Return the sealed value of a row."""
        return bytes(getattr(row, self.name))

    def reseal(self, row: Row) -> bool:
        """Seal a row's value under the current key; False where the row changed meanwhile.

        One conditional statement, so that a password set at the same time is not undone.
        """
        before = self.value(row)
        after = sealing.reseal(self.purpose, before, context=self.context(row))
        same = self.model._default_manager.filter(pk=row.pk, **{self.name: before})
        return bool(same.update(**{self.name: after}))


def _bound(row: Row) -> str:
    context: str = row.sealing_context  # type: ignore[attr-defined]
    return context


def _by_key(row: Row) -> str:
    return str(row.pk)


# Every sealed column of every table. Keyed hashes of codes are not here: a hash names its key and
# cannot be made anew, and a code outlives a rotation by its own short life alone.
COLUMNS: list[Column] = [
    Column(SigningKey, "private_sealed", Purpose.SIGNING_KEY, _bound),
    Column(ClientSecret, "sealed", Purpose.CLIENT_SECRET, _by_key),
    Column(AccessKey, "secret_sealed", Purpose.ACCESS_KEY, _bound),
    Column(PoolUser, "password_sealed", Purpose.PASSWORD, _bound),
    Column(PastPassword, "sealed", Purpose.PASSWORD, _bound, related=("user",)),
    Column(SoftwareToken, "sealed", Purpose.TOTP_SEED, _bound, related=("user",)),
    Column(SoftwareToken, "pending_sealed", Purpose.TOTP_SEED, _bound, related=("user",)),
    Column(Device, "sealed", Purpose.DEVICE_VERIFIER, _bound, related=("user",)),
    Column(Message, "sealed", Purpose.MESSAGE, _by_key),
    Column(CustomAuthStep, "sealed", Purpose.PRIVATE_PARAMETERS, _by_key),
]


def register(*columns: Column) -> None:
    """Add the sealed columns of an application above; once, as it starts."""
    COLUMNS.extend(columns)


def verify() -> None:
    """Refuse a key ring that lacks a key of this database; note the current key's id.

    Idempotent. Raises MasterKeyError.
    """
    try:
        ring = sealing.ring()
    except sealing.NoKeyRing as exc:
        raise MasterKeyError(
            "There is no master key. If this database was used before, bring its key back: a new"
            " one opens nothing that is sealed in it."
        ) from exc
    known = set(MasterKey.objects.values_list("key_id", flat=True))
    missing = sorted(known - set(ring.key_ids))
    if missing:
        raise MasterKeyError(
            f"This database was sealed with master key {', '.join(missing)}, which is not among the"
            f" keys given ({', '.join(ring.key_ids)}). Bring it back beside the present one."
        )
    if ring.key_ids[0] not in known:
        MasterKey.objects.get_or_create(key_id=ring.key_ids[0])


def left(column: Column) -> int:
    """Count the values of a column that are sealed under another key than the current one."""
    current = sealing.ring().key_ids[0]
    values = column.rows().values_list(column.name, flat=True).iterator(chunk_size=BATCH)
    return sum(sealing.key_id_of(value) != current for value in values)


def reseal_all(progress: Progress) -> tuple[int, int]:
    """Seal everything under the current key, batch by batch; return how many were, and are broken.

    Resumable: what is sealed under the current key already is passed over. A value that no key of
    the ring opens is left as it is and counted as broken.
    """
    done = broken = 0
    for column in COLUMNS:
        total = column.rows().count()
        seen = 0
        for batch in _batches(column):
            resealed, unopened = _reseal_batch(column, batch)
            done += resealed
            broken += unopened
            seen += len(batch)
            progress(column, seen, total)
    return done, broken


def _batches(column: Column) -> Iterator[list[Row]]:
    last: object = None
    while True:
        rows = column.rows() if last is None else column.rows().filter(pk__gt=last)
        batch = list(rows[:BATCH])
        if not batch:
            return
        yield batch
        last = batch[-1].pk


def _reseal_batch(column: Column, batch: list[Row]) -> tuple[int, int]:
    resealed = broken = 0
    for row in batch:
        try:
            if not sealing.is_current(column.value(row)):
                resealed += column.reseal(row)
        except Broken:
            broken += 1
    return resealed, broken


def forget_old_keys() -> list[str]:
    """Strike the ids of keys that nothing is sealed under any more; return them.

    Raises MasterKeyError while values are left under an older key.
    """
    remaining = {str(column): count for column in COLUMNS if (count := left(column))}
    if remaining:
        raise MasterKeyError(f"Values are still sealed under an older key: {remaining}.")
    old = MasterKey.objects.exclude(key_id=sealing.ring().key_ids[0])
    ids = sorted(old.values_list("key_id", flat=True))
    old.delete()
    return ids


def read_key_file(path: Path) -> list[str]:
    """Return the keys in a file, the current one first."""
    return path.read_text(encoding="ascii").replace(",", "\n").split()


def write_key_file(path: Path, keys: list[str]) -> None:
    """Replace the key file in one step, mode 0600, and install the keys in this process."""
    ring = KeyRing(sealing.parse_keys("\n".join(keys)))
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sealing.install(ring)
