"""Operations on user pools."""

from typing import Any

from userpools import shapes
from userpools.access_keys import may
from userpools.audit import Actor
from userpools.awsjson.permissions import any_resource
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import UserPool
from userpools.operations import passing
from userpools.operations.members import wire_members
from userpools.paging import paginate
from userpools.services import pools
from userpools.shapes import Shape

LIST = "cognito-idp:ListUserPools"
DESCRIBE = "cognito-idp:DescribeUserPool"


@operation("CreateUserPool", category=Category.USER_POOL_UPDATE)
def create_user_pool(call: Call, *, pool_name: str, **settings: Any) -> Shape:
    """Create a pool in the region that the call was signed for."""
    members = wire_members(call, {"pool_name": pool_name, **settings})
    passing.require_passable(call, passing.of_pool(members))
    pool = pools.create(members, region=call.region, actor=Actor.of(call))
    return {"UserPool": shapes.pool_type(pool)}


@operation("DescribeUserPool", category=Category.USER_POOL_READ)
def describe_user_pool(call: Call, *, user_pool_id: str) -> Shape:
    """Show a pool's settings."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    return {"UserPool": shapes.pool_type(pool, user_count=pools.estimated_users(pool))}


@operation("UpdateUserPool", category=Category.USER_POOL_UPDATE)
def update_user_pool(call: Call, *, user_pool_id: str, **settings: Any) -> Shape:
    """Change a pool's settings; most of what is left out goes back to its default."""
    members = wire_members(call, settings)
    passing.require_passable(call, passing.of_pool(members))
    pools.update(UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call))
    return {}


@operation("DeleteUserPool", category=Category.USER_POOL_UPDATE)
def delete_user_pool(call: Call, *, user_pool_id: str) -> Shape:
    """Delete a pool with its users, clients, groups and keys."""
    pools.delete(UserPool.objects.for_call(call, user_pool_id).id, actor=Actor.of(call))
    return {}


@operation("ListUserPools", category=Category.USER_POOL_READ, resource=any_resource)
def list_user_pools(call: Call, *, max_results: int, next_token: str = "") -> Shape:
    """List the region's pools that the caller may list or describe."""
    page = paginate(
        UserPool.objects.filter(region=call.region).order_by("id"),
        limit=max_results,
        token=next_token,
        scope=f"ListUserPools:{call.region}",
        keep=lambda pool: may(call.caller, LIST, pool.arn) or may(call.caller, DESCRIBE, pool.arn),
    )
    return {"UserPools": [shapes.pool_description(pool) for pool in page], **page.next_token()}


@operation("AddCustomAttributes", category=Category.USER_POOL_UPDATE)
def add_custom_attributes(
    call: Call, *, user_pool_id: str, custom_attributes: list[dict[str, Any]]
) -> Shape:
    """Add custom attributes to a pool's schema."""
    pools.add_custom_attributes(
        UserPool.objects.for_call(call, user_pool_id).id, custom_attributes, actor=Actor.of(call)
    )
    return {}
