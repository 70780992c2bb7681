"""Users as an administrator's programs see them."""

from typing import Any

from userpools import paging, shapes
from userpools.audit import Actor, record_act
from userpools.auth import passwords, recovery
from userpools.auth.invitations import Invitation, invite, renew
from userpools.auth.sign_up import confirm_by_administrator
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.errors import InvalidParameterException
from userpools.lambda_triggers import Origin
from userpools.messaging.wording import Wording
from userpools.models import PoolUser, UserPool
from userpools.models.retry import in_transaction
from userpools.operations import subjects
from userpools.operations.user_filter import parse_filter
from userpools.services import contacts, users
from userpools.services.attributes import (
    Attributes,
    Writer,
    check_writes,
    from_wire,
    removals,
)
from userpools.shapes import Shape


def _user(call: Call, user_pool_id: str, username: str) -> PoolUser:
    return subjects.named(call, UserPool.objects.for_call(call, user_pool_id), username)


@operation("AdminCreateUser", category=Category.USER_CREATION)
def admin_create_user(
    call: Call,
    *,
    user_pool_id: str,
    username: str,
    user_attributes: list[dict[str, str]] | None = None,
    validation_data: list[dict[str, str]] | None = None,
    temporary_password: str = "",
    force_alias_creation: bool = False,
    message_action: str = "",
    desired_delivery_mediums: list[str] | None = None,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Create a user with a temporary password and send it, or with RESEND renew an invitation."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    invitation = Invitation(
        password=temporary_password,
        mediums=tuple(desired_delivery_mediums or ("SMS",)),
        silent=message_action == "SUPPRESS",
    )
    if message_action == "RESEND":
        user = renew(
            pool,
            subjects.named(call, pool, username),
            invitation,
            actor=Actor.of(call),
            origin=Origin(None, call.user_agent, client_metadata),
        )
    else:
        # Whether the name is taken is for the database's constraint to say.
        user = invite(
            pool,
            username,
            from_wire(user_attributes),
            invitation,
            force_alias=force_alias_creation,
            actor=Actor.of(call),
            origin=Origin(None, call.user_agent, client_metadata),
            validation_data=from_wire(validation_data),
        )
    return {"User": shapes.user_type(user)}


@operation("AdminGetUser", category=Category.USER_READ)
def admin_get_user(call: Call, *, user_pool_id: str, username: str) -> Shape:
    """Return one user."""
    user = _user(call, user_pool_id, username)
    return {
        "Username": user.username,
        "UserAttributes": shapes.attribute_list(user),
        "UserCreateDate": user.created_at,
        "UserLastModifiedDate": user.modified_at,
        "Enabled": user.enabled,
        "UserStatus": str(user.status),
        **shapes.mfa_settings(user),
    }


@operation("ListUsers", category=Category.USER_LIST)
def list_users(
    call: Call,
    *,
    user_pool_id: str,
    attributes_to_get: list[str] | None = None,
    limit: int = 60,
    pagination_token: str = "",
    filter: str = "",  # noqa: A002 - the member's name
) -> Shape:
    """List a pool's users, by the filtered attribute in ascending order."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    for name in attributes_to_get or ():
        if name not in pool.schema_by_name:
            raise InvalidParameterException("One or more requested attributes do not exist")
    found = parse_filter(pool, filter)
    page = paging.paginate(
        found.users,
        start=found.start,
        limit=limit,
        token=pagination_token,
        scope=f"ListUsers:{pool.pk}:{filter}",
    )
    return {
        "Users": [shapes.user_type(user, only=attributes_to_get) for user in page],
        **page.next_token("PaginationToken"),
    }


@operation("AdminUpdateUserAttributes", category=Category.USER_UPDATE)
def admin_update_user_attributes(
    call: Call,
    *,
    user_pool_id: str,
    username: str,
    user_attributes: list[dict[str, str]],
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Write attributes; a changed contact becomes unverified unless its flag is set along."""
    user = _user(call, user_pool_id, username)
    changes = from_wire(user_attributes)
    check_writes(user.pool, changes, writer=Writer.ADMIN)
    words = contacts.words_for(user, changes, Origin(None, call.user_agent, client_metadata))
    _write(call, user, changes, words, after=sorted(changes))
    return {}


