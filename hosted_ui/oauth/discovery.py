"""The OpenID provider metadata of a pool: what is true of it here.

Source: OpenID Connect Discovery 1.0, section 3; RFC 8414; hosted-ui reference, section 2.
"""

import orjson

from userpools.conf import settings
from userpools.models import UserPool
from userpools.models.domain import domains_of


def base_of(pool: UserPool) -> str:
    """Return the address that applications are told: the pool's domain, or the server's own."""
    named = [domain.base_url for domain in domains_of(pool) if domain.base_url]
    return named[0] if named else f"{settings.PUBLIC_URL}/{pool.pk}"


def document(pool: UserPool) -> bytes:
    """Return the document as served. The keys are here whatever issuer the tokens state."""
    base = base_of(pool)
    return orjson.dumps(
        {
            "authorization_endpoint": f"{base}/oauth2/authorize",
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce"],
            "code_challenge_methods_supported": ["S256"],
            "end_session_endpoint": f"{base}/logout",
            "grant_types_supported": [
                "authorization_code",
                "implicit",
                "refresh_token",
                "client_credentials",
            ],
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": pool.issuer,
            "jwks_uri": f"{settings.PUBLIC_URL}/{pool.pk}/.well-known/jwks.json",
            "prompt_values_supported": ["none", "login", "select_account"],
            "response_modes_supported": ["query", "fragment"],
            "response_types_supported": ["code", "token"],
            "revocation_endpoint": f"{base}/oauth2/revoke",
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": f"{base}/oauth2/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "none",
            ],
            "userinfo_endpoint": f"{base}/oauth2/userInfo",
        },
        option=orjson.OPT_SORT_KEYS,
    )
