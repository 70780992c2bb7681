"""`manage.py pool`: user pools, through the operations of the API."""

from typing import Any

from django.core.management.base import CommandError

from userpools.awsjson.service import cognito_idp
from userpools.local_api import LocalApi, actor
from userpools.models import PasswordStorage, UserPool
from userpools.services import pools

from ._base import NounCommand, Result, argument, json_object, verb

POOL = argument("pool", metavar="POOL_ID")
MEMBERS = argument("--members", help="Further members in the API's spelling: JSON, @FILE or @-.")


class Command(NounCommand):
    """User pools."""

    help = "Create, list, show, change and delete user pools."

    @verb(
        "Create a pool.",
        argument("name"),
        argument("--region", default="", help="Region in its id (default: the server's)."),
        MEMBERS,
    )
    def create(self, options: dict[str, Any]) -> Result:
        members = {**json_object(options["members"]), "PoolName": options["name"]}
        return wire_object(LocalApi(options["region"])("CreateUserPool", **members), "UserPool")

    @verb("List the pools of all regions.")
    def list(self, _options: dict[str, Any]) -> Result:
        return [
            {
                "Id": pool.pk,
                "Name": pool.name,
                "Created": pool.created_at.isoformat(timespec="seconds"),
            }
            for pool in UserPool.objects.order_by("pk")
        ]

    @verb("Show a pool's settings.", POOL)
    def show(self, options: dict[str, Any]) -> Result:
        return described(options["pool"])

    @verb(
        "Change settings; what is not named stays as it is.",
        POOL,
        MEMBERS,
        argument(
            "--password-storage", choices=PasswordStorage.values, help="How passwords are kept."
        ),
    )
    def update(self, options: dict[str, Any]) -> Result:
        pool_id, changes = options["pool"], json_object(options["members"])
        if changes:
            LocalApi().in_pool(pool_id)("UpdateUserPool", **merged(described(pool_id), changes))
        if options["password_storage"]:
            pools.set_password_storage(pool_id, options["password_storage"], actor=actor())
        return described(pool_id)

    @verb("Delete a pool with all its users.", POOL, argument("--yes", action="store_true"))
    def delete(self, options: dict[str, Any]) -> Result:
        if not options["yes"]:
            raise CommandError("This deletes the pool and its users for good: add --yes.")
        LocalApi().in_pool(options["pool"])("DeleteUserPool", UserPoolId=options["pool"])
        return f"Deleted {options['pool']}."


def described(pool_id: str) -> dict[str, Any]:
    """Return what DescribeUserPool says."""
    return wire_object(
        LocalApi().in_pool(pool_id)("DescribeUserPool", UserPoolId=pool_id), "UserPool"
    )


def wire_object(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the one object in an answer."""
    found: dict[str, Any] = answer[name]
    return found


def merged(pool: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return UpdateUserPool's members: the pool as it is, and the changes.

    UpdateUserPool sets what it is not told to its default, so it must be told everything.
    """
    members = cognito_idp.operations["UpdateUserPool"].members
    present = {name: value for name, value in pool.items() if name in members}
    # Both say the same, and together they are refused.
    if "TemporaryPasswordValidityDays" in present.get("Policies", {}).get("PasswordPolicy", {}):
        invitation = dict(present.get("AdminCreateUserConfig", {}))
        invitation.pop("UnusedAccountValidityDays", None)
        present["AdminCreateUserConfig"] = invitation
    return {**present, **changes, "UserPoolId": pool["Id"]}
