"""`manage.py group`: groups of a pool and their members, through the operations of the API."""

from typing import Any

from userpools.local_api import LocalApi
from userpools.models import UserPool

from ._base import NounCommand, Result, argument, verb
from .pool import POOL, wire_object

GROUP = argument("name", metavar="GROUP")
USER = argument("username")


class Command(NounCommand):
    """Groups."""

    help = "Create, list and delete groups, add and remove members."

    @verb(
        "Create a group.",
        POOL,
        GROUP,
        argument("--description"),
        argument("--precedence", type=int, help="0 is the strongest."),
        argument("--role", metavar="ARN", help="Role that members may take in identity pools."),
    )
    def create(self, options: dict[str, Any]) -> Result:
        answer = call(
            "CreateGroup",
            options,
            Description=options["description"],
            Precedence=options["precedence"],
            RoleArn=options["role"],
        )
        return wire_object(answer, "Group")

    @verb("List a pool's groups.", POOL)
    def list(self, options: dict[str, Any]) -> Result:
        pool = UserPool.objects.get(pk=options["pool"])
        return [
            {
                "GroupName": group.name,
                "Precedence": group.precedence,
                "Members": group.memberships.count(),
                "RoleArn": group.role_arn or None,
            }
            for group in pool.groups.order_by("name")
        ]

    @verb("Delete a group; its members stay.", POOL, GROUP)
    def delete(self, options: dict[str, Any]) -> Result:
        call("DeleteGroup", options)
        return f"Deleted {options['name']}."

    @verb("Add a user.", POOL, GROUP, USER)
    def add(self, options: dict[str, Any]) -> Result:
        call("AdminAddUserToGroup", options, Username=options["username"])
        return f"Added {options['username']} to {options['name']}."

    @verb("Remove a user.", POOL, GROUP, USER)
    def remove(self, options: dict[str, Any]) -> Result:
        call("AdminRemoveUserFromGroup", options, Username=options["username"])
        return f"Removed {options['username']} from {options['name']}."


def call(operation: str, options: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Run an operation on the group that the options name."""
    api = LocalApi().in_pool(options["pool"])
    return api(operation, UserPoolId=options["pool"], GroupName=options["name"], **members)
