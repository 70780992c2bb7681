"""One's own passkeys, by access token."""

from typing import Any

from userpools import shapes
from userpools.auth import passkeys
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import Passkey
from userpools.operations.subjects import signed_in
from userpools.paging import paginate
from userpools.shapes import Shape


@operation("StartWebAuthnRegistration", category=Category.USER_RESOURCE_UPDATE)
def start_web_authn_registration(call: Call, *, access_token: str) -> Shape:
    """Return what a browser needs to make a passkey."""
    return {"CredentialCreationOptions": passkeys.start(signed_in(call, access_token))}


@operation("CompleteWebAuthnRegistration", category=Category.USER_RESOURCE_UPDATE)
def complete_web_authn_registration(
    call: Call, *, access_token: str, credential: dict[str, Any]
) -> Shape:
    """Keep the passkey that a browser made."""
    passkeys.complete(signed_in(call, access_token), credential)
    return {}


@operation("ListWebAuthnCredentials", category=Category.USER_RESOURCE_READ)
def list_web_authn_credentials(
    call: Call, *, access_token: str, next_token: str = "", max_results: int = 0
) -> Shape:
    """List the signed-in user's passkeys, the oldest first."""
    user = signed_in(call, access_token).user
    page = paginate(
        Passkey.objects.of(user),
        limit=max_results,
        token=next_token,
        scope=f"ListWebAuthnCredentials:{user.pool_id}:{user.sub}",
    )
    return {"Credentials": [shapes.passkey(each) for each in page], **page.next_token()}


@operation("DeleteWebAuthnCredential", category=Category.USER_RESOURCE_UPDATE)
def delete_web_authn_credential(call: Call, *, access_token: str, credential_id: str) -> Shape:
    """Delete one of the signed-in user's passkeys."""
    passkeys.delete(signed_in(call, access_token).user, credential_id)
    return {}
