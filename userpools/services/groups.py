"""Groups and who is in them; a user's `group_count` follows the memberships, under its lock."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.errors import (
    GroupExistsException,
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from userpools.models import Group, Membership, PoolUser, UserPool
from userpools.models.stamps import stamps
from userpools.services.lookup import locked

GROUPS_PER_POOL = 10_000
GROUPS_PER_USER = 100
DELETE_BATCH = 1_000
# Column of each member of CreateGroup and UpdateGroup.
COLUMNS = {"Description": "description", "RoleArn": "role_arn", "Precedence": "precedence"}


def find(pool: UserPool, name: str) -> Group:
    """Return the pool's group of that name; ResourceNotFoundException if there is none."""
    group = Group.objects.filter(pool_id=pool.pk, name=name).first()
    if group is None:
        raise no_such_group()
    return group


def no_such_group() -> ResourceNotFoundException:
    """Make the error for an unknown group."""
    return ResourceNotFoundException("Group not found.")


def create(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> Group:
    """Create a group of CreateGroup's members; GroupExistsException for a taken name."""
    group = Group(pool_id=pool_id, name=settings["GroupName"], **_columns(settings), **stamps())
    try:
        with transaction.atomic():
            pool = UserPool.objects.locked(pool_id)
            if pool.groups.count() >= GROUPS_PER_POOL:
                raise LimitExceededException(
                    f"A user pool can have at most {GROUPS_PER_POOL} groups."
                )
            group.save(force_insert=True)
            pool.touch()
            _record(actor, "CreateGroup", group, after=document_of(group))
    except IntegrityError as exc:
        raise GroupExistsException from exc
    return group


def update(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> Group:
    """Change a group; what the members of UpdateGroup leave out stays as it is."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        group = find(pool, settings["GroupName"])
        before = document_of(group)
        for column, value in _columns(settings).items():
            setattr(group, column, value)
        group.modified_at = timezone.now()
        group.save()
        pool.touch()
        _record(actor, "UpdateGroup", group, before=before, after=document_of(group))
    return group


def delete(pool: UserPool, name: str, *, actor: Actor) -> None:
    """Delete a group; its members stay users.

    Members leave in batches, each a transaction of its own; the group goes with the last one.
    """
    group = find(pool, name)
    while not _delete_some(group, actor):
        pass


def _delete_some(group: Group, actor: Actor) -> bool:
    """Take one batch of members out; with none left, delete the group and return True.

    Users are locked before the group, in the order of their keys, as `add` does: nobody deadlocks.
    """
    members = group.memberships.order_by("user_id").values_list("user_id", flat=True)
    with transaction.atomic():
        batch = list(members[:DELETE_BATCH])
        list(PoolUser.objects.select_for_update().filter(pk__in=batch).order_by("pk").values("pk"))
        present = group.memberships.filter(user_id__in=batch)
        left = list(present.values_list("user_id", flat=True))
        present.delete()
        PoolUser.objects.filter(pk__in=left).update(group_count=F("group_count") - 1)
        # Under the group's lock, so that a join commits before the look at the members or fails.
        if not Group.objects.select_for_update().filter(pk=group.pk).exists():
            raise no_such_group()
        if group.memberships.exists():
            return False
        _record(actor, "DeleteGroup", group, before=document_of(group))
        Group.objects.filter(pk=group.pk).delete()
        UserPool(pk=group.pool_id).touch()
    return True


def add(pool: UserPool, user: PoolUser, name: str, *, actor: Actor) -> None:
    """Put a user into a group; nothing happens when the user is in it."""
    group = find(pool, name)
    try:
        with transaction.atomic():
            member = locked(user)
            if Membership.objects.filter(user=member, group=group).exists():
                return
            if member.group_count >= GROUPS_PER_USER:
                # The model lists no LimitExceededException for it.
                raise InvalidParameterException(
                    f"A user can be in at most {GROUPS_PER_USER} groups."
                )
            Membership.objects.create(user=member, group=group)
            PoolUser.objects.filter(pk=member.pk).update(group_count=F("group_count") + 1)
            _record_member(actor, "AdminAddUserToGroup", group, member)
    except IntegrityError as exc:
        # The group was deleted meanwhile: its foreign key is checked at commit.
        raise no_such_group() from exc


def remove(pool: UserPool, user: PoolUser, name: str, *, actor: Actor) -> None:
    """Take a user out of a group; nothing happens when the user is not in it."""
    group = find(pool, name)
    with transaction.atomic():
        member = locked(user)
        deleted, _ = Membership.objects.filter(user=member, group=group).delete()
        if not deleted:
            return
        PoolUser.objects.filter(pk=member.pk).update(group_count=F("group_count") - 1)
        _record_member(actor, "AdminRemoveUserFromGroup", group, member)


def document_of(group: Group) -> dict[str, Any]:
    """Return what an audit entry says of a group."""
    members = {member: getattr(group, column) for member, column in COLUMNS.items()}
    return {"GroupName": group.name, **members}


def _columns(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {column: settings[member] for member, column in COLUMNS.items() if member in settings}


def _record(
    actor: Actor,
    action: str,
    group: Group,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_act(
        actor, action, pool_id=group.pool_id, resource=group.name, before=before, after=after
    )


def _record_member(actor: Actor, action: str, group: Group, user: PoolUser) -> None:
    _record(actor, action, group, after={"GroupName": group.name, "Sub": str(user.sub)})
