"""Passwords: policy, the form they are kept in, and checking them.

A pool keeps sealed SRP verifiers, which password flows check too, or sealed Argon2id hashes. A user
whose password is still in the pool's other form is converted at the next password sign-in.
"""

import threading
import uuid
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from django.db import transaction
from django.utils import timezone

from userpools import ids, sealing
from userpools.audit import Actor, record_act
from userpools.auth import srp
from userpools.conf import settings
from userpools.errors import InvalidPasswordException, UserNotFoundException
from userpools.models import PasswordStorage, PoolUser, UserPool, UserStatus
from userpools.models.user import PASSWORD_COLUMNS, store_password
from userpools.sealing import Purpose
from userpools.services.users import PasswordRecord

SYMBOLS = frozenset("^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ")
POLICY = "Password did not conform with policy: "


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
    """Compare a password with the user's, in whichever form it is kept."""
    if user.password_form == PasswordStorage.ARGON2ID:
        return _argon2_matches(_unsealed(user).decode(), password)
    verifier = stored_verifier(user)
    if verifier is None:
        work_like_a_comparison(user.pool, password)
        return False
    holds = srp.password_matches(
        verifier, user.password_pool_name, user.username, password, user.password_salt
    )
    if not holds and _is_dear(user.pool):
        # What a comparison costs must not tell in which form a password is kept, or that there is
        # one. A right one is converted at once, which costs the same.
        _argon2_hash(password)
    return holds


def _is_dear(pool: UserPool) -> bool:
    """Say whether some user's password may be kept in the dearer form."""
    return pool.password_storage == PasswordStorage.ARGON2ID or pool.has_mixed_passwords


def work_like_a_comparison(pool: UserPool, password: str) -> None:
    """Spend what a comparison costs, for users that have no password or do not exist."""
    if _is_dear(pool):
        _argon2_hash(password)
    else:
        srp.verifier(pool.srp_name, "nobody", password, srp.new_salt())


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

    Raises InvalidPasswordException. Clears the lockout.
    """
    check_policy(pool, password)
    record = derive(pool, username=user.username, sub=user.sub, password=password)
    status = UserStatus.CONFIRMED if permanent else UserStatus.FORCE_CHANGE_PASSWORD
    with transaction.atomic():
        store(user, record, status=status)
        record_act(actor, "AdminSetUserPassword", pool_id=pool.pk, resource=user.username)


def store(user: PoolUser, record: PasswordRecord, *, status: UserStatus) -> None:
    """Write a password and the status that comes with it; failed attempts are forgotten."""
    columns = {**record.columns(), "status": status, "modified_at": record.set_at}
    if not store_password.run(*(columns[name] for name in PASSWORD_COLUMNS), user.pk):
        raise UserNotFoundException("User does not exist.")
    for name, value in {**columns, "failed_passwords": 0, "password_tried_at": None}.items():
        setattr(user, name, value)
