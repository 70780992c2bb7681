"""What people do with their own account, through their application."""

from userpools.auth import recovery
from userpools.auth.secret_hash import check_secret_hash
from userpools.auth.sign_up import confirm_sign_up as confirm
from userpools.auth.sign_up import resend_code
from userpools.auth.sign_up import sign_up as register
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.lambda_triggers import Origin
from userpools.models import AppClient, UserStatus
from userpools.operations.subjects import signed_in
from userpools.services import users
from userpools.services.attributes import from_wire
from userpools.shapes import Shape


@operation("SignUp", category=Category.USER_CREATION)
def sign_up(
    call: Call,
    *,
    client_id: str,
    username: str,
    secret_hash: str = "",
    password: str = "",
    user_attributes: list[dict[str, str]] | None = None,
    validation_data: list[dict[str, str]] | None = None,
    analytics_metadata: Shape | None = None,
    user_context_data: Shape | None = None,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Make an account; a confirmation code goes to the contact that the pool verifies."""
    client = AppClient.cached(client_id)
    check_secret_hash(client, username, secret_hash)
    done = register(
        client,
        username=username,
        password=password,
        attributes=from_wire(user_attributes),
        origin=Origin(client, call.user_agent, client_metadata),
        call=call,
        validation_data=from_wire(validation_data),
    )
    return {
        "UserConfirmed": done.user.status == UserStatus.CONFIRMED,
        "UserSub": str(done.user.sub),
        "CodeDeliveryDetails": done.delivery.wire() if done.delivery else None,
        "Session": done.session or None,
    }


@operation("ConfirmSignUp", category=Category.USER_CREATION)
def confirm_sign_up(
    call: Call,
    *,
    client_id: str,
    username: str,
    confirmation_code: str,
    secret_hash: str = "",
    force_alias_creation: bool = False,
    analytics_metadata: Shape | None = None,
    user_context_data: Shape | None = None,
    client_metadata: dict[str, str] | None = None,
    session: str = "",
) -> Shape:
    """Confirm an account with the code that was sent."""
    client = AppClient.cached(client_id)
    check_secret_hash(client, username, secret_hash)
    made = confirm(
        client,
        username=username,
        digits=confirmation_code,
        force_alias=force_alias_creation,
        origin=Origin(client, call.user_agent, client_metadata),
        session=session,
    )
    return {"Session": made or None}


@operation("ResendConfirmationCode", category=Category.USER_CREATION)
def resend_confirmation_code(
    call: Call,
    *,
    client_id: str,
    username: str,
    secret_hash: str = "",
    user_context_data: Shape | None = None,
    analytics_metadata: Shape | None = None,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Send another code to confirm an account with; the one before is void."""
    client = AppClient.cached(client_id)
    check_secret_hash(client, username, secret_hash)
    origin = Origin(client, call.user_agent, client_metadata)
    delivery = resend_code(client, username, origin=origin, call=call)
    return {"CodeDeliveryDetails": delivery.wire()}


@operation("ForgotPassword", category=Category.USER_ACCOUNT_RECOVERY)
def forgot_password(
    call: Call,
    *,
    client_id: str,
    username: str,
    secret_hash: str = "",
    user_context_data: Shape | None = None,
    analytics_metadata: Shape | None = None,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Send a code to set a new password with, to the contact that the pool recovers by."""
    client = AppClient.cached(client_id)
    check_secret_hash(client, username, secret_hash)
    origin = Origin(client, call.user_agent, client_metadata)
    delivery = recovery.forgot_password(client, username, origin=origin, call=call)
    return {"CodeDeliveryDetails": delivery.wire()}


@operation("ConfirmForgotPassword", category=Category.USER_ACCOUNT_RECOVERY)
def confirm_forgot_password(
    call: Call,
    *,
    client_id: str,
    username: str,
    confirmation_code: str,
    password: str,
    secret_hash: str = "",
    user_context_data: Shape | None = None,
    analytics_metadata: Shape | None = None,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Set a new password with the code that was sent."""
    client = AppClient.cached(client_id)
    check_secret_hash(client, username, secret_hash)
    recovery.confirm_forgot_password(
        client,
        username=username,
        digits=confirmation_code,
        password=password,
        origin=Origin(client, call.user_agent, client_metadata),
        call=call,
    )
    return {}


@operation("ChangePassword", category=Category.USER_ACCOUNT_RECOVERY)
def change_password(
    call: Call, *, proposed_password: str, access_token: str, previous_password: str = ""
) -> Shape:
    """Replace the signed-in user's password."""
    context = signed_in(call, access_token)
    recovery.change_password(
        context.user,
        previous=previous_password,
        proposed=proposed_password,
        client=context.client,
        call=call,
    )
    return {}


@operation("GlobalSignOut", category=Category.USER_TOKEN)
def global_sign_out(call: Call, *, access_token: str) -> Shape:
    """End every session of the signed-in user, this one included."""
    users.sign_out_everywhere(signed_in(call, access_token).user)
    return {}
