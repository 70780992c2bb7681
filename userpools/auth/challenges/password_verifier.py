"""PASSWORD_VERIFIER: SRP, the password proved without being sent."""

import hashlib
import struct
import uuid
from typing import Final

from userpools import sealing
from userpools.auth import passwords, sealed, srp, srp_exchange
from userpools.auth.attempt import Attempt, Parameters, Responses, SrpState, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.checks import WRONG, after_password, fail, take_attempt
from userpools.auth.sealed import check_alive, user_of
from userpools.auth.srp_exchange import public_value
from userpools.awsjson.service import Call
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.models import AppClient
from userpools.sealing import Purpose
from userpools.services.users import CONTACTS

FLOW: Final = "USER_SRP_AUTH"
# attempt, event, user's sub, epoch, password mark; the name's key follows.
_REMEMBERED = struct.Struct(">16s16s16sIQ")
_NOBODY = b"\x00" * 16


class PasswordVerifier(Challenge):
    """The second half of SRP.

    SECRET_BLOCK carries everything, as older SDKs send no Session; the Session that comes with the
    challenge is for SDKs that want to see one.
    """

    name = "PASSWORD_VERIFIER"

    def applies(self, attempt: Attempt) -> bool:
        """Follow USER_SRP_AUTH and PASSWORD_SRP, and SRP_A where a customer's function wants it."""
        if attempt.flow == FLOW or "PASSWORD_SRP" in attempt.passed:
            return True
        return attempt.named == self.name and bool(attempt.inputs.get("SRP_A"))

    def issue(self, attempt: Attempt) -> Parameters:
        """Make B and seal the server's side into SECRET_BLOCK; nothing is written."""
        salt, verifier, user_id = _verifier_of(attempt)
        remembered = _REMEMBERED.pack(
            attempt.id.bytes,
            attempt.event_id.bytes,
            attempt.user.sub.bytes if attempt.user else _NOBODY,
            attempt.epoch,
            attempt.password_mark,
        )
        server_public, block = srp_exchange.begin(
            public_value(attempt.inputs["SRP_A"]),
            verifier,
            remembered + attempt.name_key.encode(),
            context=_context(attempt.client, alone=attempt.flow == FLOW),
        )
        return {
            "SALT": salt,
            "SECRET_BLOCK": block,
            "SRP_B": server_public,
            "USERNAME": user_id,
            "USER_ID_FOR_SRP": user_id,
        }

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare the claim's signature; the attempt is counted before."""
        signature = required(responses, "PASSWORD_CLAIM_SIGNATURE")
        timestamp = required(responses, "TIMESTAMP")
        take_attempt(attempt)
        # Compared in any case: an answer for another user's name costs the same.
        holds = _claim_holds(attempt, timestamp, signature)
        if not holds or attempt.is_for_another:
            raise fail(attempt, NotAuthorizedException(WRONG))
        after_password(attempt)


def attempt_of(client: AppClient, call: Call, responses: Responses, session: str) -> Attempt:
    """Rebuild the attempt from SECRET_BLOCK, or take that of the Session that it is bound to.

    Raises NotAuthorizedException where either is not good, InvalidParameterException where a
    Session is needed and missing.
    """
    text = required(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    opened = _opened(client, text, alone=True)
    if opened is not None:
        return _rebuilt(client, call, *opened)
    opened = _opened(client, text, alone=False)
    if opened is None:
        raise NotAuthorizedException(WRONG)
    if not session:
        raise InvalidParameterException("Missing required parameter Session")
    return _beside(sealed.unseal(session, client=client, call=call), *opened)


def _context(client: AppClient, *, alone: bool) -> str:
    """Bind the block to the client; one that does not stand alone is of use beside its Session."""
    return f"{client.sealing_context}:{'alone' if alone else 'session'}"


def _opened(client: AppClient, text: str, *, alone: bool) -> tuple[SrpState, bytes] | None:
    try:
        return srp_exchange.reopen(text, context=_context(client, alone=alone))
    except srp_exchange.NoBlock:
        return None


def _beside(attempt: Attempt, state: SrpState, remembered: bytes) -> Attempt:
    """Give the attempt of a Session the numbers of its block."""
    attempt_id, *_ = _REMEMBERED.unpack_from(remembered)
    if attempt_id != attempt.id.bytes:
        raise NotAuthorizedException(sealed.INVALID)
    attempt.srp = state
    return attempt


def _rebuilt(client: AppClient, call: Call, state: SrpState, remembered: bytes) -> Attempt:
    attempt_id, event_id, sub, epoch, mark = _REMEMBERED.unpack_from(remembered)
    unknown = sub == _NOBODY
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow=FLOW,
        name_key=remembered[_REMEMBERED.size :].decode(),
        user=user_of(client, "" if unknown else sub.hex()),
        epoch=epoch,
        password_mark=mark,
        id=uuid.UUID(bytes=attempt_id),
        event_id=uuid.UUID(bytes=event_id),
        pending=PasswordVerifier.name,
        srp=state,
    )
    check_alive(attempt, unknown=unknown)
    return attempt


def _verifier_of(attempt: Attempt) -> tuple[str, int, str]:
    """Return salt, verifier and user id for SRP; stable fakes where there is no such password."""
    user = attempt.user
    verifier = passwords.stored_verifier(user) if user else None
    if user is not None and verifier is not None:
        return user.password_salt, verifier, user.username
    salt = srp.salt_of(_fake(attempt, b"salt")[:16])
    digests = (_fake(attempt, f"verifier{part}".encode()) for part in range(12))
    return salt, int.from_bytes(b"".join(digests), "big") % srp.N, shown_user_id(attempt)


def shown_user_id(attempt: Attempt) -> str:
    """Return what USER_ID_FOR_SRP shows: shaped as the pool's real names are, stable by name."""
    if attempt.user is not None:
        return attempt.user.username
    pool, key = attempt.pool, attempt.name_key
    # No username here can look like an alias, so the answer must not either.
    looks_like_alias = any(
        CONTACTS[kind](key) for kind in CONTACTS if kind in pool.alias_attributes
    )
    if pool.username_attributes or looks_like_alias:
        return str(uuid.UUID(bytes=_fake(attempt, b"sub")[:16], version=4))
    return key


def _fake(attempt: Attempt, what: bytes) -> bytes:
    key = attempt.user.username_key if attempt.user else attempt.name_key
    digest = hashlib.sha256(what + b"\x00" + attempt.pool.pk.encode() + b"\x00" + key.encode())
    return sealing.stable_hash(Purpose.FAKE, digest.digest())


def _claim_holds(attempt: Attempt, timestamp: str, signature: str) -> bool:
    state, user = attempt.srp, attempt.user
    assert state is not None  # noqa: S101 - attempt_of set it
    verifier = passwords.stored_verifier(user) if user else None
    holds = srp_exchange.claim_holds(
        state,
        # A fake verifier costs what a real one does.
        verifier if verifier is not None else _verifier_of(attempt)[1],
        (user.password_pool_name, user.username) if user else ("", ""),
        timestamp=timestamp,
        signature=signature,
    )
    return holds and verifier is not None
