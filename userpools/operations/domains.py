"""Operations on pools' domains."""

from typing import Any

from userpools import shapes
from userpools.audit import Actor
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import UserPool, UserPoolDomain
from userpools.operations.members import wire_members
from userpools.services import domains
from userpools.shapes import Shape


@operation("CreateUserPoolDomain", category=Category.USER_POOL_UPDATE)
def create_user_pool_domain(
    call: Call, *, user_pool_id: str, domain: str, **settings: Any
) -> Shape:
    """Give a pool a prefix under the server's suffix, or a domain of the customer's own."""
    members = wire_members(call, {"domain": domain, **settings})
    made = domains.create(
        UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
    )
    return shapes.changed_domain(made)


@operation("DescribeUserPoolDomain", category=Category.USER_POOL_READ)
def describe_user_pool_domain(call: Call, *, domain: str) -> Shape:
    """Show a domain of any pool of the region; an unknown one is no error, and empty."""
    found = UserPoolDomain.objects.filter(domain=domain, pool__region=call.region).first()
    return {"DomainDescription": shapes.domain_description(found, call.account_id) if found else {}}


@operation("UpdateUserPoolDomain", category=Category.USER_POOL_UPDATE)
def update_user_pool_domain(
    call: Call, *, user_pool_id: str, domain: str, **settings: Any
) -> Shape:
    """Change a domain's certificate, routing or branding version."""
    members = wire_members(call, {"domain": domain, **settings})
    changed = domains.update(
        UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
    )
    return shapes.changed_domain(changed)


@operation("DeleteUserPoolDomain", category=Category.USER_POOL_UPDATE)
def delete_user_pool_domain(call: Call, *, user_pool_id: str, domain: str) -> Shape:
    """Take a domain from its pool."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    domains.delete(pool.id, domain, actor=Actor.of(call))
    return {}
