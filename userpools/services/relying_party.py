"""The relying party of a pool's passkeys: its id, which pages speak for it, and what it demands.

Source: developer guide, "Passkey sign-in"; API reference, WebAuthnConfigurationType; Web
Authentication Level 3, "Relying Party Identifier".
"""

import re
from functools import lru_cache
from typing import Any, Final

from publicsuffixlist import PublicSuffixList

from userpools.errors import WebAuthnConfigurationMissingException, WebAuthnNotEnabledException
from userpools.models import PoolUser, UserPool

MULTI_FACTOR: Final = "MULTI_FACTOR_WITH_USER_VERIFICATION"
FIRST_FACTOR: Final = "WEB_AUTHN"
# Browsers trust it without TLS, for development.
LOCALHOST: Final = "localhost"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}\.)*(?P<last>{_LABEL})", re.ASCII)
_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(?::[0-9]{1,5})?", re.ASCII)


def settings_of(pool: UserPool) -> dict[str, Any]:
    """Return the pool's WebAuthnConfiguration."""
    return dict(pool.mfa_details.get("WebAuthnConfiguration") or {})


def is_enabled(pool: UserPool) -> bool:
    """Say whether people may sign in with a passkey."""
    return FIRST_FACTOR in pool.first_factors


def require_enabled(pool: UserPool) -> None:
    """Raise WebAuthnNotEnabledException unless people may sign in with a passkey."""
    if not is_enabled(pool):
        raise WebAuthnNotEnabledException


def id_or_empty(pool: UserPool) -> str:
    """Return the relying party id that passkeys are made for; empty where the pool has none."""
    return str(settings_of(pool).get("RelyingPartyId") or "")


def id_of(pool: UserPool) -> str:
    """Return the relying party id; WebAuthnConfigurationMissingException where there is none."""
    found = id_or_empty(pool)
    if not found:
        raise WebAuthnConfigurationMissingException
    return found


def satisfies_mfa(pool: UserPool) -> bool:
    """Say whether a passkey stands for both factors of a sign-in."""
    return settings_of(pool).get("FactorConfiguration") == MULTI_FACTOR


def demands_verification(pool: UserPool, user: PoolUser | None) -> bool:
    """Say whether an authenticator must have asked for a fingerprint, face or PIN.

    A passkey that stands for two factors always does, and so does the passkey of a user who turned
    passkeys on as a factor.
    """
    wanted = settings_of(pool).get("UserVerification") == "required"
    return wanted or satisfies_mfa(pool) or (user is not None and user.passkey_mfa)


def allows_origin(relying_party_id: str, origin: str) -> bool:
    """Say whether a page of this origin speaks for the relying party.

    Over https, the host being the id or a sub-domain of it. The port may be any, as the id has none
    in the browser's own rule either: an intranet's server seldom has 443.
    """
    parts = _ORIGIN.fullmatch(origin)
    if not relying_party_id or parts is None:
        return False
    if parts["scheme"] != "https" and relying_party_id != LOCALHOST:
        return False
    host = parts["host"]
    return host == relying_party_id or host.endswith(f".{relying_party_id}")


def id_problem(relying_party_id: str) -> str | None:
    """Say why a relying party id can be nobody's: no host name, an address, a public suffix."""
    host = _HOST.fullmatch(relying_party_id)
    if host is None or host["last"].isdigit():
        return f"Invalid relying party ID: {relying_party_id} is not a lower-case domain name."
    if _public_suffixes().is_public(relying_party_id):
        return f"Invalid relying party ID: {relying_party_id} is a public suffix."
    return None


@lru_cache(maxsize=1)
def _public_suffixes() -> PublicSuffixList:
    # A name under an unknown top-level domain is a private network's.
    return PublicSuffixList(accept_unknown=False)
