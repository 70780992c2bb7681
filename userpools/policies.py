"""The one evaluator of policy documents: what access keys, and roles, may do to which resource.

Access keys have identity-based policies of `Effect`, `Action` or `NotAction`, `Resource` or
`NotResource`; roles may use conditions and variables too, over the keys listed here, and their
trust policies name principals in place of resources. What is not evaluated is refused, as ignoring
it would grant more than was written. Source: IAM User Guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from userpools.policy_conditions import (
    NOTHING_KNOWN,
    AnyCondition,
    Keys,
    PolicyError,
    Token,
    Variable,
    compiled,
    conditions,
    expression,
    tokens,
    variables_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from userpools.policy_conditions import Context

__all__ = ["FULL_ACCESS", "Decision", "Policy", "PolicyError", "TrustPolicy"]

MAX_DOCUMENT_CHARS: Final = 20_480
MAX_STATEMENTS: Final = 100
VERSIONS: Final = ("2012-10-17", "2008-10-17")

# The permission to hand a role or a function to the service, asked with its ARN as the resource.
PASS_ROLE: Final = "iam:PassRole"  # noqa: S105

FULL_ACCESS_DOCUMENT: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

_WEB_IDENTITY: Final = frozenset(
    {"cognito-identity.amazonaws.com:aud", "cognito-identity.amazonaws.com:sub"}
)
_AMR: Final = "cognito-identity.amazonaws.com:amr"
_REQUEST: Final = frozenset(
    {
        "aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn",
        "aws:securetransport", "aws:sourceip", "aws:userid",
    }
)  # fmt: skip
# Whoever asks `allows` of a role states those of them that the request has a value for.
ROLE_KEYS: Final = Keys(
    single=_WEB_IDENTITY
    | _REQUEST
    | {"aws:principaltype", "aws:requestedregion", "aws:tokenissuetime"}
    | {"s3:prefix", "s3:delimiter", "s3:max-keys"},
    several=frozenset({_AMR}),
    prefixes=("aws:principaltag/",),
)
TRUST_KEYS: Final = Keys(
    single=_WEB_IDENTITY | _REQUEST | {"sts:rolesessionname", "sts:externalid"},
    several=frozenset({_AMR, "aws:tagkeys"}),
    prefixes=("aws:requesttag/",),
)

_ACTION: Final = re.compile(r"\*+|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")
_RESOURCE: Final = re.compile(r"\*+|arn:.+", re.DOTALL)
_PRINCIPAL_KINDS: Final = ("AWS", "Federated")
_EVERYBODY: Final = ("", "*")
_ACCOUNT: Final = re.compile(r"[0-9]{12}|arn:aws:iam::[0-9]{12}:root")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The patterns of one member; `negated` for its Not... form."""

    expression: re.Pattern[str] | None
    # Those with variables, which each request fills in.
    open: tuple[tuple[Token, ...], ...]
    negated: bool
    is_everything: bool

    def match(self, value: str, context: Context) -> bool:
        return self._any(value, context) is not self.negated

    def _any(self, value: str, context: Context) -> bool:
        if self.expression is not None and self.expression.fullmatch(value) is not None:
            return True
        filled = (expression(pattern, context) for pattern in self.open)
        return any(one is not None and compiled(one).fullmatch(value) for one in filled)


_ANYTHING: Final = _Patterns(re.compile(".*", re.DOTALL), (), negated=False, is_everything=True)

