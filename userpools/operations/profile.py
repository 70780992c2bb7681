"""One's own profile, by access token: attributes, contacts, and the end of the account."""

from userpools import shapes
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.lambda_triggers import Origin
from userpools.messaging.outbox import CodeDelivery
from userpools.operations.subjects import signed_in
from userpools.services import contacts, users
from userpools.services.attributes import Attributes, Writer, check_writes, from_wire, removals
from userpools.shapes import Shape
from userpools.tokens.verify import AccessContext


@operation("GetUser", category=Category.USER_READ)
def get_user(call: Call, *, access_token: str) -> Shape:
    """Return the signed-in user's own profile: attributes that the client may read."""
    context = signed_in(call, access_token)
    readable = context.client.readable_attributes
    return {
        "Username": context.user.username,
        "UserAttributes": shapes.attribute_list(context.user, only=readable | {"sub"}),
        **shapes.mfa_settings(context.user),
    }


@operation("UpdateUserAttributes", category=Category.USER_UPDATE)
def update_user_attributes(
    call: Call,
    *,
    access_token: str,
    user_attributes: list[dict[str, str]],
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Write attributes that the client may write; a changed contact has to be proved by a code."""
    context = signed_in(call, access_token)
    origin = Origin(context.client, call.user_agent, client_metadata)
    deliveries = _write(context, from_wire(user_attributes), origin)
    return {"CodeDeliveryDetailsList": [delivery.wire() for delivery in deliveries]}


@operation("DeleteUserAttributes", category=Category.USER_UPDATE)
def delete_user_attributes(
    call: Call, *, access_token: str, user_attribute_names: list[str]
) -> Shape:
    """Remove attributes that the client may write."""
    context = signed_in(call, access_token)
    _write(context, removals(user_attribute_names), Origin(context.client, call.user_agent))
    return {}


def _write(context: AccessContext, changes: Attributes, origin: Origin) -> list[CodeDelivery]:
    check_writes(context.pool, changes, writer=Writer.CLIENT, client=context.client)
    words = contacts.words_for(context.user, changes, origin)
    return contacts.write(context.user, changes, writer=Writer.CLIENT, words=words)


@operation("GetUserAttributeVerificationCode", category=Category.USER_RESOURCE_READ)
def get_user_attribute_verification_code(
    call: Call,
    *,
    access_token: str,
    attribute_name: str,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Send a code to the user's e-mail address or phone number."""
    context = signed_in(call, access_token)
    origin = Origin(context.client, call.user_agent, client_metadata)
    delivery = contacts.request_code(context.user, attribute_name, origin=origin)
    return {"CodeDeliveryDetails": delivery.wire()}


@operation("VerifyUserAttribute", category=Category.USER_RESOURCE_UPDATE)
def verify_user_attribute(
    call: Call, *, access_token: str, attribute_name: str, code: str
) -> Shape:
    """Verify a contact with its code; a value that waited for it is the user's from now on."""
    contacts.verify(signed_in(call, access_token).user, attribute_name, code)
    return {}


@operation("DeleteUser", category=Category.USER_UPDATE)
def delete_user(call: Call, *, access_token: str) -> Shape:
    """Delete the signed-in user; the name is free at once."""
    users.delete(signed_in(call, access_token).user)
    return {}
