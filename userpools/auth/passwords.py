"""Passwords: policy, history, the form they are kept in, and checking them.

A pool keeps sealed SRP verifiers, which password flows check too, or sealed Argon2id hashes. A user
whose password is still in the pool's other form is converted at the next password sign-in.
"""

import threading
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from django.db import transaction
from django.utils import timezone

from userpools import ids, sealing
from userpools.audit import Actor, act, insert_act
from userpools.auth import srp
from userpools.conf import settings
from userpools.errors import (
    InvalidPasswordException,
    PasswordHistoryPolicyViolationException,
    UserNotFoundException,
)
from userpools.models import PasswordStorage, PastPassword, PoolUser, UserPool, UserStatus
from userpools.models.statements import Together
from userpools.models.user import (
    PASSWORD_COLUMNS,
    PASSWORDS_FORGIVEN,
    replace_password,
    store_password,
)
from userpools.sealing import Purpose
from userpools.services.lookup import locked
from userpools.services.users import PasswordRecord

SYMBOLS = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
UNKNOWN = "User does not exist."
POLICY = "Password did not conform with policy: "

store_audited = Together(store_password, insert_act)


def check_policy(pool: UserPool, password: str) -> None:
    """Raise InvalidPasswordException for the first rule of the pool's policy that fails."""
    policy = pool.password_policy
    rules = (
        (len(password) >= policy.get("MinimumLength", 8), "Password not long enough"),
        (
            not policy.get("RequireLowercase") or any(c.islower() for c in password),
            "Password must have lowercase characters",
        ),
        (
            not policy.get("RequireUppercase") or any(c.isupper() for c in password),
            "Password must have uppercase characters",
        ),
        (
            not policy.get("RequireNumbers") or any(c in "0123456789" for c in password),
            "Password must have numeric characters",
        ),
        (
            not policy.get("RequireSymbols") or any(c in SYMBOLS for c in password),
            "Password must have symbol characters",
        ),
    )
    for holds, message in rules:
        if not holds:
            raise InvalidPasswordException(POLICY + message)


def temporary(pool: UserPool) -> str:
    """Make a random password that conforms with the pool's policy."""
    policy = pool.password_policy
    return ids.temporary_password(
        minimum_length=policy.get("MinimumLength", 8),
        upper=policy.get("RequireUppercase", False),
        lower=policy.get("RequireLowercase", False),
        numbers=policy.get("RequireNumbers", False),
        symbols=policy.get("RequireSymbols", False),
    )


@lru_cache(maxsize=4)
def _hasher(time_cost: int, memory_kib: int, parallelism: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)


@lru_cache(maxsize=4)
def _slots(concurrency: int) -> threading.BoundedSemaphore:
    """Bound how many hashes run at once, so that a login storm queues and does not swap."""
    return threading.BoundedSemaphore(concurrency)


def _argon2_hash(password: str) -> str:
    config = settings.ARGON2
    with _slots(config["CONCURRENCY"]):
        return _hasher(config["TIME_COST"], config["MEMORY_KIB"], config["PARALLELISM"]).hash(
            password
        )


def _argon2_matches(stored: str, password: str) -> bool:
    config = settings.ARGON2
    hasher = _hasher(config["TIME_COST"], config["MEMORY_KIB"], config["PARALLELISM"])
    with _slots(config["CONCURRENCY"]):
        try:
            return hasher.verify(stored, password)
        except VerificationError:
            return False


def derive(pool: UserPool, *, username: str, sub: uuid.UUID, password: str) -> PasswordRecord:
    """Make what is kept of a password. Slow on purpose: call it outside transactions."""
    salt = srp.new_salt()
    if pool.password_storage == PasswordStorage.ARGON2ID:
        plain = _argon2_hash(password).encode()
    else:
        plain = srp.verifier_to_bytes(srp.verifier(pool.srp_name, username, password, salt))
    return PasswordRecord(
        form=pool.password_storage,
        salt=salt,
        pool_name=pool.srp_name,
        sealed=sealing.seal(Purpose.PASSWORD, plain, context=f"{pool.pk}:{sub}"),
        set_at=timezone.now(),
    )


def stored_verifier(user: PoolUser) -> int | None:
    """Return the user's SRP verifier; None where the password has another form, or none."""
    if user.password_form != PasswordStorage.VERIFIER or user.password_sealed is None:
        return None
    return srp.verifier_from_bytes(_unsealed(user))


def _unsealed(user: PoolUser) -> bytes:
    return sealing.unseal(
        Purpose.PASSWORD, bytes(user.password_sealed or b""), context=user.sealing_context
    )


def matches(user: PoolUser, password: str) -> bool:
    """Compare a password with the user's, in whichever form it is kept.

    What it costs tells neither the form nor whether there is a password, until it is the right one.
    """
    form = user.password_form if user.password_sealed is not None else ""
    if form and _equals(_unsealed(user), form, _spelled(user), password):
        return True
    _work_like(forms_kept(user.pool) - {form}, user.pool, password)
    return False


@dataclass(frozen=True, slots=True)
class _Spelled:
    """What an SRP verifier was computed with besides the password."""

    pool_name: str
    username: str
    salt: str


def _spelled(user: PoolUser) -> _Spelled:
    return _Spelled(user.password_pool_name, user.username, user.password_salt)


def _equals(kept: bytes, form: str, spelled: _Spelled, password: str) -> bool:
    if form == PasswordStorage.ARGON2ID:
        return _argon2_matches(kept.decode(), password)
    return srp.password_matches(
        srp.verifier_from_bytes(kept), spelled.pool_name, spelled.username, password, spelled.salt
    )


