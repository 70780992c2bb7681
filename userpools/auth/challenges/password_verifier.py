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
from userpools.auth import passwords, sealed, srp
from userpools.auth.attempt import Attempt, Parameters, Responses, SrpState, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.checks import WRONG, after_password, fail, take_attempt
from userpools.auth.sealed import check_alive, user_of
from userpools.awsjson.service import Call
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.models import AppClient
from userpools.sealing import Purpose
from userpools.services.users import CONTACTS

FLOW: Final = "USER_SRP_AUTH"
# The answer follows within seconds; slow phones and a person's retry are allowed for.
BLOCK_LIFETIME: Final = timedelta(minutes=3)
CLOCK_SKEW: Final = timedelta(minutes=5)
# A block of any other flow is of use beside its Session alone.
BESIDE_SESSION: Final = ":session"
# attempt, event, user's sub, epoch, password mark, expiry, b, A, B; the name's key follows.
_BLOCK = struct.Struct(">16s16s16sIQQ32s384s384s")
_NOBODY = b"\x00" * 16


class PasswordVerifier(Challenge):
    """The second half of SRP.

    SECRET_BLOCK carries everything, as older SDKs send no Session; the Session that comes with the
    challenge is for SDKs that want to see one.
    """

    name = "PASSWORD_VERIFIER"

    def applies(self, attempt: Attempt) -> bool:
        """Follow USER_SRP_AUTH, PASSWORD_SRP, and SRP_A where a custom sign-in wants it now."""
        if attempt.flow == FLOW or "PASSWORD_SRP" in attempt.passed:
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
        secret = sealing.seal(
            Purpose.SECRET_BLOCK,
            block + attempt.name_key.encode(),
            context=_context(attempt.client, alone=attempt.flow == FLOW),
        )
        return {
            "SALT": salt,
            "SECRET_BLOCK": base64.b64encode(secret).decode(),
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
    """Rebuild the attempt from SECRET_BLOCK, or take that of the Session that it is bound to.

    Raises NotAuthorizedException where either is not good, InvalidParameterException where a
    Session is needed and missing.
    """
    text = required(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    try:
        block = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise NotAuthorizedException(WRONG) from exc
    plain = _opened(client, block, alone=True)
    if plain is not None:
        return _rebuilt(client, call, block, plain)
    plain = _opened(client, block, alone=False)
    if plain is None:
        raise NotAuthorizedException(WRONG)
    if not session:
        raise InvalidParameterException("Missing required parameter Session")
    return _beside(sealed.unseal(session, client=client, call=call), block, plain)


def _context(client: AppClient, *, alone: bool) -> str:
    return client.sealing_context if alone else client.sealing_context + BESIDE_SESSION


def _opened(client: AppClient, block: bytes, *, alone: bool) -> bytes | None:
    try:
        return sealing.unseal(Purpose.SECRET_BLOCK, block, context=_context(client, alone=alone))
    except sealing.Broken:
        return None


def _beside(attempt: Attempt, block: bytes, plain: bytes) -> Attempt:
    """Give the attempt of a Session the numbers of its block."""
    attempt_id, _, _, _, _, expires, *numbers = _BLOCK.unpack_from(plain)
    if attempt_id != attempt.id.bytes:
        raise NotAuthorizedException(sealed.INVALID)
    if datetime.fromtimestamp(expires, tz=UTC) <= timezone.now():
        raise NotAuthorizedException(WRONG)
    b, client_public, server_public = (int.from_bytes(number, "big") for number in numbers)
    attempt.srp = SrpState(client_public, server_public, b, block)
    return attempt


def _rebuilt(client: AppClient, call: Call, block: bytes, plain: bytes) -> Attempt:
    attempt_id, event_id, sub, epoch, mark, expires, *numbers = _BLOCK.unpack_from(plain)
    if datetime.fromtimestamp(expires, tz=UTC) <= timezone.now():
        raise NotAuthorizedException(WRONG)
    unknown = sub == _NOBODY
    b, client_public, server_public = (int.from_bytes(number, "big") for number in numbers)
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow=FLOW,
        name_key=plain[_BLOCK.size :].decode(),
        user=user_of(client, "" if unknown else sub.hex()),
        epoch=epoch,
        password_mark=mark,
        id=uuid.UUID(bytes=attempt_id),
        event_id=uuid.UUID(bytes=event_id),
        pending=PasswordVerifier.name,
        srp=SrpState(client_public, server_public, b, block),
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
