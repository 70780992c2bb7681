"""The STS actions served here: one function for each, its arguments those of botocore's model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from identitypools import identities, tokens
from identitypools.models import DEFAULT_SESSION_SECONDS, Role
from identitypools.tokens import AUTHENTICATED, UNAUTHENTICATED, Proof
from identitypools.vendors import local
from identitypools.vendors.base import Credentials
from userpools.access_keys import Identity, may
from userpools.awsjson.errors import AccessDeniedException
from userpools.awsjson.permissions import refusal
from userpools.awsjson.service import (
    Call,
    Caller,
    Signature,
    argument_name,
    compare_signature,
    signature_of,
)
from userpools.awsjson.validation import Checker, Violation, member_checkers, refuse
from userpools.errors import NotAuthorizedException, ResourceNotFoundException
from userpools.policies import Policy, PolicyError

from .errors import (
    ExpiredIdentityToken,
    InvalidAction,
    InvalidIdentityToken,
    MalformedPolicyDocument,
    MissingAction,
    PackedPolicyTooLarge,
    ValidationError,
)

SERVICE: Final = "sts"
VERSION: Final = "2011-06-15"
ASSUME_ROLE: Final = "sts:AssumeRole"
WEB_PROVIDER: Final = "cognito-identity.amazonaws.com"
DEFAULT_SESSION_TOKEN_SECONDS: Final = 43_200

Members = Mapping[str, Any]
_Function = TypeVar("_Function", bound=Callable[..., Members])

MODEL: Final = ServiceModel(Loader().load_service_model(SERVICE, "service-2"), SERVICE)


@dataclass(frozen=True)
class Action:
    """An action, the function that serves it, and how the two name what is asked."""

    model: OperationModel
    function: Callable[..., Members]

    @property
    def is_signed(self) -> bool:
        """Whether it wants a signature."""
        return signature_of(self.model) is Signature.REQUIRED

    @cached_property
    def checkers(self) -> tuple[tuple[str, Shape, str, bool, Checker], ...]:
        """Wire name, shape, path, required and checker of each member."""
        shape = self.model.input_shape
        if shape is None:
            return ()
        return tuple(
            (wire, shape.members[wire], path, required, check)
            for wire, path, required, check in member_checkers(SERVICE, shape)
        )

    def run(self, call: Call, parameters: Mapping[str, str]) -> Members:
        """Check the parameters against the model, and call the function."""
        arguments: dict[str, Any] = {}
        violations: list[Violation] = []
        for wire, shape, path, required, check in self.checkers:
            value = _read(shape, wire, parameters)
            if value is not None:
                arguments[argument_name(wire)] = check(value, path, violations)
            elif required:
                violations.append((path, "Member must not be null", None))
        refuse(violations)
        return self.function(call, **arguments)


def _read(shape: Any, prefix: str, parameters: Mapping[str, str]) -> Any:
    """Return a member of the form, or None. Source: "AWS query protocol", lists and structures."""
    if shape.type_name == "list":
        items: list[Any] = []
        while (
            item := _read(shape.member, f"{prefix}.member.{len(items) + 1}", parameters)
        ) is not (None):
            items.append(item)
        return items or None
    if shape.type_name == "structure":
        found = {
            name: value
            for name, member in shape.members.items()
            if (value := _read(member, f"{prefix}.{name}", parameters)) is not None
        }
        return found or None
    text = parameters.get(prefix)
    if text is None or shape.type_name == "string":
        return text
    # The only other kind that the actions served have.
    try:
        return int(text[:20])
    except ValueError as exc:
        raise ValidationError(f"{prefix} is no number.") from exc


ACTIONS: dict[str, Action] = {}


def action(name: str) -> Callable[[_Function], _Function]:
    """Register a function as an action; its signature is compared with the model."""

    def register(function: _Function) -> _Function:
        model = MODEL.operation_model(name)
        compare_signature(function, model)
        ACTIONS[name] = Action(model, function)
        return function

    return register


def action_named(name: str, version: str) -> Action:
    """Find an action; MissingAction without a name, InvalidAction for one not served."""
    if not name:
        raise MissingAction
    if name not in ACTIONS or version != VERSION:
        shown = version[:32] or "NO_VERSION_SPECIFIED"
        raise InvalidAction(f"Could not find operation {name[:128]} for version {shown}")
    return ACTIONS[name]


@action("GetCallerIdentity")
def get_caller_identity(call: Call) -> Members:
    """Say who signed. Every caller may ask. Source: STS API reference, GetCallerIdentity."""
    caller = _signer(call)
    return {"Arn": caller.arn, "UserId": caller.user_id, "Account": caller.account_id}


@action("GetSessionToken")
def get_session_token(
    call: Call, *, duration_seconds: int = DEFAULT_SESSION_TOKEN_SECONDS, **others: Any
) -> Members:
    """Return temporary keys with the powers of the lasting key that signed."""
    _refuse_others(others)
    caller = _signer(call)
    if not isinstance(caller.identity, Identity) or caller.access_key_id.startswith(
        local.TEMPORARY
    ):
        raise AccessDeniedException("Cannot call GetSessionToken with session credentials")
    made = local.issue(duration_seconds, source_key=caller.access_key_id)
    return {"Credentials": _credentials(made)}


@action("AssumeRole")
def assume_role(
    call: Call,
    *,
    role_arn: str,
    role_session_name: str,
    duration_seconds: int | None = None,
    policy: str = "",
    tags: list[dict[str, str]] | None = None,
    external_id: str = "",
    **others: Any,
) -> Members:
    """Return keys of a role that the operator's policy and the role's trust both allow."""
    _refuse_others(others)
    caller = _signer(call)
    identity = caller.identity
    denied = AccessDeniedException(refusal(caller.arn, ASSUME_ROLE, role_arn))
    # Whoever has a role already takes no other: identities of pools administer nothing.
    if not isinstance(identity, Identity) or not may(caller, ASSUME_ROLE, role_arn):
        raise denied
    role = Role.cached(role_arn)
    proof = Proof((), _tags(tags))
    if role is None or not _trusts(role, caller, proof, role_session_name, external_id):
        raise denied
    made = _issue(
        role,
        role_session_name,
        _seconds(role, duration_seconds),
        policy,
        source_key=identity.key.access_key_id,
        proof=proof,
    )
    return {"Credentials": _credentials(made), "AssumedRoleUser": _user(role, role_session_name)}


def _trusts(role: Role, caller: Caller, proof: Proof, session: str, external_id: str) -> bool:
    context = local.trust_context("", "", proof)
    for name in ("aud", "sub", "amr"):
        del context[f"{WEB_PROVIDER}:{name}"]
    context |= {
        "sts:rolesessionname": session,
        "aws:principalarn": caller.arn,
        "aws:principalaccount": caller.account_id,
        "aws:userid": caller.user_id,
        **({"sts:externalid": external_id} if external_id else {}),
    }
    principals = [("AWS", caller.arn), ("AWS", caller.account_id)]
    wanted = [ASSUME_ROLE, *([local.TAG_SESSION] if proof.tags else [])]
    return all(role.trust.allows(one, principals, context) for one in wanted)


@action("AssumeRoleWithWebIdentity")
def assume_role_with_web_identity(
    call: Call,
    *,
    role_arn: str,
    role_session_name: str,
    web_identity_token: str,
    duration_seconds: int | None = None,
    policy: str = "",
    **others: Any,
) -> Members:
    """Return keys of a role for a token of one of our identity pools (the basic flow)."""
    _refuse_others(others)
    pool_id, identity_id, proof = _identity(web_identity_token)
    role = Role.cached(role_arn)
    context = {
        **local.trust_context(pool_id, identity_id, proof),
        "sts:rolesessionname": role_session_name,
    }
    # A role that is none is refused like one that may not be taken, so that no name is told.
    if role is None or not local.trusts(role, context):
        raise AccessDeniedException("Not authorized to perform sts:AssumeRoleWithWebIdentity")
    made = _issue(
        role,
        role_session_name,
        _seconds(role, duration_seconds),
        policy,
        pool_id=pool_id,
        identity_id=identity_id,
        proof=proof,
    )
    return {
        "SubjectFromWebIdentityToken": identity_id,
        "Audience": pool_id,
        "AssumedRoleUser": _user(role, role_session_name),
        "Credentials": _credentials(made),
        "Provider": WEB_PROVIDER,
    }


def _identity(token: str) -> tuple[str, str, Proof]:
    """Return the pool, the identity and the proof of a token whose identity still is."""
    try:
        pool, identity_id, proof = tokens.verify(token)
        identity = identities.find(identity_id)
    except NotAuthorizedException as exc:
        if exc.message == tokens.EXPIRED:
            raise ExpiredIdentityToken from exc
        raise InvalidIdentityToken from exc
    except ResourceNotFoundException as exc:
        raise InvalidIdentityToken from exc
    wanted = AUTHENTICATED if identity.is_authenticated else UNAUTHENTICATED
    if identity.pool_id != pool.pk or identity.is_disabled or wanted not in proof.amr:
        raise InvalidIdentityToken
    if not identity.is_authenticated and not pool.allow_unauthenticated:
        raise InvalidIdentityToken
    return pool.pk, identity_id, proof


def _signer(call: Call) -> Caller:
    assert call.caller is not None  # noqa: S101 - the view lets no unsigned call through
    return call.caller


def _refuse_others(others: Mapping[str, Any]) -> None:
    """Refuse members that would limit or mark a session in a way that is not served."""
    # How large the session token may get at the least is no promise of this server's.
    unserved = sorted(others.keys() - {"minimum_session_token_size"})
    if unserved:
        raise ValidationError(f"{unserved[0]} is not supported here.")


def _tags(given: list[dict[str, str]] | None) -> dict[str, str]:
    found = {tag["Key"]: tag["Value"] for tag in given or []}
    if len({key.lower() for key in found}) != len(given or []):
        raise ValidationError("A session tag is given twice.")
    return found


def _seconds(role: Role, given: int | None) -> int:
    if given is None:
        return min(DEFAULT_SESSION_SECONDS, role.max_session_seconds)
    if given > role.max_session_seconds:
        raise ValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return given


def _issue(role: Role, session_name: str, seconds: int, policy: str, **whose: Any) -> Credentials:
    document = None
    if policy:
        try:
            Policy.for_roles(policy)
        except PolicyError as exc:
            raise MalformedPolicyDocument(str(exc)) from exc
        document = policy
    try:
        return local.issue_for_role(
            role, session_name=session_name, seconds=seconds, policy=document, **whose
        )
    except local.TooLarge as exc:
        raise PackedPolicyTooLarge from exc


def _credentials(made: Credentials) -> Members:
    return {
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key,
        "SessionToken": made.session_token,
        "Expiration": made.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _user(role: Role, session_name: str) -> Members:
    return {
        "AssumedRoleId": f"{role.role_id}:{session_name}",
        "Arn": f"{role.session_arn}{session_name}",
    }
