"""The API without the network: operations called in process, for commands and the quickstart.

Input and answer pass the same gate as a request's, the function is the same, and what it records
names the command's user as the actor.
"""

import getpass
import os
from typing import Any

from userpools.access_keys import Identity
from userpools.audit import Actor
from userpools.awsjson.service import Call, Caller, Operation, Service, cognito_idp
from userpools.awsjson.views import arguments_of
from userpools.conf import settings
from userpools.models import AccessKey
from userpools.policies import FULL_ACCESS

COMMAND = "command"


def user_of_process() -> str:
    """Return the name of the account that this process runs under, or its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in containers
        return str(os.getuid())


def actor() -> Actor:
    """Return who a command's own acts are recorded for."""
    return Actor(f"{COMMAND}:{user_of_process()}", COMMAND)


def check_members(operation: str, **members: Any) -> None:
    """Refuse what the API's gate would refuse, for forms that call a service themselves.

    Raises InvalidParameterException. Members that are None or empty are left out.
    """
    given = {name: value for name, value in members.items() if value not in (None, "")}
    arguments_of(cognito_idp.operations[operation], given)


class LocalApi:
    """Calls operations by name with members in wire spelling, as a caller who may do everything."""

    def __init__(self, region: str = "", service: Service = cognito_idp) -> None:
        self.region = region or settings.DEFAULT_REGION
        self.service = service

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        """Run an operation; raise what it raises. Members that are None are left out."""
        served = self.service.operations[operation]
        given = {name: value for name, value in members.items() if value is not None}
        answer = served.function(self._call(served), **arguments_of(served, given))
        result: dict[str, Any] = served.serialize(answer or {})
        return result

    def in_pool(self, pool_id: str) -> "LocalApi":
        """Return the API in the region that a pool's id names."""
        return LocalApi(pool_id.split("_", 1)[0], self.service)

    def _call(self, operation: Operation) -> Call:
        caller = Caller(
            access_key_id="",
            arn=f"{COMMAND}:{user_of_process()}",
            user_id=COMMAND,
            account_id=settings.ACCOUNT_ID,
            identity=Identity(AccessKey(description=COMMAND), FULL_ACCESS),
        )
        return Call(
            operation=operation.name,
            caller=caller,
            region=self.region,
            account_id=settings.ACCOUNT_ID,
            request_id="",
            client_address="",
            user_agent="manage.py",
        )
