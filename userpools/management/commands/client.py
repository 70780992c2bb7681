"""`manage.py client`: app clients of a pool, through the operations of the API."""

from typing import Any

from userpools.local_api import LocalApi
from userpools.models import AppClient, UserPool

from ._base import NounCommand, Result, argument, json_object, verb
from .pool import MEMBERS, POOL, wire_object

CLIENT = argument("client", metavar="CLIENT_ID")


class Command(NounCommand):
    """App clients."""

    help = "Create, list, show and delete app clients."

    @verb(
        "Create a client.",
        POOL,
        argument("name"),
        argument(
            "--secret", action="store_true", help="Make it confidential; the secret is shown."
        ),
        argument(
            "--flow", action="append", metavar="ALLOW_...", help="An ExplicitAuthFlows value."
        ),
        MEMBERS,
    )
    def create(self, options: dict[str, Any]) -> Result:
        members = {**json_object(options["members"]), "ClientName": options["name"]}
        if options["secret"]:
            members["GenerateSecret"] = True
        if options["flow"]:
            members["ExplicitAuthFlows"] = options["flow"]
        api = LocalApi().in_pool(options["pool"])
        answer = api("CreateUserPoolClient", UserPoolId=options["pool"], **members)
        return wire_object(answer, "UserPoolClient")

    @verb("List a pool's clients.", POOL)
    def list(self, options: dict[str, Any]) -> Result:
        pool = UserPool.objects.get(pk=options["pool"])
        clients = AppClient.objects.filter(pool=pool).order_by("name", "client_id")
        return [{"ClientId": client.client_id, "ClientName": client.name} for client in clients]

    @verb("Show a client's settings, its secret included.", POOL, CLIENT)
    def show(self, options: dict[str, Any]) -> Result:
        api = LocalApi().in_pool(options["pool"])
        members = {"UserPoolId": options["pool"], "ClientId": options["client"]}
        return wire_object(api("DescribeUserPoolClient", **members), "UserPoolClient")

    @verb("Delete a client; its sign-in sessions end.", POOL, CLIENT)
    def delete(self, options: dict[str, Any]) -> Result:
        api = LocalApi().in_pool(options["pool"])
        api("DeleteUserPoolClient", UserPoolId=options["pool"], ClientId=options["client"])
        return f"Deleted {options['client']}."
