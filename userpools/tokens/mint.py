"""The one mint: every access, ID and refresh token is made here, of users and of machines."""

from dataclasses import dataclass

import jwt
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_encode

from userpools.tokens import overrides
from userpools.tokens.claims import (
    Claims,
    MachineRequest,
    TokenRequest,
    access_claims,
    id_claims,
    machine_claims,
)
from userpools.tokens.keys import SigningPair, keys_of

RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens of one issue; `expires_in` is the access token's life in seconds."""

    access_token: str
    id_token: str | None
    refresh_token: str | None
    expires_in: int


def sign(pair: SigningPair, claims: Claims) -> str:
    """Sign claims as a JWS whose header has `kid` and `alg` alone."""
    return jwt.encode(
        claims, pair.private, algorithm="RS256", headers={"kid": pair.kid, "typ": None}
    )


def mint(request: TokenRequest) -> TokenSet:
    """Make the tokens of one sign-in or refresh.

    Runs the pre token generation trigger once, before signing, and raises what it does.
    """
    of_access, of_id = access_claims(request), id_claims(request)
    changes = overrides.ask(request)
    if changes is not None:
        overrides.check_size(changes, of_access, of_id)
        of_access, of_id = changes.of_access(of_access), changes.of_id(of_id)
    keys = keys_of(request.pool)
    access_token = sign(keys.access, of_access)
    if request.is_hosted:
        of_id["at_hash"] = at_hash(access_token)
    return TokenSet(
        access_token=access_token,
        id_token=sign(keys.id, of_id) if request.has_id_token else None,
        refresh_token=request.refresh_token,
        expires_in=int(request.client.access_token_lifetime.total_seconds()),
    )


def mint_machine(request: MachineRequest) -> TokenSet:
    """Make a machine's access token; writes nothing.

    Runs the pre token generation trigger of version 3, and raises what it does.
    """
    claims = machine_claims(request)
    changes = overrides.ask_for_machine(request)
    if changes is not None:
        overrides.check_size(changes, claims)
        claims = changes.of_access(claims)
    return TokenSet(
        access_token=sign(keys_of(request.client.pool).access, claims),
        id_token=None,
        refresh_token=None,
        expires_in=int(request.client.access_token_lifetime.total_seconds()),
    )


def at_hash(access_token: str) -> str:
    """Return the left half of the token's SHA-256. Source: OpenID Connect Core, 3.1.3.6."""
    digest = RS256.compute_hash_digest(access_token.encode())
    return base64url_encode(digest[: len(digest) // 2]).decode()
