"""Authenticated encryption under the key-encryption key, and its rotation.

A sealed value is `version (1) | master key id (4) | UTC day (4) | nonce (12) | AES-256-GCM`. The
cipher's key is derived (HKDF-SHA256) from the master key, the purpose and the day, so no purpose
opens another's values and no derived key is used often enough for random nonces to collide, even
where strangers make us seal. Purpose, header and the row's identity are associated data.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import struct
import time
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 4
MAX_TOKEN_CHARS: Final = 16_384

_VERSION: Final = 1
_HEADER: Final = struct.Struct(">B4sI")
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_PREFIX_BYTES: Final = _HEADER.size + _NONCE_BYTES
_OVERHEAD: Final = _PREFIX_BYTES + _TAG_BYTES
# A letter, as a command line takes a leading "-" for an option.
_TOKEN_PREFIX: Final = "P"  # noqa: S105
_DAY_SECONDS: Final = 86_400
_CLOCK_SKEW_SECONDS: Final = 300


class Purpose(StrEnum):
    """What a value is sealed or hashed for; the spelling is part of the stored format."""

    # rows
    SIGNING_KEY = "signing-key"
    CLIENT_SECRET = "client-secret"  # noqa: S105
    ACCESS_KEY = "access-key"
    PASSWORD = "password"  # noqa: S105
    TOTP_SEED = "totp-seed"
    DEVICE_VERIFIER = "device-verifier"
    PROVIDER_SECRET = "provider-secret"  # noqa: S105
    FUNCTION_SECRET = "function-secret"  # noqa: S105
    PRIVATE_PARAMETERS = "private-parameters"
    INVOCATION = "invocation"
    MESSAGE = "message"
    CODE = "code"
    # values that strangers hold
    ATTEMPT = "attempt"
    SECRET_BLOCK = "secret-block"  # noqa: S105
    SIGN_UP_SESSION = "sign-up-session"
    PASSKEY_REGISTRATION = "passkey-registration"
    PAGING_TOKEN = "paging-token"  # noqa: S105
    REFRESH_TOKEN = "refresh-token"  # noqa: S105
    AUTHORIZATION_CODE = "authorization-code"
    STS_SESSION = "sts-session"
    FEEDBACK_LINK = "feedback-link"
    UPLOAD_URL = "upload-url"
    COOKIE = "cookie"
    FORM = "form"
    FEDERATION_STATE = "federation-state"
    # keyed hashes
    GUESS_BUCKET = "guess-bucket"
    CUSTOM_SENDER = "custom-sender"
    FAKE = "fake"


# Accepted today, on the following day, and within clock skew of the day itself; the others open
# at any age, and what they say of their expiry is the caller's to check.
_SHORT_LIVED: Final = frozenset(
    {
        Purpose.ATTEMPT,
        Purpose.SECRET_BLOCK,
        Purpose.SIGN_UP_SESSION,
        Purpose.PASSKEY_REGISTRATION,
        Purpose.PAGING_TOKEN,
    }
)


class Broken(Exception):
    """A sealed value does not open: altered, foreign, too old, malformed, or its key is gone."""


class NoKeyRing(RuntimeError):
    """Something was sealed or opened before `install` was called."""


class MasterKey(NamedTuple):
    """One key-encryption key with the identifier that sealed values carry."""

    id: bytes
    secret: bytes

    @classmethod
    def of(cls, secret: bytes) -> MasterKey:
        """Raise ValueError for any length but 32 bytes."""
        if len(secret) != KEY_BYTES:
            raise ValueError(f"A master key has {KEY_BYTES} bytes, not {len(secret)}.")
        return cls(hashlib.sha256(b"poolhouse key id" + secret).digest()[:KEY_ID_BYTES], secret)

    def __repr__(self) -> str:
        return f"<MasterKey {self.id.hex()}>"


class KeyRing:
    """The master keys in use: the first seals, all of them open."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = [MasterKey.of(key) for key in keys]
        if not self._keys:
            raise ValueError("A key ring needs at least one master key.")
        self._by_id = {key.id: key for key in self._keys}
        if len(self._by_id) != len(self._keys):
            raise ValueError("One master key stands twice in the key ring.")
        self.current = self._keys[0]
        self.oldest = self._keys[-1]

    @property
    def key_ids(self) -> list[str]:
        """Hexadecimal identifiers, the current key's first."""
        return [key.id.hex() for key in self._keys]

    def find(self, key_id: bytes) -> MasterKey:
        """Raise Broken if the key is not in the ring."""
        try:
            return self._by_id[key_id]
        except KeyError:
            raise Broken("sealed under a master key that is not in the key ring") from None

    def __repr__(self) -> str:
        return f"<KeyRing {', '.join(self.key_ids)}>"


