"""The one mint: every access, ID and refresh token of a user is made here."""

from dataclasses import dataclass

import jwt

from userpools.tokens import overrides
from userpools.tokens.claims import Claims, TokenRequest, access_claims, id_claims
from userpools.tokens.keys import SigningPair, keys_of


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The tokens of one issue; `expires_in` is the access token's life in seconds."""

    access_token: str
    id_token: str
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
    return TokenSet(
        access_token=sign(keys.access, of_access),
        id_token=sign(keys.id, of_id),
        refresh_token=request.refresh_token,
        expires_in=int(request.client.access_token_lifetime.total_seconds()),
    )