@operation("AdminDeleteUserAttributes", category=Category.USER_UPDATE)
def admin_delete_user_attributes(
    call: Call, *, user_pool_id: str, username: str, user_attribute_names: list[str]
) -> Shape:
    """Remove attributes."""
    user = _user(call, user_pool_id, username)
    changes = removals(user_attribute_names)
    check_writes(user.pool, changes, writer=Writer.ADMIN)
    _write(call, user, changes, {}, before=sorted(changes))
    return {}


@in_transaction
def _write(
    call: Call,
    user: PoolUser,
    changes: Attributes,
    words: dict[str, Wording],
    **audited: list[str],
) -> None:
    contacts.write(user, changes, writer=Writer.ADMIN, words=words)
    _audit(call, user, call.operation, **audited)


def _audit(call: Call, user: PoolUser, action: str, before: Any = None, after: Any = None) -> None:
    record_act(
        Actor.of(call),
        action,
        pool_id=user.pool_id,
        resource=user.username,
        before=before,
        after=after,
    )


@operation("AdminEnableUser", category=Category.USER_UPDATE)
def admin_enable_user(call: Call, *, user_pool_id: str, username: str) -> Shape:
    """Let a disabled user sign in again."""
    users.enable(_user(call, user_pool_id, username), actor=Actor.of(call))
    return {}


@operation("AdminDisableUser", category=Category.USER_UPDATE)
def admin_disable_user(call: Call, *, user_pool_id: str, username: str) -> Shape:
    """Keep a user from signing in and end every session."""
    users.disable(_user(call, user_pool_id, username), actor=Actor.of(call))
    return {}


@operation("AdminDeleteUser", category=Category.USER_UPDATE)
def admin_delete_user(call: Call, *, user_pool_id: str, username: str) -> Shape:
    """Delete a user; the name is free at once."""
    users.delete(_user(call, user_pool_id, username), actor=Actor.of(call))
    return {}


@operation("AdminConfirmSignUp", category=Category.USER_CREATION)
def admin_confirm_sign_up(
    call: Call,
    *,
    user_pool_id: str,
    username: str,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Confirm a user without a code; verifies no contact."""
    confirm_by_administrator(
        _user(call, user_pool_id, username),
        actor=Actor.of(call),
        origin=Origin(None, call.user_agent, client_metadata),
    )
    return {}


@operation("AdminSetUserPassword", category=Category.USER_ACCOUNT_RECOVERY)
def admin_set_user_password(
    call: Call, *, user_pool_id: str, username: str, password: str, permanent: bool = False
) -> Shape:
    """Set a password; without `permanent` the user must change it at the next sign-in."""
    user = _user(call, user_pool_id, username)
    passwords.set_password(user.pool, user, password, permanent=permanent, actor=Actor.of(call))
    return {}


@operation("AdminResetUserPassword", category=Category.USER_ACCOUNT_RECOVERY)
def admin_reset_user_password(
    call: Call,
    *,
    user_pool_id: str,
    username: str,
    client_metadata: dict[str, str] | None = None,
) -> Shape:
    """Have a user reset the password, and send the code that does it."""
    recovery.require_reset(
        _user(call, user_pool_id, username),
        actor=Actor.of(call),
        origin=Origin(None, call.user_agent, client_metadata),
    )
    return {}


@operation("AdminUserGlobalSignOut", category=Category.USER_TOKEN)
def admin_user_global_sign_out(call: Call, *, user_pool_id: str, username: str) -> Shape:
    """End every session of a user."""
    users.sign_out_everywhere(_user(call, user_pool_id, username), actor=Actor.of(call))
    return {}
