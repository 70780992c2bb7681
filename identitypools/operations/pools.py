"""Operations on identity pools."""

from typing import Any

from identitypools import pools
from identitypools.models import IdentityPool
from userpools.access_keys import may
from userpools.audit import Actor
from userpools.awsjson.permissions import any_resource
from userpools.awsjson.service import Call, cognito_identity
from userpools.awsjson.throttling import Category
from userpools.operations.members import wire_members
from userpools.paging import paginate
from userpools.shapes import Shape

LIST = "cognito-identity:ListIdentityPools"
DESCRIBE = "cognito-identity:DescribeIdentityPool"
operation = cognito_identity.operation


@operation("CreateIdentityPool", category=Category.IDENTITY)
def create_identity_pool(
    call: Call,
    *,
    identity_pool_name: str,
    allow_unauthenticated_identities: bool,
    **settings: Any,
) -> Shape:
    """Create a pool in the region that the call was signed for."""
    members = wire_members(
        call,
        {
            "identity_pool_name": identity_pool_name,
            "allow_unauthenticated_identities": allow_unauthenticated_identities,
            **settings,
        },
        cognito_identity,
    )
    return pools.pool_type(pools.create(members, region=call.region, actor=Actor.of(call)))


@operation("DescribeIdentityPool", category=Category.IDENTITY)
def describe_identity_pool(call: Call, *, identity_pool_id: str) -> Shape:
    """Show a pool's settings."""
    return pools.pool_type(IdentityPool.objects.for_call(call, identity_pool_id))


@operation("UpdateIdentityPool", category=Category.IDENTITY)
def update_identity_pool(
    call: Call,
    *,
    identity_pool_id: str,
    identity_pool_name: str,
    allow_unauthenticated_identities: bool,
    **settings: Any,
) -> Shape:
    """Change a pool's settings; what is left out is cleared, but for tags."""
    members = wire_members(
        call,
        {
            "identity_pool_name": identity_pool_name,
            "allow_unauthenticated_identities": allow_unauthenticated_identities,
            **settings,
        },
        cognito_identity,
    )
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    return pools.pool_type(pools.update(pool.pk, members, actor=Actor.of(call)))


@operation("DeleteIdentityPool", category=Category.IDENTITY)
def delete_identity_pool(call: Call, *, identity_pool_id: str) -> Shape:
    """Delete a pool with its identities."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    pools.delete(pool.pk, actor=Actor.of(call))
    return {}


@operation("ListIdentityPools", category=Category.IDENTITY, resource=any_resource)
def list_identity_pools(call: Call, *, max_results: int, next_token: str = "") -> Shape:
    """List the region's pools that the caller may list or describe."""
    page = paginate(
        IdentityPool.objects.filter(region=call.region).order_by("id"),
        limit=max_results,
        token=next_token,
        scope=f"ListIdentityPools:{call.region}",
        keep=lambda pool: may(call.caller, LIST, pool.arn) or may(call.caller, DESCRIBE, pool.arn),
    )
    listed = [{"IdentityPoolId": pool.id, "IdentityPoolName": pool.name} for pool in page]
    return {"IdentityPools": listed, **page.next_token()}
