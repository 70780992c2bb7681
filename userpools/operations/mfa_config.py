"""Operations on a pool's second factors and passkeys."""

from typing import Any

from userpools import shapes
from userpools.audit import Actor
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import UserPool
from userpools.operations import passing
from userpools.operations.members import wire_members
from userpools.services import mfa
from userpools.shapes import Shape


@operation("GetUserPoolMfaConfig", category=Category.USER_POOL_READ)
def get_user_pool_mfa_config(call: Call, *, user_pool_id: str) -> Shape:
    """Show which factors a pool has."""
    return shapes.mfa_config(UserPool.objects.for_call(call, user_pool_id))


@operation("SetUserPoolMfaConfig", category=Category.USER_POOL_UPDATE)
def set_user_pool_mfa_config(call: Call, *, user_pool_id: str, **settings: Any) -> Shape:
    """Replace a pool's factors."""
    members = wire_members(call, settings)
    sms = members.get("SmsMfaConfiguration") or {}
    passing.require_passable(call, passing.sms_roles(sms.get("SmsConfiguration")))
    return shapes.mfa_config(
        mfa.configure(
            UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
        )
    )
