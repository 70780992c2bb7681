"""What a client that hides who exists is told where there is no code: as much, for as much work.

Unknown names and users that no code can go to get the answers that the others get. Each function
writes as many rows as its like, so that neither the text nor the time tells them apart.
Source: developer guide, "Managing user existence error responses".
"""

import contextlib
import hashlib
import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from userpools import ids, sealing
from userpools.errors import (
    CodeMismatchException,
    ExpiredCodeException,
    UserNotFoundException,
)
from userpools.limits import guesses_an_hour, subject_of, unknown_subject
from userpools.messaging import outbox
from userpools.messaging.compose import Kind
from userpools.messaging.outbox import DEFAULT_ATTRIBUTE, CodeDelivery
from userpools.models import (
    CodePurpose,
    Medium,
    PoolUser,
    UserPool,
    VerificationCode,
    stand_ins,
)
from userpools.models.retry import in_transaction
from userpools.sealing import Purpose
from userpools.services import codes
from userpools.services.lookup import locked, short_key
from userpools.services.users import CONTACTS

UNKNOWN = "Username/client id combination not found."
# First letters of addresses and of their domains, the frequent ones more than once.
LETTERS = "aabccddeefgghijjjkkllmmmmnoppprrrsssstttvwy"
DOMAINS = "ggggggghhoyyic"
PHONE_DIGITS = 11


def guard_subject(pool: UserPool, user: PoolUser | None, typed: str) -> str:
    """Name for the hourly guards whoever a name means, somebody or nobody."""
    return subject_of(user) if user else unknown_subject(pool.pk, short_key(pool, typed))


def lock(
    pool: UserPool, user: PoolUser | None, typed: str, purpose: CodePurpose
) -> PoolUser | None:
    """Lock the user's row and return it, or lock what stands for nobody's."""
    if user is not None:
        with contextlib.suppress(UserNotFoundException):  # deleted meanwhile
            return locked(user)
    stand_ins.lock(pool.pk, purpose, short_key(pool, typed))
    return None


def pretend(
    pool: UserPool,
    user: PoolUser | None,
    typed: str,
    *,
    purpose: CodePurpose,
    kind: Kind,
    mediums: tuple[Medium, ...],
) -> CodeDelivery:
    """Do and answer what sending a code does, in the caller's transaction, and send nothing.

    `mediums` are those that the pool sends such a code by, the preferred one first. Guesses are
    answered from then on as if there were a code.
    """
    key, code = short_key(pool, typed), ids.new_numeric_code()
    if user is None:
        sealing.keyed_hash(Purpose.CODE, code.encode())  # as a code is kept
        stand_ins.note_asked(pool.pk, purpose, key)
    else:
        codes.hold_place(user, purpose)
    stand_ins.note_sent(pool.pk, purpose, key)
    medium, destination = _plausible(pool, typed, mediums)
    outbox.can_send(pool, medium, destination)  # asked of everybody's contact, for the work alone
    return outbox.rehearse(
        pool=pool,
        medium=medium,
        kind=kind,
        destination=destination,
        code=code,
        username=typed,
    )


def _plausible(pool: UserPool, typed: str, mediums: tuple[Medium, ...]) -> tuple[Medium, str]:
    """Choose a medium that has a backend, if any has, and a destination, stable by pool and name.

    A typed address or number is where its own code would go; under another name, the pool's
    settings say what its people are likely to have.
    """
    mediums = tuple(each for each in mediums if outbox.is_usable(pool, each)) or mediums
    for medium in mediums:
        if CONTACTS[DEFAULT_ATTRIBUTE[medium]](typed):
            return medium, typed
    known = {*pool.auto_verified_attributes, *pool.username_attributes, *pool.alias_attributes}
    likely = [medium for medium in mediums if DEFAULT_ATTRIBUTE[medium] in known]
    medium = (likely or [Medium.EMAIL if Medium.EMAIL in mediums else mediums[0]])[0]
    drawn = _drawn(pool, short_key(pool, typed), str(medium))
    if medium == Medium.SMS:
        return medium, "+" + "".join(str(byte % 10) for byte in drawn[:PHONE_DIGITS])
    letter, domain = LETTERS[drawn[0] % len(LETTERS)], DOMAINS[drawn[1] % len(DOMAINS)]
    return medium, f"{letter}@{domain}"


