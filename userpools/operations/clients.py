"""Operations on app clients."""

from typing import Any

from userpools import shapes
from userpools.audit import Actor
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import AppClient, UserPool
from userpools.operations import passing
from userpools.operations.members import wire_members
from userpools.paging import paginate
from userpools.services import clients
from userpools.shapes import Shape

REGISTERED = "DCR"


@operation("CreateUserPoolClient", category=Category.USER_POOL_CLIENT_UPDATE)
def create_user_pool_client(
    call: Call, *, user_pool_id: str, client_name: str, **settings: Any
) -> Shape:
    """Create an app client."""
    members = wire_members(call, {"client_name": client_name, **settings})
    passing.require_passable(call, passing.of_client(members))
    client = clients.create(
        UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
    )
    return {"UserPoolClient": shapes.client_type(client)}


@operation("DescribeUserPoolClient", category=Category.USER_POOL_CLIENT_READ)
def describe_user_pool_client(call: Call, *, user_pool_id: str, client_id: str) -> Shape:
    """Show a client's settings, its secret in clear."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    return {"UserPoolClient": shapes.client_type(AppClient.cached_in(pool.id, client_id))}


@operation("UpdateUserPoolClient", category=Category.USER_POOL_CLIENT_UPDATE)
def update_user_pool_client(
    call: Call, *, user_pool_id: str, client_id: str, **settings: Any
) -> Shape:
    """Replace a client's settings."""
    members = wire_members(call, settings)
    passing.require_passable(call, passing.of_client(members))
    client = clients.update(
        UserPool.objects.for_call(call, user_pool_id).id, client_id, members, actor=Actor.of(call)
    )
    return {"UserPoolClient": shapes.client_type(client)}


@operation("DeleteUserPoolClient", category=Category.USER_POOL_CLIENT_UPDATE)
def delete_user_pool_client(call: Call, *, user_pool_id: str, client_id: str) -> Shape:
    """Delete a client and end its sessions."""
    clients.delete(
        UserPool.objects.for_call(call, user_pool_id).id, client_id, actor=Actor.of(call)
    )
    return {}


@operation("ListUserPoolClients", category=Category.USER_POOL_CLIENT_READ)
def list_user_pool_clients(
    call: Call,
    *,
    user_pool_id: str,
    max_results: int = 60,
    next_token: str = "",
    client_type: str = "",
) -> Shape:
    """List a pool's clients, all of them or those of one type."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    rows = AppClient.objects.filter(pool_id=pool.id).order_by("client_id")
    if client_type == REGISTERED:
        rows = rows.filter(configuration__ClientType=REGISTERED)
    elif client_type:
        rows = rows.exclude(configuration__has_key="ClientType")
    page = paginate(
        rows,
        limit=max_results,
        token=next_token,
        scope=f"ListUserPoolClients:{pool.id}:{client_type}",
    )
    return {
        "UserPoolClients": [shapes.client_description(client) for client in page],
        **page.next_token(),
    }


@operation("AddUserPoolClientSecret", category=Category.USER_POOL_CLIENT_UPDATE)
def add_user_pool_client_secret(
    call: Call, *, user_pool_id: str, client_id: str, client_secret: str = ""
) -> Shape:
    """Add a second secret, so that applications can change over without a gap."""
    secret, value = clients.add_secret(
        UserPool.objects.for_call(call, user_pool_id).id,
        client_id,
        client_secret,
        actor=Actor.of(call),
    )
    return {"ClientSecretDescriptor": shapes.client_secret(secret, value=value)}


@operation("ListUserPoolClientSecrets", category=Category.USER_POOL_CLIENT_READ)
def list_user_pool_client_secrets(
    call: Call, *, user_pool_id: str, client_id: str, next_token: str = ""
) -> Shape:
    """List a client's secrets without their values; two at most, so there is never a next page."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    client = AppClient.cached_in(pool.id, client_id)
    return {"ClientSecrets": [shapes.client_secret(secret) for secret in client.secrets.all()]}


@operation("DeleteUserPoolClientSecret", category=Category.USER_POOL_CLIENT_UPDATE)
def delete_user_pool_client_secret(
    call: Call, *, user_pool_id: str, client_id: str, client_secret_id: str
) -> Shape:
    """Delete one of a client's secrets."""
    clients.delete_secret(
        UserPool.objects.for_call(call, user_pool_id).id,
        client_id,
        client_secret_id,
        actor=Actor.of(call),
    )
    return {}
