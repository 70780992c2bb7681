"""The server's side of an SRP exchange: what lies in SECRET_BLOCK, and the claim that answers it.

A password and a device differ in whose verifier it is and in what else the block remembers.
"""

import base64
import binascii
import hmac
import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone

from userpools import sealing
from userpools.auth import srp
from userpools.auth.attempt import SrpState
from userpools.errors import InvalidParameterException
from userpools.sealing import Purpose

# The answer follows within seconds; slow phones and a person's retry are allowed for.
BLOCK_LIFETIME: Final = timedelta(minutes=3)
CLOCK_SKEW: Final = timedelta(minutes=5)
# Expiry, b, A, B; what the challenge remembers follows.
_BLOCK = struct.Struct(">Q32s384s384s")


class NoBlock(Exception):
    """SECRET_BLOCK is altered, foreign, of another kind, or too old."""


def public_value(text: str) -> int:
    """Read SRP_A; InvalidParameterException unless it is a number that a client may send."""
    try:
        value = srp.parse_public(text)
    except ValueError as exc:
        raise InvalidParameterException("Invalid SRP_A.") from exc
    if value % srp.N == 0 or value >= srp.N:
        raise InvalidParameterException("Invalid SRP_A.")
    return value


def begin(client_public: int, verifier: int, remembered: bytes, *, context: str) -> tuple[str, str]:
    """Make B and seal the server's side with what is to be remembered; nothing is written.

    Returns SRP_B and SECRET_BLOCK. `context` is what the block is bound to.
    """
    b, server_public = srp.server_start(verifier)
    block = _BLOCK.pack(
        int((timezone.now() + BLOCK_LIFETIME).timestamp()),
        b.to_bytes(32, "big"),
        client_public.to_bytes(srp.MODULUS_BYTES, "big"),
        server_public.to_bytes(srp.MODULUS_BYTES, "big"),
    )
    sealed = sealing.seal(Purpose.SECRET_BLOCK, block + remembered, context=context)
    return f"{server_public:x}", base64.b64encode(sealed).decode()


def reopen(text: str, *, context: str) -> tuple[SrpState, bytes]:
    """Read SECRET_BLOCK back: the server's side, and what was remembered. Raises NoBlock."""
    try:
        block = base64.b64decode(text, validate=True)
        plain = sealing.unseal(Purpose.SECRET_BLOCK, block, context=context)
    except (sealing.Broken, binascii.Error, ValueError) as exc:
        raise NoBlock from exc
    expires, *numbers = _BLOCK.unpack_from(plain)
    if datetime.fromtimestamp(expires, tz=UTC) <= timezone.now():
        raise NoBlock
    b, client_public, server_public = (int.from_bytes(number, "big") for number in numbers)
    return SrpState(client_public, server_public, b, block), plain[_BLOCK.size :]


def claim_holds(
    state: SrpState, verifier: int, names: tuple[str, str], *, timestamp: str, signature: str
) -> bool:
    """Say whether the claim proves what the verifier was made of, and is of now.

    `names` are the pool's and the user's, or a device's group and key. The powers are computed in
    any case.
    """
    key = srp.server_session_key(state.client_public, state.server_public, state.private, verifier)
    try:
        given = base64.b64decode(signature, validate=True)
        skew = abs(srp.parse_timestamp(timestamp) - timezone.now())
    except (binascii.Error, ValueError):
        return False
    if key is None or skew > CLOCK_SKEW:
        return False
    expected = srp.claim_signature(key, *names, state.block, timestamp)
    return hmac.compare_digest(expected, given)