def _drawn(pool: UserPool, key: str, what: str) -> bytes:
    """Return bytes that are the same whenever the name is asked about, and tell nothing of it."""
    digest = hashlib.sha256(f"{what}\x00{pool.pk}\x00".encode() + key.encode()).digest()
    return sealing.stable_hash(Purpose.FAKE, digest)


def seems_to_have(pool: UserPool, key: str, medium: Medium, mediums: Collection[Medium]) -> bool:
    """Say whether a name without a user is to look as if it had the contact of one of `mediums`.

    It has what was typed, what the pool's people are likely to have, and the only one there is.
    """
    if _is_likely(pool, key, medium) or len(mediums) == 1:
        return True
    draw = _drawn(pool, key, "contacts")[0]
    if any(_is_likely(pool, key, other) for other in mediums):
        return draw % 2 == 0
    ordered = sorted(mediums)
    return draw % 3 in {2, ordered.index(medium)}


def _is_likely(pool: UserPool, key: str, medium: Medium) -> bool:
    contact = DEFAULT_ATTRIBUTE[medium]
    is_required = bool(pool.schema_by_name.get(contact, {}).get("Required"))
    return CONTACTS[contact](key) or is_required or contact in pool.auto_verified_attributes


@in_transaction
def pretend_in_sign_in(
    pool: UserPool,
    user: PoolUser | None,
    key: str,
    *,
    attempt_id: uuid.UUID,
    medium: Medium,
    length: int,
    expires_at: datetime,
) -> str:
    """Do what sending the code of a sign-in does, and send nothing; return where it seems to go.

    Tries are answered from then on as if there were a code.
    """
    code = ids.new_numeric_code(length)
    if user is None:
        sealing.keyed_hash(Purpose.CODE, code.encode())  # as a code is kept
        with transaction.atomic():
            stand_ins.begin_sign_in(pool.pk, attempt_id.hex)
    else:
        codes.hold_place_for_attempt(user, attempt_id, expires_at=expires_at)
    stand_ins.note_sent(pool.pk, CodePurpose.AUTHENTICATION, key)
    own = user.attributes.get(DEFAULT_ATTRIBUTE[medium]) if user else None
    destination = own or _plausible(pool, key, (medium,))[1]
    if not own:
        outbox.can_send(pool, medium, destination)  # asked of everybody's contact before
    outbox.rehearse(
        pool=pool,
        medium=medium,
        kind=Kind.AUTHENTICATION,
        destination=destination,
        code=code,
        username=key,
    )
    return outbox.masked(medium, destination)


def check_code(
    pool: UserPool, user: PoolUser | None, typed: str, purpose: CodePurpose, digits: str
) -> VerificationCode:
    """Return the live code of a user that `digits` matches, as `codes.check` does.

    The guess is counted for a name without a code too, and the answer there is that of a wrong
    code as long as one that was asked for would live. Call it outside a transaction.
    """
    code = codes.newest(user, purpose) if user else None
    if code is not None:
        return codes.check_newest(code, digits)
    key = short_key(pool, typed)
    asked_at = None if user else stand_ins.asked_at(pool.pk, purpose, key)
    if not stand_ins.take_guess(
        pool.pk,
        purpose,
        key,
        was_asked=asked_at is not None,
        most=guesses_an_hour(codes.GUESSES[purpose]),
    ):
        raise codes.too_many(purpose)
    sealing.keyed_hash(Purpose.CODE, digits.encode())  # as a comparison would
    if asked_at is None or asked_at + codes.LIFETIME[purpose] <= timezone.now():
        raise ExpiredCodeException(codes.EXPIRED)
    raise CodeMismatchException(codes.MISMATCH)
