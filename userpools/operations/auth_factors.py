"""What a user may sign in with: first factors and second ones together."""

from userpools.auth import first_factors
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import PoolUser, UserPool
from userpools.operations.subjects import named, signed_in
from userpools.shapes import Shape


@operation("GetUserAuthFactors", category=Category.USER_READ)
def get_user_auth_factors(call: Call, *, access_token: str) -> Shape:
    """Return the signed-in user's own factors."""
    return _factors(signed_in(call, access_token).user)


@operation("AdminGetUserAuthFactors", category=Category.USER_READ)
def admin_get_user_auth_factors(call: Call, *, user_pool_id: str, username: str) -> Shape:
    """Return the factors of a user."""
    return _factors(named(call, UserPool.objects.for_call(call, user_pool_id), username))


def _factors(user: PoolUser) -> Shape:
    return {
        "Username": user.username,
        "PreferredMfaSetting": user.mfa_preferred or None,
        "UserMFASettingList": user.mfa_methods.split() or None,
        "ConfiguredUserAuthFactors": first_factors.configured(user),
    }