Principal = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Statement:
    number: int
    sid: str
    is_allow: bool
    actions: _Patterns
    resources: _Patterns
    conditions: tuple[AnyCondition, ...] = ()
    principals: frozenset[Principal] = frozenset()

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Whether it speaks of this request."""
        return (
            self.actions.match(action, context)
            and self.resources.match(resource, context)
            and all(condition.holds(context) for condition in self.conditions)
            and not (self.is_allow and self._is_unknown(context))
        )

    def _is_unknown(self, context: Context) -> bool:
        """Whether a negated comparison is with a variable that has no value.

        Such a comparison holds of everything, and would allow what was meant to be excepted.
        """
        if not self.resources.negated and not self.conditions:
            return False
        return any(not isinstance(context.get(key), str) for key in self._excepted())

    def _excepted(self) -> Iterator[str]:
        if self.resources.negated:
            for pattern in self.resources.open:
                yield from variables_of(pattern)
        for condition in self.conditions:
            if condition.negated:
                yield from condition.variables


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says of a request; `statement` is the number of the one that decided."""

    allowed: bool
    statement: int | None = None
    sid: str = ""

    @property
    def is_explicit(self) -> bool:
        """Whether a statement says so, as opposed to none allowing it."""
        return self.statement is not None


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy document; an explicit Deny wins, and what nothing allows is denied."""

    allowed: tuple[_Statement, ...]
    denied: tuple[_Statement, ...]

    @classmethod
    def parse(cls, document: str | dict[str, Any]) -> Policy:
        """Compile a document of plain statements; equal documents share one result.

        Raises PolicyError.
        """
        return _compile(_text_of(document), None)

    @classmethod
    def for_roles(cls, document: str | dict[str, Any]) -> Policy:
        """Compile a role's document, with conditions and variables. Raises PolicyError."""
        return _compile(_text_of(document), ROLE_KEYS)

    def allows(self, action: str, resource: str, context: Context = NOTHING_KNOWN) -> bool:
        """Whether the action (`cognito-idp:CreateGroup`) is allowed on the resource's ARN."""
        return _any_applies(self.allowed, action, resource, context) and not _any_applies(
            self.denied, action, resource, context
        )

    def decide(self, action: str, resource: str, context: Context) -> Decision:
        """Answer as `allows`, with the statement that decides."""
        for statement in (*self.denied, *self.allowed):
            if statement.applies(action, resource, context):
                return Decision(statement.is_allow, statement.number, statement.sid)
        return Decision(allowed=False)

    def allows_somewhere(self, action: str, context: Context = NOTHING_KNOWN) -> bool:
        """Whether the action may be allowed on some resource.

        For list calls, which then ask `allows` of each row; a Deny counts if it is for everything.
        """
        return any(statement.actions.match(action, context) for statement in self.allowed) and not (
            any(
                statement.actions.match(action, context)
                and statement.resources.is_everything
                and all(condition.holds(context) for condition in statement.conditions)
                for statement in self.denied
            )
        )


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """A compiled trust policy: which principals may take the role."""

    allowed: tuple[_Statement, ...]
    denied: tuple[_Statement, ...]

    @classmethod
    def parse(cls, document: str | dict[str, Any]) -> TrustPolicy:
        """Compile a document. Raises PolicyError."""
        return _compile_trust(_text_of(document))

    def allows(self, action: str, principals: Iterable[Principal], context: Context) -> bool:
        """Whether somebody who is known by these (kind, name) pairs may take the action."""
        names = {*principals, _EVERYBODY}
        own = [
            tuple(one for one in statements if one.principals & names)
            for statements in (self.allowed, self.denied)
        ]
        return _any_applies(own[0], action, "", context) and not _any_applies(
            own[1], action, "", context
        )

    @property
    def names_web_identities(self) -> bool:
        """Whether some statement trusts identity pools."""
        federated = ("Federated", "cognito-identity.amazonaws.com")
        return any(federated in one.principals for one in self.allowed)


def _any_applies(
    statements: Iterable[_Statement], action: str, resource: str, context: Context
) -> bool:
    return any(statement.applies(action, resource, context) for statement in statements)


def _text_of(document: str | dict[str, Any]) -> str:
    if isinstance(document, str):
        return document
    try:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise PolicyError("The policy is not a JSON document.") from None


@lru_cache(maxsize=512)
def _compile(text: str, keys: Keys | None) -> Policy:
    return Policy(*_halves(_statements(text, _Reader(keys=keys))))


@lru_cache(maxsize=512)
def _compile_trust(text: str) -> TrustPolicy:
    return TrustPolicy(*_halves(_statements(text, _Reader(keys=TRUST_KEYS, is_trust=True))))


def _halves(
    statements: list[_Statement],
) -> tuple[tuple[_Statement, ...], tuple[_Statement, ...]]:
    return (
        tuple(statement for statement in statements if statement.is_allow),
        tuple(statement for statement in statements if not statement.is_allow),
    )


