"""Identifiers, codes and generated secrets; ARNs; the canonical form of names; masked contacts.

All randomness is the operating system's.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import unicodedata
import uuid
from typing import Final, NamedTuple

_LOWER_ALPHANUMERIC: Final = string.ascii_lowercase + string.digits
_KEY_ID_ALPHABET: Final = string.ascii_uppercase + "234567"
_SECRET_KEY_ALPHABET: Final = string.ascii_letters + string.digits + "/+"

# Without what people mix up when they type (0 O o 1 I l), and without what HTML, shells and
# message templates take for their own.
_PASSWORD_LOWER: Final = "abcdefghijkmnpqrstuvwxyz"  # noqa: S105
_PASSWORD_UPPER: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # noqa: S105
_PASSWORD_NUMBERS: Final = "23456789"  # noqa: S105
_PASSWORD_SYMBOLS: Final = "!@#%*_-+=?"  # noqa: S105
_TEMPORARY_PASSWORD_LENGTH: Final = 12

_USER_POOL_ARN: Final = re.compile(
    r"arn:aws:cognito-idp:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):"
    r"userpool/(?P<pool_id>(?P=region)_[0-9A-Za-z]+)"
)


def _draw(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def new_pool_id(region: str) -> str:
    """Make `<region>_` and 9 letters or digits."""
    return f"{region}_{_draw(string.ascii_letters + string.digits, 9)}"


def new_client_id() -> str:
    """Make 26 lower-case letters or digits."""
    return _draw(_LOWER_ALPHANUMERIC, 26)


def new_client_secret() -> str:
    """Make 51 lower-case letters or digits (263 bits)."""
    return _draw(_LOWER_ALPHANUMERIC, 51)


def new_access_key_id() -> str:
    """Make the id of a lasting access key: `AKIA` and 16 characters of base32."""
    return "AKIA" + _draw(_KEY_ID_ALPHABET, 16)


def new_temporary_key_id() -> str:
    """Make the id of a key that comes with a session token: `ASIA` and 16 characters of base32."""
    return "ASIA" + _draw(_KEY_ID_ALPHABET, 16)


def new_role_id() -> str:
    """Make the id of a role, which no later namesake has: `AROA` and 17 characters of base32."""
    return "AROA" + _draw(_KEY_ID_ALPHABET, 17)


def new_secret_access_key() -> str:
    """Make 40 characters of standard base64 (240 bits)."""
    return _draw(_SECRET_KEY_ALPHABET, 40)


def new_numeric_code(digits: int = 6) -> str:
    """Make a code of decimal digits, each code equally likely, leading zeros kept."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def new_uuid() -> str:
    """Make a random UUID (version 4), lower-case with hyphens."""
    return str(uuid.uuid4())


def new_device_key(region: str) -> str:
    """Make `<region>_<uuid>`."""
    return f"{region}_{new_uuid()}"


def device_group_key(pool_id: str, sub: uuid.UUID) -> str:
    """Make a hyphen and 8 letters or digits, the same for all devices of a user.

    It is no secret: clients hash it in place of the pool's name.
    """
    digest = hashlib.sha256(f"{pool_id}/{sub}".encode()).digest()
    letters = string.ascii_letters + string.digits
    return "-" + "".join(letters[byte % len(letters)] for byte in digest[:8])


def temporary_password(
    *, minimum_length: int, upper: bool, lower: bool, numbers: bool, symbols: bool
) -> str:
    """Make a password that meets the policy: at least 12 characters, a letter or digit first.

    Lower-case letters and digits occur in any case, capitals and symbols only where demanded.
    """
    demanded = [
        alphabet
        for wanted, alphabet in (
            (upper, _PASSWORD_UPPER),
            (lower, _PASSWORD_LOWER),
            (numbers, _PASSWORD_NUMBERS),
            (symbols, _PASSWORD_SYMBOLS),
        )
        if wanted
    ]
    everything = "".join(dict.fromkeys([*demanded, _PASSWORD_LOWER, _PASSWORD_NUMBERS]))
    length = max(minimum_length, _TEMPORARY_PASSWORD_LENGTH)
    # Drawn again rather than patched, so that every conforming password is equally likely.
    while True:
        password = _draw(everything, length)
        if password[0] not in _PASSWORD_SYMBOLS and all(set(password) & set(d) for d in demanded):
            return password


class UserPoolArn(NamedTuple):
    """The parts of a user pool's ARN."""

    region: str
    account: str
    pool_id: str


def user_pool_arn(region: str, account: str, pool_id: str) -> str:
    """Compose a user pool's ARN."""
    return f"arn:aws:cognito-idp:{region}:{account}:userpool/{pool_id}"


def parse_user_pool_arn(arn: str) -> UserPoolArn:
    """Take a user pool's ARN apart; raise ValueError for anything else.

    The pool id must name the ARN's own region.
    """
    match = _USER_POOL_ARN.fullmatch(arn)
    if match is None:
        raise ValueError("Not the ARN of a user pool.")
    return UserPoolArn(match["region"], match["account"], match["pool_id"])


def canonical_key(name: str, *, case_sensitive: bool) -> str:
    """Return the form in which names are unique: NFC, and in case-insensitive pools case-folded.

    Canonically equal spellings are one name: "é" in one code point or in two, the Kelvin sign and
    "K", the Angstrom sign and "Å". Look-alikes (full-width letters, dotless i, other scripts) stay
    names of their own, as NFKC is not applied. Case folding joins, beyond capitals, long s with
    "s", sharp s with "ss" and ligatures with their letters; a case-sensitive pool keeps them apart.

    Source: The Unicode Standard, section 3.13, D145 (canonical caseless match).
    """
    if case_sensitive:
        return unicodedata.normalize("NFC", name)
    # Decomposed first, as folding acts on single code points; composed after, as it decomposes.
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", folded)


def mask_email(address: str) -> str:
    """Show the first character of the local part and of the domain: `j***@e***`."""
    local, at, domain = address.rpartition("@")
    if not at:
        return "***"
    return f"{local[:1]}***@{domain[:1]}***"


def mask_phone(number: str) -> str:
    """Show the last four digits behind as many asterisks as digits are hidden: `+*******1234`."""
    digits = number.removeprefix("+")
    shown = digits[-4:] if len(digits) > 4 else ""  # noqa: PLR2004
    return "+" + "*" * (len(digits) - len(shown)) + shown
