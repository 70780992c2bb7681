"""What people do with their own account, through their application."""

from userpools import shapes
from userpools.auth.secret_hash import check_secret_hash
from userpools.auth.sign_up import confirm_sign_up as confirm
from userpools.auth.sign_up import sign_up as register
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import AppClient
from userpools.services import users
from userpools.services.attributes import from_wire
from userpools.shapes import Shape
from userpools.tokens.verify import verify_access_token


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
        client, username=username, password=password, attributes=from_wire(user_attributes)
    )
    return {
        "UserConfirmed": False,
        "UserSub": str(done.user.sub),
        "CodeDeliveryDetails": done.delivery.wire() if done.delivery else None,
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
    confirm(
        client,
        username=username,
        digits=confirmation_code,
        force_alias=force_alias_creation,
    )
    return {}


@operation("GetUser", category=Category.USER_READ)
def get_user(call: Call, *, access_token: str) -> Shape:
    """Return the signed-in user's own profile: attributes that the client may read."""
    context = verify_access_token(access_token)
    readable = context.client.readable_attributes
    return {
        "Username": context.user.username,
        "UserAttributes": shapes.attribute_list(context.user, only=readable | {"sub"}),
    }


@operation("GlobalSignOut", category=Category.USER_TOKEN)
def global_sign_out(call: Call, *, access_token: str) -> Shape:
    """End every session of the signed-in user, this one included."""
    users.sign_out_everywhere(verify_access_token(access_token).user)
    return {}
