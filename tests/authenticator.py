"""An authenticator app, written from RFC 6238 and not from the server."""

import base64
import hashlib
import hmac
import struct
import time

STEP = 30
ROOM = 2.0


def code_of(secret: str, *, drift: int = 0) -> str:
    """Return the code that an app with this Base32 secret shows, so many steps from now."""
    if drift not in {0, 1}:
        _wait_for_room()
    seed = base64.b32decode(secret + "=" * (-len(secret) % 8))
    step = struct.pack(">Q", int(time.time()) // STEP + drift)
    digest = hmac.new(seed, step, hashlib.sha1).digest()
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def _wait_for_room() -> None:
    """Wait out the end of a step: a code of the past would be a step older when it is read."""
    until = time.monotonic() + ROOM
    while STEP - time.time() % STEP < ROOM and time.monotonic() < until:
        time.sleep(0.05)
