"""The registry: which function serves which operation of a botocore service model."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from userpools.awsjson import errors
from userpools.awsjson.output import Serializer, serializer
from userpools.awsjson.overrides import EXTRA_ERRORS
from userpools.awsjson.validation import Checker, checker, member_checkers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import OperationModel, StructureShape

    from userpools.awsjson.throttling import Category

    ResourceRule = Callable[[Mapping[str, Any], str, str], str | None]

_Function = TypeVar("_Function", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed the call."""

    access_key_id: str
    arn: str
    user_id: str
    account_id: str
    # Whatever the credential resolver attached (policies, session); opaque to the protocol.
    identity: object = None


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation may know of its request besides the input members."""

    operation: str
    caller: Caller | None
    region: str
    account_id: str
    request_id: str
    client_address: str
    user_agent: str = ""


class Signature(Enum):
    """Whether an operation wants SigV4."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


# The model gives both the signing trait, yet they authenticate a client by its secret, so a
# signature is welcome and not demanded. Source: API reference, GetClientToken, GetDerivedToken.
_OPTIONALLY_SIGNED = frozenset({"GetClientToken", "GetDerivedToken"})
_UNSIGNED_TRAIT = "smithy.api#noAuth"

_FAULTS: Mapping[str, type[errors.AwsError]] = {
    fault.__name__: fault
    for fault in (errors.InternalErrorException, errors.InternalServerException)
}


class Operation:
    """One operation of a model and the function that serves it; precomputes all it can."""

    def __init__(
        self,
        service: Service,
        model: OperationModel,
        function: Callable[..., Any],
        *,
        category: Category,
        resource: ResourceRule | None,
    ) -> None:
        self.service = service
        self.name: str = model.name
        self.model = model
        self.function = function
        self.category = category
        self.resource = resource
        self.action = f"{service.name}:{self.name}"
        self.signing_name: str = service.model.signing_name
        self.signature = signature_of(model)
        modelled = {shape.name for shape in model.error_shapes}
        extra = EXTRA_ERRORS.get(service.name, {}).get(self.name, frozenset())
        self.allowed_errors = errors.PROTOCOL_ERRORS | modelled | extra
        self.fault = next(
            (fault for name, fault in _FAULTS.items() if name in modelled), errors.InternalFailure
        )
        self.throttled: type[errors.AwsError] = (
            errors.TooManyRequestsException
            if errors.TooManyRequestsException.__name__ in modelled
            else errors.ThrottlingException
        )
        members = _members(model.input_shape)
        self.members: frozenset[str] = frozenset(members)
        self.required: frozenset[str] = frozenset(
            model.input_shape.required_members if model.input_shape else ()
        )

    @cached_property
    def checkers(self) -> tuple[tuple[str, str, str, bool, Checker], ...]:
        """Wire name, argument name, path, required and checker of each input member."""
        if self.model.input_shape is None:
            return ()
        return tuple(
            (wire, argument_name(wire), path, required, check)
            for wire, path, required, check in member_checkers(
                self.service.name, self.model.input_shape
            )
        )

    @cached_property
    def serialize(self) -> Serializer:
        """Turn what the function returned into JSON values, without what the shape lacks."""
        if self.model.output_shape is None:
            return _nothing
        return serializer(self.model.output_shape)

    @cached_property
    def check_output(self) -> Checker | None:
        """Check a serialized answer against the output shape."""
        if self.model.output_shape is None:
            return None
        return checker(self.service.name, self.model.output_shape)


class Service:
    """The operations of one service that are served here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.operations: dict[str, Operation] = {}
        # By the value of X-Amz-Target.
        self.targets: dict[str, Operation] = {}

    @cached_property
    def model(self) -> ServiceModel:
        """The pinned model of botocore."""
        return ServiceModel(Loader().load_service_model(self.name, "service-2"), self.name)

    @cached_property
    def target_prefix(self) -> str:
        """What precedes the operation's name in X-Amz-Target."""
        prefix: str = self.model.metadata["targetPrefix"]
        return prefix

    def operation(
        self, name: str, *, category: Category, resource: ResourceRule | None = None
    ) -> Callable[[_Function], _Function]:
        """Register a function as the operation `name`.

        The signature is compared with the model: TypeError on any difference, and when the
        name is taken. `resource(body, region, account_id)` names the ARN that the caller
        must be allowed to act on; None from it means any one, and the function then shows
        what the caller may see. Without it, UserPoolId, IdentityPoolId or ResourceArn of the
        body say, else `*`.
        """
        if name not in self.model.operation_names:
            msg = f"{self.name} has no operation {name}"
            raise TypeError(msg)

        def register(function: _Function) -> _Function:
            if name in self.operations:
                msg = f"{name} is served twice, by {self.operations[name].function} and {function}"
                raise TypeError(msg)
            model = self.model.operation_model(name)
            compare_signature(function, model)
            served = Operation(self, model, function, category=category, resource=resource)
            self.operations[name] = served
            self.targets[f"{self.target_prefix}.{name}"] = served
            return function

        return register


def argument_name(wire: str) -> str:
    """Spell a member as the functions do: UserPoolId is user_pool_id."""
    name: str = xform_name(wire)
    return name


def signature_of(model: OperationModel) -> Signature:
    """Read from the model whether the operation wants a signature."""
    if model.name in _OPTIONALLY_SIGNED:
        return Signature.OPTIONAL
    if model.auth_type == "none" or _UNSIGNED_TRAIT in (model.auth or ()):
        return Signature.NONE
    return Signature.REQUIRED


def compare_signature(function: Callable[..., Any], model: OperationModel) -> None:
    """Raise TypeError unless the keyword arguments are the input members of the model."""
    _, *rest = inspect.signature(function).parameters.values()
    accepts_rest = any(parameter.kind is parameter.VAR_KEYWORD for parameter in rest)
    named = {p.name: p for p in rest if p.kind is not p.VAR_KEYWORD}
    shape = model.input_shape
    required = {argument_name(name) for name in (shape.required_members if shape else ())}
    members = {argument_name(name) for name in _members(shape)}
    wrong = [
        *(f"{name} is no member" for name in named if name not in members),
        *(f"{name} is missing" for name in members - named.keys() if not accepts_rest),
        *(
            f"{name} must be keyword-only"
            for name, parameter in named.items()
            if parameter.kind is not parameter.KEYWORD_ONLY
        ),
        *(
            f"{name} is required and has a default"
            if name in required
            else f"{name} is optional and has no default"
            for name, parameter in named.items()
            if name in members and (name in required) != (parameter.default is parameter.empty)
        ),
    ]
    if wrong:
        msg = f"{model.name}: {'; '.join(sorted(wrong))}"
        raise TypeError(msg)


def _members(shape: StructureShape | None) -> Mapping[str, Any]:
    members: Mapping[str, Any] = shape.members if shape else {}
    return members


def _nothing(value: Any) -> dict[str, Any]:
    return {}


cognito_idp = Service("cognito-idp")
cognito_identity = Service("cognito-identity")
operation = cognito_idp.operation