def forms_kept(pool: UserPool) -> frozenset[str]:
    """Return the forms that some user's password may be kept in."""
    if pool.has_mixed_passwords:
        return frozenset(PasswordStorage)
    return frozenset({pool.password_storage})


def work_like_a_comparison(pool: UserPool, password: str) -> None:
    """Spend what a comparison costs, for users that have no password or do not exist."""
    _work_like(forms_kept(pool), pool, password)


def _work_like(forms: frozenset[str], pool: UserPool, password: str) -> None:
    if PasswordStorage.ARGON2ID in forms:
        _argon2_hash(password)
    if PasswordStorage.VERIFIER in forms:
        srp.verifier(pool.srp_name, "nobody", password, srp.new_salt())


def history_size(pool: UserPool) -> int:
    """Return how many passwords may not be used again, the present one included; 0 for any."""
    return pool.password_policy.get("PasswordHistorySize") or 0


def check_history(pool: UserPool, user: PoolUser, password: str) -> None:
    """Raise PasswordHistoryPolicyViolationException for a password that the user has or had.

    Slow where the pool has a history: call it outside transactions. Source: developer guide,
    "Password reuse": the present password and up to 23 before it.
    """
    size = history_size(pool)
    if not size:
        return
    if user.password_sealed is not None and _equals(
        _unsealed(user), user.password_form, _spelled(user), password
    ):
        raise PasswordHistoryPolicyViolationException
    for past in PastPassword.objects.filter(user=user)[: size - 1]:
        kept = sealing.unseal(Purpose.PASSWORD, past.sealed, context=user.sealing_context)
        spelled = _Spelled(past.pool_name, user.username, past.salt)
        if _equals(kept, past.form, spelled, password):
            raise PasswordHistoryPolicyViolationException


def _keep_former(user: PoolUser) -> None:
    """Keep the password that is about to be replaced, and no more of them than the pool counts.

    Runs in the transaction that replaces it. Nothing happens in pools without a history.
    """
    size = history_size(user.pool)
    if not size:
        return
    row = locked(user)
    if size > 1 and row.password_sealed is not None:
        PastPassword.objects.create(
            user=row,
            form=row.password_form,
            salt=row.password_salt,
            pool_name=row.password_pool_name,
            sealed=bytes(row.password_sealed),
        )
    kept = PastPassword.objects.filter(user=row)
    PastPassword.objects.filter(pk__in=kept.values("pk")[size - 1 :]).delete()


def convert_form(user: PoolUser, password: str) -> None:
    """Keep a password that was just found right in the form that its pool asks for now."""
    if user.password_form == user.pool.password_storage:
        return
    record = derive(user.pool, username=user.username, sub=user.sub, password=password)
    columns = {**record.columns(), "password_set_at": user.password_set_at}
    # Not if somebody set another password meanwhile.
    PoolUser.objects.filter(pk=user.pk, password_set_at=user.password_set_at).update(**columns)


def set_password(
    pool: UserPool, user: PoolUser, password: str, *, permanent: bool, actor: Actor
) -> None:
    """Set a user's password as an administrator; a temporary one must be changed at sign-in.

    Raises InvalidPasswordException, PasswordHistoryPolicyViolationException. Clears the lockout.
    """
    check_policy(pool, password)
    check_history(pool, user, password)
    record = derive(pool, username=user.username, sub=user.sub, password=password)
    status = UserStatus.CONFIRMED if permanent else UserStatus.FORCE_CHANGE_PASSWORD
    entry = act(actor, "AdminSetUserPassword", pool_id=pool.pk, resource=user.username)
    if history_size(pool):
        with transaction.atomic():
            store(user, record, status=status)
            insert_act.run(entry)
        return
    columns = _columns(record, status)
    if not store_audited.run((*columns.values(), user.pk), entry):
        raise UserNotFoundException(UNKNOWN)
    _take_over(user, columns)


def store(user: PoolUser, record: PasswordRecord, *, status: UserStatus) -> None:
    """Write a password and the status that comes with it; failed attempts are forgotten.

    Runs in the caller's transaction, which in pools with a history keeps the former one too.
    """
    _keep_former(user)
    columns = _columns(record, status)
    if not store_password.run(*columns.values(), user.pk):
        raise UserNotFoundException(UNKNOWN)
    _take_over(user, columns)


def _take_over(user: PoolUser, columns: dict[str, Any]) -> None:
    for name, value in {**columns, **PASSWORDS_FORGIVEN}.items():
        setattr(user, name, value)


def replace(user: PoolUser, record: PasswordRecord) -> bool:
    """Write a password that the user chose; False when the one it replaces is no longer theirs.

    That is when somebody set another meanwhile, or signed the user out, disabled or deleted them.
    Runs in the caller's transaction, as `store` does.
    """
    _keep_former(user)
    columns = _columns(record, UserStatus.CONFIRMED)
    if user.password_set_at is not None:
        return bool(
            replace_password.run(*columns.values(), user.pk, user.epoch, user.password_set_at)
        )
    unset = PoolUser.objects.filter(
        pk=user.pk, epoch=user.epoch, enabled=True, password_set_at=None
    )
    return bool(unset.update(**columns, **PASSWORDS_FORGIVEN))


def _columns(record: PasswordRecord, status: UserStatus) -> dict[str, Any]:
    """Return the values of PASSWORD_COLUMNS, in that order."""
    columns = {**record.columns(), "status": status, "modified_at": record.set_at}
    return {name: columns[name] for name in PASSWORD_COLUMNS}
