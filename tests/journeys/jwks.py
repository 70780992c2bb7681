"""Verifies tokens the way a resource server does: by the published keys, with PyJWT."""

from typing import Any

import jwt
import requests


def keys(issuer: str) -> dict[str, jwt.PyJWK]:
    """Return the issuer's published keys by their ids, found through its discovery document."""
    discovery = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    assert discovery["issuer"] == issuer
    published = requests.get(discovery["jwks_uri"], timeout=10).json()["keys"]
    return {key["kid"]: jwt.PyJWK(key) for key in published}


def claims(token: str, issuer: str, audience: str | None = None) -> dict[str, Any]:
    """Return the claims of a token of this issuer; raise jwt.PyJWTError for any other."""
    key = keys(issuer)[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        key.key,
        algorithms=["RS256"],
        issuer=issuer,
        audience=audience,
        options={"require": ["exp", "iat", "iss", "sub", "token_use", "auth_time"]},
    )