_installed: KeyRing | None = None


def install(key_ring: KeyRing | None) -> None:
    """Make a ring the process's own; None takes it away."""
    global _installed  # noqa: PLW0603
    _installed = key_ring


def ring() -> KeyRing:
    """Return the installed ring; raise NoKeyRing if there is none."""
    if _installed is None:
        raise NoKeyRing("No master key is installed: set POOLHOUSE_MASTER_KEY or its _FILE.")
    return _installed


def parse_keys(text: str) -> list[bytes]:
    """Read 32-byte keys in base64 (standard or URL-safe), separated by commas or line ends.

    Raises ValueError, which never quotes the text.
    """
    entries = [entry.strip() for entry in text.replace(",", "\n").splitlines()]
    keys = [_parse_key(number, entry) for number, entry in enumerate(filter(None, entries), 1)]
    if not keys:
        raise ValueError("No master key is given.")
    return keys


def _parse_key(number: int, entry: str) -> bytes:
    standard = entry.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
    except ValueError:
        raise ValueError(f"Master key {number} is not base64.") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"Master key {number} has {len(key)} bytes instead of {KEY_BYTES}.")
    return key


def new_key_text() -> str:
    """Make a random master key in the form that `parse_keys` reads."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def seal(purpose: Purpose, plaintext: bytes, *, context: str | bytes) -> bytes:
    """Encrypt under the current key; `context` is the row's identity and must be given to open."""
    key = ring().current
    day = _today()
    header = _HEADER.pack(_VERSION, key.id, day)
    nonce = os.urandom(_NONCE_BYTES)
    associated = _associated(purpose, header, context)
    return header + nonce + _cipher(key.secret, purpose, day).encrypt(nonce, plaintext, associated)


def unseal(purpose: Purpose, sealed: bytes | memoryview, *, context: str | bytes) -> bytes:
    """Return the plaintext; raise Broken for everything that can be wrong."""
    sealed = bytes(sealed)
    key_id, day = _parse_header(sealed)
    if purpose in _SHORT_LIVED and not _is_recent(day):
        raise Broken("sealed on a day that is no longer accepted")
    cipher = _cipher(ring().find(key_id).secret, purpose, day)
    nonce, ciphertext = sealed[_HEADER.size : _PREFIX_BYTES], sealed[_PREFIX_BYTES:]
    try:
        return cipher.decrypt(
            nonce, ciphertext, _associated(purpose, sealed[: _HEADER.size], context)
        )
    except InvalidTag:
        raise Broken("altered, or sealed for another purpose or row") from None


def seal_token(purpose: Purpose, plaintext: bytes, *, context: str | bytes = b"") -> str:
    """Seal into URL-safe text that begins with a letter; for values that strangers hold.

    Raises ValueError if the text would be longer than `unseal_token` accepts.
    """
    token = _token_text(seal(purpose, plaintext, context=context))
    if len(token) > MAX_TOKEN_CHARS:
        raise ValueError(f"A token of {len(token)} characters is too long.")
    return token


def unseal_token(purpose: Purpose, token: str, *, context: str | bytes = b"") -> bytes:
    """Open a token; exactly the text that was issued opens, no other spelling of its bytes."""
    return unseal(purpose, _token_bytes(token), context=context)


