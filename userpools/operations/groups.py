"""Operations on groups and their members."""

from typing import Any

from django.db.models import QuerySet

from userpools import shapes
from userpools.audit import Actor
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.models import Group, Membership, UserPool
from userpools.operations import passing, subjects
from userpools.operations.members import wire_members
from userpools.operations.user_filter import SHOWN
from userpools.paging import paginate
from userpools.services import groups
from userpools.shapes import Shape


@operation("CreateGroup", category=Category.USER_POOL_RESOURCE_UPDATE)
def create_group(call: Call, *, user_pool_id: str, group_name: str, **settings: Any) -> Shape:
    """Create a group; precedence 0 is the strongest, and a group without one is weakest."""
    members = wire_members(call, {"group_name": group_name, **settings})
    passing.require_passable(call, passing.role(members.get("RoleArn")))
    group = groups.create(
        UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
    )
    return {"Group": shapes.group_type(group)}


@operation("GetGroup", category=Category.USER_POOL_RESOURCE_READ)
def get_group(call: Call, *, user_pool_id: str, group_name: str) -> Shape:
    """Show a group."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    return {"Group": shapes.group_type(groups.find(pool, group_name))}


@operation("ListGroups", category=Category.USER_POOL_RESOURCE_READ)
def list_groups(call: Call, *, user_pool_id: str, limit: int = 60, next_token: str = "") -> Shape:
    """List a pool's groups by name."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    page = paginate(
        Group.objects.filter(pool_id=pool.id).order_by("name"),
        limit=limit,
        token=next_token,
        scope=f"ListGroups:{pool.id}",
    )
    return {"Groups": [shapes.group_type(group) for group in page], **page.next_token()}


@operation("UpdateGroup", category=Category.USER_POOL_RESOURCE_UPDATE)
def update_group(call: Call, *, user_pool_id: str, group_name: str, **settings: Any) -> Shape:
    """Change a group; what is left out stays."""
    members = wire_members(call, {"group_name": group_name, **settings})
    passing.require_passable(call, passing.role(members.get("RoleArn")))
    group = groups.update(
        UserPool.objects.for_call(call, user_pool_id).id, members, actor=Actor.of(call)
    )
    return {"Group": shapes.group_type(group)}


@operation("DeleteGroup", category=Category.USER_POOL_RESOURCE_UPDATE)
def delete_group(call: Call, *, user_pool_id: str, group_name: str) -> Shape:
    """Delete a group; its members stay users."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    groups.delete(pool, group_name, actor=Actor.of(call))
    return {}


@operation("AdminAddUserToGroup", category=Category.USER_UPDATE)
def admin_add_user_to_group(
    call: Call, *, user_pool_id: str, username: str, group_name: str
) -> Shape:
    """Put a user into a group; repeating it changes nothing."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    groups.add(pool, subjects.named(call, pool, username), group_name, actor=Actor.of(call))
    return {}


@operation("AdminRemoveUserFromGroup", category=Category.USER_UPDATE)
def admin_remove_user_from_group(
    call: Call, *, user_pool_id: str, username: str, group_name: str
) -> Shape:
    """Take a user out of a group, where the user may never have been."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    groups.remove(pool, subjects.named(call, pool, username), group_name, actor=Actor.of(call))
    return {}


@operation("AdminListGroupsForUser", category=Category.USER_READ)
def admin_list_groups_for_user(
    call: Call, *, user_pool_id: str, username: str, limit: int = 60, next_token: str = ""
) -> Shape:
    """List a user's groups by name."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    user = subjects.named(call, pool, username)
    page = paginate(
        Group.objects.filter(memberships__user=user).order_by("name"),
        limit=limit,
        token=next_token,
        scope=f"AdminListGroupsForUser:{pool.id}:{user.sub}",
    )
    return {"Groups": [shapes.group_type(group) for group in page], **page.next_token()}


@operation("ListUsersInGroup", category=Category.USER_LIST)
def list_users_in_group(
    call: Call, *, user_pool_id: str, group_name: str, limit: int = 60, next_token: str = ""
) -> Shape:
    """List a group's members in the order in which they joined."""
    pool = UserPool.objects.for_call(call, user_pool_id)
    group = groups.find(pool, group_name)
    page = paginate(
        members_in_order(group),
        start=[group.pk, 0],
        limit=limit,
        token=next_token,
        scope=f"ListUsersInGroup:{pool.id}:{group.pk}",
    )
    members = [shapes.user_type(membership.user) for membership in page]
    return {"Users": members, **page.next_token()}


def members_in_order(group: Group) -> QuerySet[Membership]:
    """Return who is in the group, in the order in which they joined, behind those of groups before.

    Spelled as ListUsers' filters are, and for the same reason.
    """
    members = Membership.objects.filter(group_id__lte=group.pk).select_related("user")
    shown = [f"user__{name}" for name in SHOWN]
    return members.order_by("group_id", "pk").only("group_id", *shown)
