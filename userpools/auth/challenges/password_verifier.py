"""PASSWORD_VERIFIER: SRP, the password proved without being sent."""

import base64
import binascii
import hashlib
import hmac
import struct
import uuid
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from userpools import sealing
from userpools.auth import passwords, srp
from userpools.auth.attempt import Attempt, Parameters, Responses
from userpools.auth.challenges.base import Challenge, take
from userpools.auth.checks import WRONG, after_password, fail, take_attempt
from userpools.auth.sealed import check_alive, user_of
from userpools.awsjson.service import Call
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.models import AppClient
from userpools.sealing import Purpose

FLOW: Final = "USER_SRP_AUTH"
# The answer follows within seconds; slow phones and a person's retry are allowed for.
BLOCK_LIFETIME: Final = timedelta(minutes=3)
CLOCK_SKEW: Final = timedelta(minutes=5)
# attempt, event, user's sub, epoch, expiry, b, A, B; the typed name follows.
_BLOCK = struct.Struct(">16s16s16sIQ32s384s384s")
_NOBODY = b"\x00" * 16


class PasswordVerifier(Challenge):
    """The second half of SRP. SECRET_BLOCK carries everything, as older SDKs send no Session."""

    name = "PASSWORD_VERIFIER"
    needs_session = False

    def applies(self, attempt: Attempt) -> bool:
        """Follow USER_SRP_AUTH."""
        return attempt.flow == FLOW

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
            int((timezone.now() + BLOCK_LIFETIME).timestamp()),
            b.to_bytes(32, "big"),
            client_public.to_bytes(srp.MODULUS_BYTES, "big"),
            server_public.to_bytes(srp.MODULUS_BYTES, "big"),
        )
        sealed = sealing.seal(
            Purpose.SECRET_BLOCK,
            block + attempt.typed_name.encode(),
            context=_context(attempt.client),
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
        signature = take(responses, "PASSWORD_CLAIM_SIGNATURE")
        timestamp = take(responses, "TIMESTAMP")
        block = attempt.inputs["SECRET_BLOCK"]
        take_attempt(attempt)
        if not _claim_holds(attempt, block, timestamp, signature):
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


def attempt_of(client: AppClient, call: Call, responses: Responses, flow: str) -> Attempt:
    """Rebuild the attempt from SECRET_BLOCK; NotAuthorizedException if it is not good."""
    text = take(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    try:
        sealed = base64.b64decode(text, validate=True)
        plain = sealing.unseal(Purpose.SECRET_BLOCK, sealed, context=_context(client))
    except (sealing.Broken, binascii.Error, ValueError) as exc:
        raise NotAuthorizedException(WRONG) from exc
    attempt_id, event_id, sub, epoch, expires, *_ = _BLOCK.unpack_from(plain)
    if datetime.fromtimestamp(expires, tz=timezone.now().tzinfo) <= timezone.now():
        raise NotAuthorizedException(WRONG)
    unknown = sub == _NOBODY
    attempt = Attempt(
        pool=client.pool,
        client=client,
        call=call,
        flow=flow,
        typed_name=plain[_BLOCK.size :].decode(),
        user=None if unknown else user_of(client, sub.hex()),
        epoch=epoch,
        id=uuid.UUID(bytes=attempt_id),
        event_id=uuid.UUID(bytes=event_id),
        pending=PasswordVerifier.name,
        inputs={"SECRET_BLOCK": text},
    )
    check_alive(attempt, unknown=unknown)
    return attempt


def _context(client: AppClient) -> str:
    return f"{client.pool_id}:{client.client_id}"


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
    if attempt.pool.username_attributes:
        return str(uuid.UUID(bytes=_fake(attempt, b"sub")[:16], version=4))
    return attempt.typed_name


def _fake(attempt: Attempt, what: bytes) -> bytes:
    name = attempt.user.username if attempt.user else attempt.typed_name
    digest = hashlib.sha256(what + b"\x00" + attempt.pool.pk.encode() + b"\x00" + name.encode())
    return sealing.stable_hash(Purpose.FAKE, digest.digest())


def _claim_holds(attempt: Attempt, block: str, timestamp: str, signature: str) -> bool:
    sealed = base64.b64decode(block)
    plain = sealing.unseal(Purpose.SECRET_BLOCK, sealed, context=_context(attempt.client))
    *_, b, client_public, server_public = _BLOCK.unpack_from(plain)
    verifier = passwords.stored_verifier(attempt.user) if attempt.user else None
    key = srp.server_session_key(
        int.from_bytes(client_public, "big"),
        int.from_bytes(server_public, "big"),
        int.from_bytes(b, "big"),
        # A fake verifier costs what a real one does.
        verifier if verifier is not None else _verifier_of(attempt)[1],
    )
    try:
        given = base64.b64decode(signature, validate=True)
        skew = abs(srp.parse_timestamp(timestamp) - timezone.now())
    except (binascii.Error, ValueError):
        return False
    if key is None or verifier is None or attempt.user is None or skew > CLOCK_SKEW:
        return False
    expected = srp.claim_signature(
        key, attempt.user.password_pool_name, attempt.user.username, sealed, timestamp
    )
    return hmac.compare_digest(expected, given)
