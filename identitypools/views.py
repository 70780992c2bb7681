"""What relying parties read of the issuer that identity pools are: discovery and keys."""

import orjson
from django.http import HttpRequest, HttpResponse

from identitypools import keys
from userpools.conf import settings

JSON = "application/json"
# A rotation signs with the new key at once, so a shared cache may hide that key for no longer.
HEADERS = {"Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*"}


def discovery(request: HttpRequest) -> HttpResponse:
    """Serve the provider metadata. Source: OpenID Connect Discovery 1.0, section 3.

    Nobody signs in here: there is no endpoint but the keys'. The document names the one of the
    section's required members that says what tokens are for, response_types_supported, as the
    service's own does.
    """
    if request.method not in {"GET", "HEAD"}:
        return _not_allowed()
    issuer = keys.issuer()
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks_uri",
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [keys.ALGORITHM],
    }
    return HttpResponse(orjson.dumps(document), content_type=JSON, headers=HEADERS)


def jwks(request: HttpRequest) -> HttpResponse:
    """Serve the published keys; as certificates too where the operator wants it."""
    if request.method not in {"GET", "HEAD"}:
        return _not_allowed()
    found = keys.issuer_keys()
    document = found.jwks_with_certificates if settings.ISSUER_CERTIFICATES else found.jwks
    return HttpResponse(document, content_type=JSON, headers=HEADERS)


def _not_allowed() -> HttpResponse:
    return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