def _statements(text: str, reader: _Reader) -> list[_Statement]:
    document = _load(text)
    _refuse_unknown(document, {"Version", "Id", "Statement"}, "The policy")
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise PolicyError(f"Version must be one of {', '.join(VERSIONS)}.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not 1 <= len(statements) <= MAX_STATEMENTS:
        raise PolicyError(f"Statement must hold 1 to {MAX_STATEMENTS} statements.")
    read = [reader.statement(number, each) for number, each in enumerate(statements, 1)]
    # Elsewhere `${...}` is plain text. Source: "IAM JSON policy elements: Version".
    if "${" in text and reader.keys is not None and document.get("Version") != VERSIONS[0]:
        raise PolicyError(f"A policy with variables needs Version {VERSIONS[0]}.")
    return read


def _load(text: str) -> dict[str, Any]:
    if len(text) > MAX_DOCUMENT_CHARS:
        raise PolicyError(f"The policy is longer than {MAX_DOCUMENT_CHARS} characters.")
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except (json.JSONDecodeError, RecursionError):
        raise PolicyError("The policy is not a JSON document.") from None
    if not isinstance(document, dict):
        raise PolicyError("The policy must be a JSON object.")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise PolicyError("The policy names a member twice in one object.")
    return members


def _refuse_unknown(members: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(members.keys() - known)
    if unknown:
        raise PolicyError(f"{where} has an unknown member: {unknown[0]!r:.80}.")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads statements of one kind of policy; without `keys`, none with conditions or variables."""

    keys: Keys | None
    is_trust: bool = False

    def statement(self, number: int, members: object) -> _Statement:
        where = f"Statement {number}"
        if not isinstance(members, dict):
            raise PolicyError(f"{where} must be a JSON object.")
        known = {"Sid", "Effect", "Action", "NotAction"}
        known |= {"Principal"} if self.is_trust else {"Resource", "NotResource"}
        known |= set() if self.keys is None else {"Condition"}
        for name in sorted({"Condition", "Principal", "NotPrincipal"} - known):
            if name in members:
                raise PolicyError(f"{where} has {name}, which is not supported here.")
        _refuse_unknown(members, known, where)
        effect = members.get("Effect")
        if effect not in ("Allow", "Deny"):
            raise PolicyError(f"{where} must have Effect Allow or Deny.")
        sid = members.get("Sid", "")
        if not isinstance(sid, str):
            raise PolicyError(f"{where} must have a text as its Sid.")
        flags = re.IGNORECASE | re.ASCII
        return _Statement(
            number=number,
            sid=sid,
            is_allow=effect == "Allow",
            actions=self._patterns(where, members, "Action", _is_action, flags),
            resources=_ANYTHING
            if self.is_trust
            else self._patterns(where, members, "Resource", _is_resource, re.NOFLAG),
            conditions=self._conditions(where, members),
            principals=_principals(where, members) if self.is_trust else frozenset(),
        )

    def _conditions(self, where: str, members: dict[str, Any]) -> tuple[AnyCondition, ...]:
        if self.keys is None or "Condition" not in members:
            return ()
        try:
            return conditions(members["Condition"], self.keys)
        except PolicyError as exc:
            raise PolicyError(f"{where}: Condition has {exc}.") from None

    def _patterns(
        self,
        where: str,
        members: dict[str, Any],
        name: str,
        is_valid: Callable[[str], bool],
        flags: re.RegexFlag,
    ) -> _Patterns:
        """Compile `Action` or `NotAction`, `Resource` or `NotResource`: exactly one of the two."""
        present = [each for each in (name, f"Not{name}") if each in members]
        if len(present) != 1:
            raise PolicyError(f"{where} must have either {name} or Not{name}.")
        values = members[present[0]]
        if isinstance(values, str):
            values = [values]
        if not isinstance(values, list) or not values:
            raise PolicyError(f"{where}: {present[0]} must be a string or a list of strings.")
        for value in values:
            if not isinstance(value, str) or not is_valid(value):
                raise PolicyError(f"{where}: {present[0]} has a malformed pattern: {value!r:.80}.")
        try:
            found = [tokens(value, self.keys) for value in values]
        except PolicyError as exc:
            raise PolicyError(f"{where}: {present[0]} has {exc}.") from None
        filled = [one for one in found if any(isinstance(token, Variable) for token in one)]
        fixed = [one for one in found if one not in filled]
        negated = present[0] != name
        return _Patterns(
            expression=_expression(fixed, flags) if fixed else None,
            open=tuple(filled),
            negated=negated,
            is_everything=not negated and any(set(value) == {"*"} for value in values),
        )


def _is_action(pattern: str) -> bool:
    return _ACTION.fullmatch(pattern) is not None


def _is_resource(pattern: str) -> bool:
    return _RESOURCE.fullmatch(pattern) is not None


def _expression(patterns: Iterable[tuple[Token, ...]], flags: re.RegexFlag) -> re.Pattern[str]:
    """Compile patterns without variables to one expression for `fullmatch`."""
    alternatives = dict.fromkeys(str(expression(one, NOTHING_KNOWN)) for one in patterns)
    return re.compile("|".join(f"(?:{each})" for each in alternatives), flags | re.DOTALL)


def _principals(where: str, members: dict[str, Any]) -> frozenset[Principal]:
    """Read Principal; an account stands for everybody in it."""
    given = members.get("Principal")
    if given == "*":
        return frozenset({_EVERYBODY})
    if not isinstance(given, dict) or not given:
        raise PolicyError(f"{where} must have Principal: AWS or Federated, and names.")
    found: set[Principal] = set()
    for kind, names in given.items():
        if kind not in _PRINCIPAL_KINDS:
            raise PolicyError(f"{where}: Principal has {kind!r:.80}, which is not supported here.")
        for name in names if isinstance(names, list) else [names]:
            if not isinstance(name, str) or not name:
                raise PolicyError(f"{where}: Principal has a name that is none.")
            found.add(_principal(where, kind, name))
    return frozenset(found)


def _principal(where: str, kind: str, name: str) -> Principal:
    if kind == "AWS":
        if name == "*":
            return _EVERYBODY
        if _ACCOUNT.fullmatch(name):
            return kind, re.sub(r"[^0-9]", "", name)
    if "*" in name or "?" in name:
        raise PolicyError(f"{where}: Principal has a wildcard, which is not supported here.")
    return kind, name


FULL_ACCESS: Final = Policy.parse(FULL_ACCESS_DOCUMENT)
