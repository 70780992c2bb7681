"""Roles, functions and keys that a call names: the caller must be allowed to hand them over.

An operator of one pool could otherwise make the server use another tenant's role or function.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from userpools.access_keys import may
from userpools.awsjson.permissions import refusal
from userpools.awsjson.service import Call
from userpools.errors import AccessDeniedException
from userpools.policies import PASS_ROLE

INVOKE_FUNCTION = "lambda:InvokeFunction"
# What a role needs on a key before it can let the service encrypt under it.
CREATE_GRANT = "kms:CreateGrant"

Passed = tuple[str, str]


def require_passable(call: Call, passed: Iterable[Passed]) -> None:
    """Raise AccessDeniedException unless the caller may take each action on its ARN."""
    for action, arn in passed:
        if not may(call.caller, action, arn):
            caller = call.caller.arn if call.caller else "anonymous"
            raise AccessDeniedException(refusal(caller, action, arn))


def role(arn: str | None) -> Iterator[Passed]:
    """Yield what passing a role takes; an empty ARN names none."""
    if arn:
        yield PASS_ROLE, arn


def sms_roles(configuration: Mapping[str, Any] | None) -> Iterator[Passed]:
    """Yield the roles of an SmsConfiguration."""
    sms = configuration or {}
    yield from role(sms.get("SnsCallerArn"))
    yield from role((sms.get("EumsSms") or {}).get("CallerArn"))


def of_pool(settings: Mapping[str, Any]) -> Iterator[Passed]:
    """Yield what the members of CreateUserPool or UpdateUserPool pass."""
    yield from sms_roles(settings.get("SmsConfiguration"))
    for member, value in (settings.get("LambdaConfig") or {}).items():
        if member == "KMSKeyID":
            yield CREATE_GRANT, value
        else:
            yield INVOKE_FUNCTION, value if isinstance(value, str) else value["LambdaArn"]
    key = (settings.get("KeyConfiguration") or {}).get("KmsKeyArn")
    if key:
        yield CREATE_GRANT, key


def of_client(settings: Mapping[str, Any]) -> Iterator[Passed]:
    """Yield what the members of CreateUserPoolClient or UpdateUserPoolClient pass."""
    yield from role((settings.get("AnalyticsConfiguration") or {}).get("RoleArn"))
