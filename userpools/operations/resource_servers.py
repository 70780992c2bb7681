"""Operations on resource servers."""

from typing import Any

from userpools import shapes
from userpools.audit import Actor
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import ResourceServer, UserPool
from userpools.operations.members import wire_members
from userpools.paging import paginate
from userpools.services import resource_servers
from userpools.shapes import Shape


@operation("CreateResourceServer", category=Category.USER_POOL_RESOURCE_UPDATE)
def create_resource_server(
    call: Call, *, user_pool_id: str, identifier: str, name: str, **settings: Any
) -> Shape:
    """Create a resource server with its scopes."""
    members = wire_members(call, {"identifier": identifier, "name": name, **settings})
    server = resource_servers.create(
        UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
    )
    return {"ResourceServer": shapes.resource_server_type(server)}


@operation("DescribeResourceServer", category=Category.USER_POOL_RESOURCE_READ)
def describe_resource_server(call: Call, *, user_pool_id: str, identifier: str) -> Shape:
    """Show a resource server."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    return {"ResourceServer": shapes.resource_server_type(resource_servers.find(pool, identifier))}


@operation("UpdateResourceServer", category=Category.USER_POOL_RESOURCE_UPDATE)
def update_resource_server(
    call: Call, *, user_pool_id: str, identifier: str, name: str, **settings: Any
) -> Shape:
    """Replace a resource server's name and scopes."""
    members = wire_members(call, {"identifier": identifier, "name": name, **settings})
    server = resource_servers.update(
        UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
    )
    return {"ResourceServer": shapes.resource_server_type(server)}


@operation("DeleteResourceServer", category=Category.USER_POOL_RESOURCE_UPDATE)
def delete_resource_server(call: Call, *, user_pool_id: str, identifier: str) -> Shape:
    """Delete a resource server."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    resource_servers.delete(pool.id, identifier, actor=Actor.of(call))
    return {}


@operation("ListResourceServers", category=Category.USER_POOL_RESOURCE_READ)
def list_resource_servers(
    call: Call, *, user_pool_id: str, max_results: int = 50, next_token: str = ""
) -> Shape:
    """List a pool's resource servers by identifier."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    page = paginate(
        ResourceServer.objects.filter(pool_id=pool.id).order_by("identifier"),
        limit=max_results,
        token=next_token,
        scope=f"ListResourceServers:{pool.id}",
    )
    servers = [shapes.resource_server_type(server) for server in page]
    return {"ResourceServers": servers, **page.next_token()}
