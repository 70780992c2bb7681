"""SECRET_HASH: proof that the caller holds the app client's secret."""

import base64
import hashlib
import hmac

from userpools.errors import NotAuthorizedException
from userpools.models import AppClient


def secret_hash(secret: str, username: str, client_id: str) -> str:
    """Compute Base64(HMAC-SHA256(secret, username + client id)).

    Source: developer guide, "Computing secret hash values".
    """
    digest = hmac.digest(secret.encode(), (username + client_id).encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def check_secret_hash(client: AppClient, username: str, given: str) -> None:
    """Raise NotAuthorizedException unless `given` is right for one of the client's secrets.

    A hash sent to a client without a secret is refused too.
    """
    if not client.has_secret:
        if given:
            raise _wrong(client)
        return
    if not given:
        raise NotAuthorizedException(
            f"Client {client.client_id} is configured with secret but SECRET_HASH was not received"
        )
    matches = [
        hmac.compare_digest(
            secret_hash(secret, username, client.client_id).encode(), given.encode()
        )
        for secret in client.secret_values
    ]
    if not any(matches):
        raise _wrong(client)


def _wrong(client: AppClient) -> NotAuthorizedException:
    return NotAuthorizedException(f"Unable to verify secret hash for client {client.client_id}")
