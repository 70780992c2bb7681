"""PASSWORD_VERIFIER: SRP, the password proved without being sent."""

import base64
import binascii
import hashlib
import hmac
import struct
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone

from userpools import sealing
from userpools.auth import passwords, srp
from userpools.auth.attempt import Attempt, Parameters, Responses, SrpState, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.checks import WRONG, after_password, fail, take_attempt
from userpools.auth.sealed import INVALID, check_alive, unseal, user_of
from userpools.awsjson.service import Call
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.models import AppClient
from userpools.sealing import Purpose
from userpools.services.users import CONTACTS

FLOW: Final = "USER_SRP_AUTH"
# The answer follows within seconds; slow phones and a person's retry are allowed for.
BLOCK_LIFETIME: Final = timedelta(minutes=3)
CLOCK_SKEW: Final = timedelta(minutes=5)
# attempt, event, user's sub, epoch, password mark, expiry, b, A, B; the flow and the name's key
# follow, parted by a null character.
_BLOCK = struct.Struct(">16s16s16sIQQ32s384s384s")
_NOBODY = b"\x00" * 16


class PasswordVerifier(Challenge):
    """The second half of SRP.

    In USER_SRP_AUTH, SECRET_BLOCK carries everything, as older SDKs send no Session; the Session
    that comes with the challenge is for SDKs that want to see one. In other flows this is a step
    among others, and the Session is needed.
    """

    name = "PASSWORD_VERIFIER"

    def applies(self, attempt: Attempt) -> bool:
        """Follow USER_SRP_AUTH, or SRP_A in a custom sign-in whose functions want it now."""
        if attempt.flow == FLOW:
            return True
        return attempt.named == self.name and bool(attempt.inputs.get("SRP_A"))

    def issue(self, attempt: Attempt) -> Parameters:
        """Make B and seal the server's side into SECRET_BLOCK; nothing is written."""
        client_public = public_value(attempt.inputs["SRP_A"])
        salt, verifier, user_id = _verifier_of(attempt)
        b, server_public = srp.server_start(verifier)
        block = _BLOCK.pack(
            attempt.id.bytes,
            attempt.event_id.bytes,
            attempt.user.sub.bytes if attempt.user else _NOBODY,
            attempt.epoch,
            attempt.password_mark,
            int((timezone.now() + BLOCK_LIFETIME).timestamp()),
            b.to_bytes(32, "big"),
            client_public.to_bytes(srp.MODULUS_BYTES, "big"),
            server_public.to_bytes(srp.MODULUS_BYTES, "big"),
        )
        sealed = sealing.seal(
            Purpose.SECRET_BLOCK,
            block + f"{attempt.flow}\x00{attempt.name_key}".encode(),
            context=attempt.client.sealing_context,
        )
        return {
            "SALT": salt,
            "SECRET_BLOCK": base64.b64encode(sealed).decode(),
            "SRP_B": f"{server_public:x}",
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


def public_value(text: str) -> int:
    """Read SRP_A; InvalidParameterException unless it is a number that a client may send."""
    try:
        value = srp.parse_public(text)
    except ValueError as exc:
        raise InvalidParameterException("Invalid SRP_A.") from exc
    if value % srp.N == 0 or value >= srp.N:
        raise InvalidParameterException("Invalid SRP_A.")
    return value


def attempt_of(client: AppClient, call: Call, responses: Responses, session: str) -> Attempt:
    """Rebuild the attempt from SECRET_BLOCK, or where other steps are due, from its Session.

    Raises NotAuthorizedException if either is not good, or they are not of one attempt. A block
    names its flow, so that one that was made for a step among others is no sign-in by itself.
    """
    text = required(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    try:
        block = base64.b64decode(text, validate=True)
        plain = sealing.unseal(Purpose.SECRET_BLOCK, block, context=client.sealing_context)
    except (sealing.Broken, binascii.Error, ValueError) as exc:
        raise NotAuthorizedException(WRONG) from exc
    attempt_id, event_id, sub, epoch, mark, expires, *numbers = _BLOCK.unpack_from(plain)
    if datetime.fromtimestamp(expires, tz=UTC) <= timezone.now():
        raise NotAuthorizedException(WRONG)
    unknown = sub == _NOBODY
    flow, _, name_key = plain[_BLOCK.size :].decode().partition("\x00")
    b, client_public, server_public = (int.from_bytes(number, "big") for number in numbers)
    state = SrpState(client_public, server_public, b, block)
    if flow != FLOW:
        return _step_of(client, call, session, uuid.UUID(bytes=attempt_id), state)
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow=flow,
        name_key=name_key,
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


def _step_of(
    client: AppClient, call: Call, session: str, attempt_id: uuid.UUID, state: SrpState
) -> Attempt:
    if not session:
        raise InvalidParameterException("Missing required parameter Session")
    attempt = unseal(session, client=client, call=call)
    if attempt.id != attempt_id:
        raise NotAuthorizedException(INVALID)
    attempt.srp = state
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
    key = srp.server_session_key(
        state.client_public,
        state.server_public,
        state.private,
        # A fake verifier costs what a real one does.
        verifier if verifier is not None else _verifier_of(attempt)[1],
    )
    try:
        given = base64.b64decode(signature, validate=True)
        skew = abs(srp.parse_timestamp(timestamp) - timezone.now())
    except (binascii.Error, ValueError):
        return False
    if key is None or verifier is None or user is None or skew > CLOCK_SKEW:
        return False
    expected = srp.claim_signature(
        key, user.password_pool_name, user.username, state.block, timestamp
    )
    return hmac.compare_digest(expected, given)
