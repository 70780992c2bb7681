"""OpenID tokens of identity pools, which STS and developers' clients get.

Source: developer guide, "Identity pools authentication flow", and the tokens that it describes.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt

from identitypools import keys
from identitypools.models import Identity, IdentityPool
from userpools.errors import NotAuthorizedException
from userpools.ports import VerifiedLogin

LIFETIME_SECONDS: Final = 600
DEVELOPER_LIFETIME_SECONDS: Final = 900
TAGS_CLAIM: Final = "https://aws.amazon.com/tags"
UNAUTHENTICATED: Final = "unauthenticated"
AUTHENTICATED: Final = "authenticated"
INVALID: Final = "Invalid login token."
EXPIRED: Final = f"{INVALID} Token expired."
_SECTIONS: Final = 3
_LONGEST_HEADER: Final = 1_024


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of an identity's caller: how it signed in (amr), and its principal tags."""

    amr: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


def amr_of(logins: Sequence[VerifiedLogin]) -> tuple[str, ...]:
    """Return what `amr` says of these logins; of none, that the caller is a guest."""
    if not logins:
        return (UNAUTHENTICATED,)
    named = (name for login in logins for name in (login.name, login.reference))
    return (AUTHENTICATED, *dict.fromkeys(named))


def developer_amr(pool: IdentityPool, subject: str) -> tuple[str, ...]:
    """Return what `amr` says of a developer's user."""
    name = pool.developer_provider
    return (AUTHENTICATED, name, f"{name}:{pool.id}:{subject}")


def issue(
    pool: IdentityPool, identity: Identity, proof: Proof, *, seconds: int = LIFETIME_SECONDS
) -> str:
    """Make a token that says who the identity is and how its caller signed in."""
    now = int(time.time())
    claims: dict[str, Any] = {"sub": identity.pk, "aud": pool.id, "amr": list(proof.amr)}
    if proof.tags:
        claims[TAGS_CLAIM] = {
            "principal_tags": {name: [value] for name, value in proof.tags.items()},
            "transitive_tag_keys": [],
        }
    claims |= {"iss": keys.issuer(), "exp": now + seconds, "iat": now}
    kid, private = keys.signing_pair(pool.region)
    return jwt.encode(claims, private, algorithm=keys.ALGORITHM, headers={"kid": kid, "typ": "JWS"})


def verify(token: str) -> tuple[IdentityPool, str, Proof]:
    """Return the pool, the identity's id and the proof of one of our own tokens.

    Says nothing of whether the identity still is. Raises NotAuthorizedException.
    """
    sections = token.split(".")
    if len(sections) != _SECTIONS or len(sections[0]) > _LONGEST_HEADER:
        raise NotAuthorizedException(INVALID)
    try:
        header = jwt.get_unverified_header(token)
        key = keys.issuer_keys().public.get(str(header.get("kid", "")))
        if key is None or header.keys() & {"crit", "b64"}:
            raise NotAuthorizedException(f"{INVALID} Can't get jwks keys.")
        claims = jwt.decode(
            token,
            key,
            algorithms=[keys.ALGORITHM],
            issuer=keys.issuer(),
            options={"require": ["sub", "aud", "iss", "exp", "iat"], "verify_aud": False},
        )
    except jwt.ExpiredSignatureError as exc:
        raise NotAuthorizedException(EXPIRED) from exc
    except jwt.InvalidTokenError as exc:
        raise NotAuthorizedException(INVALID) from exc
    # Signed by us: the claims are what `issue` wrote.
    tags = claims.get(TAGS_CLAIM, {}).get("principal_tags", {})
    proof = Proof(tuple(claims["amr"]), {name: values[0] for name, values in tags.items()})
    return IdentityPool.cached(claims["aud"]), claims["sub"], proof
