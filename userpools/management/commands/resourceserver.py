"""`manage.py resourceserver`: APIs and their scopes, through the operations of the API."""

from typing import Any

from userpools.local_api import LocalApi
from userpools.models import UserPool
from userpools.services.resource_servers import document_of

from ._base import NounCommand, Result, argument, pairs, verb
from .pool import POOL, wire_object

IDENTIFIER = argument("identifier", metavar="IDENTIFIER")
NAME = argument("--name", required=True, help="What people call it.")
SCOPES = argument(
    "--scope",
    action="append",
    metavar="NAME=DESCRIPTION",
    help="A scope; repeat it for several.",
)


class Command(NounCommand):
    """Resource servers."""

    help = "Create, change, list and delete resource servers with their scopes."

    @verb("Create a resource server.", POOL, IDENTIFIER, NAME, SCOPES)
    def create(self, options: dict[str, Any]) -> Result:
        answer = call("CreateResourceServer", options, **_settings(options))
        return wire_object(answer, "ResourceServer")

    @verb("Replace its name and scopes.", POOL, IDENTIFIER, NAME, SCOPES)
    def update(self, options: dict[str, Any]) -> Result:
        answer = call("UpdateResourceServer", options, **_settings(options))
        return wire_object(answer, "ResourceServer")

    @verb("List a pool's resource servers.", POOL)
    def list(self, options: dict[str, Any]) -> Result:
        pool = UserPool.objects.get(pk=options["pool"])
        return [document_of(server) for server in pool.resource_servers.order_by("identifier")]

    @verb("Delete a resource server.", POOL, IDENTIFIER)
    def delete(self, options: dict[str, Any]) -> Result:
        call("DeleteResourceServer", options)
        return f"Deleted {options['identifier']}."


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": options["name"],
        "Scopes": [
            {"ScopeName": name, "ScopeDescription": description}
            for name, description in pairs(options["scope"]).items()
        ],
    }


def call(operation: str, options: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Run an operation on the resource server that the options name."""
    api = LocalApi().in_pool(options["pool"])
    return api(operation, UserPoolId=options["pool"], Identifier=options["identifier"], **members)