def key_id_of(sealed: bytes | memoryview) -> str:
    """Return the hexadecimal id of the master key that a value is sealed under."""
    return _parse_header(bytes(sealed))[0].hex()


def is_current(sealed: bytes | memoryview) -> bool:
    """Whether the value is sealed under the ring's first key."""
    return _parse_header(bytes(sealed))[0] == ring().current.id


def reseal(purpose: Purpose, sealed: bytes | memoryview, *, context: str | bytes) -> bytes:
    """Return the value under the current key; one that is there already comes back as it is."""
    plaintext = unseal(purpose, sealed, context=context)
    return bytes(sealed) if is_current(sealed) else seal(purpose, plaintext, context=context)


def keyed_hash(purpose: Purpose, data: bytes) -> bytes:
    """HMAC-SHA256 under the current key, as `key id (4) | digest (32)`, to be stored."""
    key = ring().current
    return key.id + _digest(key, purpose, data)


def keyed_hash_matches(purpose: Purpose, data: bytes, stored: bytes | memoryview) -> bool:
    """Compare in constant time, under the key that the stored hash names; False if it is gone."""
    stored = bytes(stored)
    try:
        key = ring().find(stored[:KEY_ID_BYTES])
    except Broken:
        return False
    return hmac.compare_digest(stored[KEY_ID_BYTES:], _digest(key, purpose, data))


def stable_hash(purpose: Purpose, data: bytes) -> bytes:
    """HMAC-SHA256 (32 bytes) under the ring's oldest key.

    The same through a rotation until its last step, when the old key is taken out. For answers that
    must look alike from call to call (the salt of an unknown user) and for rows found by a hash.
    """
    return _digest(ring().oldest, purpose, data)


def _digest(key: MasterKey, purpose: Purpose, data: bytes) -> bytes:
    return hmac.digest(_subkey(key.secret, b"hash", purpose), data, "sha256")


@lru_cache(maxsize=256)
def _subkey(secret: bytes, use: bytes, purpose: Purpose, day: int = 0) -> bytes:
    info = b"poolhouse\0%s\0%s\0%d" % (use, purpose.encode(), day)
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)


# As many days of as many purposes as a server meets; a miss costs some 10 microseconds.
@lru_cache(maxsize=4096)
def _cipher(secret: bytes, purpose: Purpose, day: int) -> AESGCM:
    return AESGCM(_subkey.__wrapped__(secret, b"seal", purpose, day))


def _associated(purpose: Purpose, header: bytes, context: str | bytes) -> bytes:
    if isinstance(context, str):
        context = context.encode("utf-8", "surrogatepass")
    # Purpose behind its length, the header of fixed length, the rest is the context.
    return b"%c%s%s%s" % (len(purpose), purpose.encode(), header, context)


def _parse_header(sealed: bytes) -> tuple[bytes, int]:
    if len(sealed) < _OVERHEAD:
        raise Broken("too short for a sealed value")
    version, key_id, day = _HEADER.unpack_from(sealed)
    if version != _VERSION:
        raise Broken("not a sealed value of a known version")
    return key_id, day


def _today() -> int:
    return int(time.time()) // _DAY_SECONDS


def _is_recent(day: int) -> bool:
    now = int(time.time())
    return now // _DAY_SECONDS - 1 <= day <= (now + _CLOCK_SKEW_SECONDS) // _DAY_SECONDS


def _token_text(sealed: bytes) -> str:
    return _TOKEN_PREFIX + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _token_bytes(token: str) -> bytes:
    if len(token) > MAX_TOKEN_CHARS or not token.startswith(_TOKEN_PREFIX):
        raise Broken("not a token")
    body = token[len(_TOKEN_PREFIX) :]
    try:
        sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except ValueError:
        raise Broken("not a token") from None
    # The decoder skips foreign characters and spare bits; the issued spelling is the only one.
    if _token_text(sealed) != token:
        raise Broken("not a token as it was issued")
    return sealed
