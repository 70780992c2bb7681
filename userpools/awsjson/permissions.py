"""May this caller call this operation on this resource?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission

from userpools.awsjson.configuration import current
from userpools.awsjson.errors import AccessDeniedException
from userpools.awsjson.service import Signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request
    from rest_framework.views import APIView

    from userpools.awsjson.service import Operation

# IAM is not evaluated for it: the client's secret is what counts, a signature is only welcome.
# Source: API reference, GetClientToken.
_UNEVALUATED = frozenset({"GetClientToken"})


class PolicyPermission(BasePermission):
    """Asks the configured authorizer about signed calls; unsigned operations need no policy."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Allow, or raise AccessDeniedException with the service's text."""
        exchange = view.exchange  # type: ignore[attr-defined]
        operation: Operation = exchange.operation
        caller = exchange.caller
        if (
            operation.signature is Signature.NONE
            or operation.name in _UNEVALUATED
            or (caller is None and operation.signature is Signature.OPTIONAL)
        ):
            return True
        resource = resource_of(operation, request.data, exchange.region, exchange.account_id)
        authorizer = current().authorizer
        if caller is not None and authorizer.authorize(caller, operation.action, resource):
            return True
        raise AccessDeniedException(refusal(caller.arn, operation.action, resource))


def any_resource(body: Mapping[str, Any], region: str, account_id: str) -> None:
    """Say of an operation that it filters: its caller needs the action on any one resource."""


def resource_of(operation: Operation, body: Any, region: str, account_id: str) -> str | None:
    """Name the ARN that the call acts on, from members that the operation has.

    The body is not validated yet. A member that the operation does not know is never looked
    at, so that nobody passes by naming a pool of their own beside the real subject.
    """
    if operation.resource is not None:
        return operation.resource(body, region, account_id)
    if pool := _text(operation, body, "UserPoolId"):
        return f"arn:aws:cognito-idp:{pool.partition('_')[0]}:{account_id}:userpool/{pool}"
    if pool := _text(operation, body, "IdentityPoolId"):
        return f"arn:aws:cognito-identity:{pool.partition(':')[0]}:{account_id}:identitypool/{pool}"
    return _text(operation, body, "ResourceArn") or "*"


def _text(operation: Operation, body: Any, member: str) -> str:
    value = body.get(member) if member in operation.members else None
    return value if isinstance(value, str) else ""


def refusal(arn: str, action: str, resource: str | None) -> str:
    """Word a refusal as the service does."""
    return (
        f"User: {arn} is not authorized to perform: {action} on resource: {resource or '*'} "
        f"because no identity-based policy allows the {action} action"
    )
