"""SRP-6a as the client SDKs compute it; pure arithmetic, no state.

Every value is hashed as the bytes of its padded hex (`pad`). Source: the arithmetic of
amazon-cognito-identity-js, `AuthenticationHelper`; RFC 5054, sections 2.5 and 2.6.

N: the 3072-bit prime of RFC 3526, group 15; g: 2; H: SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import gmpy2  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:  # pragma: no cover - the package depends on it
    gmpy2 = None
    warnings.warn(
        "gmpy2 is missing: SRP falls back to pow(), which is slow and leaks secrets by its timing."
        " For development only.",
        RuntimeWarning,
        stacklevel=2,
    )

# Whether powers of secrets take the same time for every secret; production refuses otherwise.
HAS_CONSTANT_TIME: Final = gmpy2 is not None

N_HEX: Final = (
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74"
    "020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437"
    "4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05"
    "98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb"
    "9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718"
    "3995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33"
    "a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7"
    "abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864"
    "d87602733ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e2"
    "08e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff"
)
N: Final = int(N_HEX, 16)
G: Final = 2
MODULUS_BYTES: Final = 384
SALT_BYTES: Final = 16
SESSION_KEY_BYTES: Final = 16
_PRIVATE_BITS: Final = 256
_HKDF_INFO: Final = b"Caldera Derived Key"

# 768 digits and the zero byte that padding puts in front.
_PUBLIC_HEX = re.compile(r"[0-9a-fA-F]{1,770}")
_MONTHS: Final = tuple("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())  # noqa: SIM905
_TIMESTAMP = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>" + "|".join(_MONTHS) + r") "
    r"(?P<day>[0-9]{1,2}) (?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
    r" UTC (?P<year>[0-9]{4})"
)


def _power_by_gmpy2(base: int, exponent: int) -> int:
    with gmpy2.context(allow_release_gil=True):
        return int(gmpy2.powmod_sec(base, exponent, N))


def _power_by_pow(base: int, exponent: int) -> int:
    return pow(base, exponent, N)


_power: Final[Callable[[int, int], int]] = _power_by_gmpy2 if HAS_CONSTANT_TIME else _power_by_pow


def pad(number: int) -> bytes:
    """Big-endian bytes, with a zero byte in front of a set top bit (Java's BigInteger)."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def pad_hex(number: int) -> str:
    """Return `pad` as lower-case hex."""
    return pad(number).hex()


def _hash_int(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest(), "big")


K: Final = _hash_int(pad(N) + pad(G))


def new_salt() -> str:
    """Make a random salt of 16 bytes, in hexadecimal digits."""
    return salt_of(secrets.token_bytes(SALT_BYTES))


def salt_of(raw: bytes) -> str:
    """Write bytes as a salt whose top bit is set.

    pycognito hashes the salt's digits as sent, other clients the number that they spell: with zeros
    in front the two would come to different passwords.
    """
    return (bytes([raw[0] | 0x80]) + raw[1:]).hex()


def private_key(pool_name: str, user_id: str, password: str, salt_hex: str) -> int:
    """Compute x. For a device: its group key, its key, its secret and its salt."""
    inner = hashlib.sha256(f"{pool_name}{user_id}:{password}".encode()).digest()
    return _hash_int(pad(int(salt_hex, 16)) + inner)


def verifier(pool_name: str, user_id: str, password: str, salt_hex: str) -> int:
    """Compute v = g^x mod N.

    pool_name: the pool id's part after the first underscore; user_id: the canonical username,
    which the client is told as USER_ID_FOR_SRP. Both are part of the verifier for good.
    """
    return _power(G, private_key(pool_name, user_id, password, salt_hex))


def verifier_to_bytes(value: int) -> bytes:
    """Big-endian, 384 bytes: the form to store."""
    return value.to_bytes(MODULUS_BYTES, "big")


def verifier_from_bytes(data: bytes) -> int:
    """Read a verifier, stored or padded as ConfirmDevice sends it.

    Raises ValueError unless 1 < v < N.
    """
    value = int.from_bytes(data, "big")
    if len(data) > MODULUS_BYTES + 1 or not 1 < value < N:
        raise ValueError("Not an SRP verifier.")
    return value


def password_matches(
    stored: int, pool_name: str, user_id: str, password: str, salt_hex: str
) -> bool:
    """Whether a password has this verifier; compared in constant time."""
    offered = verifier(pool_name, user_id, password, salt_hex)
    return hmac.compare_digest(verifier_to_bytes(offered), verifier_to_bytes(stored))


def server_start(verifier: int, b: int | None = None) -> tuple[int, int]:
    """Return (b, B): the server's secret of 256 random bits and B = kv + g^b mod N.

    A given b serves tests.
    """
    if b is not None:
        return b, _server_public(verifier, b)
    while True:
        b = secrets.randbelow((1 << _PRIVATE_BITS) - 1) + 1
        public = _server_public(verifier, b)
        if public:
            return b, public


def _server_public(verifier: int, b: int) -> int:
    return (K * verifier + _power(G, b)) % N


def scramble(A: int, B: int) -> int:  # noqa: N803
    """Compute u = H(pad(A) | pad(B))."""
    return _hash_int(pad(A) + pad(B))


def server_session_key(A: int, B: int, b: int, verifier: int) -> bytes | None:  # noqa: N803
    """Return the 16-byte session key, or None where A is none a client may send (RFC 5054, 2.5.4).

    S = (A v^u)^b mod N; the key is HKDF's with u as the salt.
    """
    if not 0 < A < N:
        return None
    u = scramble(A, B)
    if u == 0:
        return None
    return derive_key(_power(A * _power(verifier, u) % N, b), u)


def derive_key(S: int, u: int) -> bytes:  # noqa: N803
    """RFC 5869 HKDF-SHA256 of pad(S) with the salt pad(u), cut to 16 bytes."""
    extracted = hmac.digest(pad(u), pad(S), "sha256")
    return hmac.digest(extracted, _HKDF_INFO + b"\x01", "sha256")[:SESSION_KEY_BYTES]


def claim_signature(
    key: bytes, pool_name: str, user_id: str, secret_block: bytes, timestamp: str
) -> bytes:
    """Compute PASSWORD_CLAIM_SIGNATURE (32 bytes; base64 on the wire).

    secret_block: the bytes that SECRET_BLOCK encodes; timestamp: the text as received.
    """
    message = (pool_name + user_id).encode() + secret_block + timestamp.encode()
    return hmac.digest(key, message, "sha256")


def parse_public(text: str) -> int:
    """Read SRP_A: hex of either case and any parity, with or without the padding's zero byte.

    Raises ValueError for anything but 1 to 770 digits of a number of at most 3072 bits.
    """
    if not _PUBLIC_HEX.fullmatch(text):
        raise ValueError("Not an SRP public value.")
    number = int(text, 16)
    if number.bit_length() > MODULUS_BYTES * 8:
        raise ValueError("An SRP public value of more than 3072 bits.")
    return number


def parse_timestamp(text: str) -> datetime:
    """Read TIMESTAMP, `EEE MMM d HH:mm:ss UTC yyyy` in English, the day padded or not.

    Raises ValueError. The day of the week must be a name, but nobody compares it with the date.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError("Not an SRP timestamp.")
    month = _MONTHS.index(match["month"]) + 1
    day, hour, minute, second, year = (
        int(match[part]) for part in ("day", "hour", "minute", "second", "year")
    )
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
