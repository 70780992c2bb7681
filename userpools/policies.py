"""The one evaluator of policy documents: what access keys, and roles, may do to which resource.

Knows identity-based policies: `Effect`, `Action` or `NotAction`, `Resource` or `NotResource`. What
it does not evaluate (conditions, principals, variables) it refuses, as ignoring it would grant more
than was written. Source: IAM User Guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_DOCUMENT_CHARS: Final = 20_480
MAX_STATEMENTS: Final = 100
VERSIONS: Final = ("2012-10-17", "2008-10-17")

# The permission to hand a role or a function to the service, asked with its ARN as the resource.
PASS_ROLE: Final = "iam:PassRole"  # noqa: S105

FULL_ACCESS_DOCUMENT: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

_UNEVALUATED: Final = ("Condition", "Principal", "NotPrincipal")
_MEMBERS: Final = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"}
_ACTION: Final = re.compile(r"\*+|[A-Za-z0-9*?-]+:[A-Za-z0-9*?]+")
_RESOURCE: Final = re.compile(r"\*+|arn:.+", re.DOTALL)


class PolicyError(ValueError):
    """A policy document that is malformed or says what is not evaluated; the text says which."""


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The patterns of one member; `negated` for its Not... form."""

    expression: re.Pattern[str]
    negated: bool
    is_everything: bool

    def match(self, value: str) -> bool:
        return (self.expression.fullmatch(value) is not None) is not self.negated


@dataclass(frozen=True, slots=True)
class _Statement:
    actions: _Patterns
    resources: _Patterns


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy document; an explicit Deny wins, and what nothing allows is denied."""

    allowed: tuple[_Statement, ...]
    denied: tuple[_Statement, ...]

    @classmethod
    def parse(cls, document: str | dict[str, Any]) -> Policy:
        """Compile a document; equal documents share one result. Raises PolicyError."""
        return _compile(document if isinstance(document, str) else _dump(document))

    def allows(self, action: str, resource: str) -> bool:
        """Whether the action (`cognito-idp:CreateGroup`) is allowed on the resource's ARN."""
        return any(
            statement.actions.match(action) and statement.resources.match(resource)
            for statement in self.allowed
        ) and not any(
            statement.actions.match(action) and statement.resources.match(resource)
            for statement in self.denied
        )

    def allows_somewhere(self, action: str) -> bool:
        """Whether the action may be allowed on some resource.

        For list calls, which then ask `allows` of each row; a Deny counts if it is for everything.
        """
        return any(statement.actions.match(action) for statement in self.allowed) and not any(
            statement.actions.match(action) and statement.resources.is_everything
            for statement in self.denied
        )


def _dump(document: dict[str, Any]) -> str:
    try:
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        raise PolicyError("The policy is not a JSON document.") from None


@lru_cache(maxsize=512)
def _compile(text: str) -> Policy:
    document = _load(text)
    _refuse_unknown(document, {"Version", "Id", "Statement"}, "The policy")
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise PolicyError(f"Version must be one of {', '.join(VERSIONS)}.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not 1 <= len(statements) <= MAX_STATEMENTS:
        raise PolicyError(f"Statement must hold 1 to {MAX_STATEMENTS} statements.")
    compiled = [_statement(number, each) for number, each in enumerate(statements, 1)]
    return Policy(
        allowed=tuple(statement for effect, statement in compiled if effect == "Allow"),
        denied=tuple(statement for effect, statement in compiled if effect == "Deny"),
    )


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


def _statement(number: int, members: object) -> tuple[str, _Statement]:
    where = f"Statement {number}"
    if not isinstance(members, dict):
        raise PolicyError(f"{where} must be a JSON object.")
    for name in _UNEVALUATED:
        if name in members:
            raise PolicyError(f"{where} has {name}, which is not supported here.")
    _refuse_unknown(members, _MEMBERS, where)
    effect = members.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"{where} must have Effect Allow or Deny.")
    actions = _patterns(where, members, "Action", _is_action, re.IGNORECASE | re.ASCII)
    resources = _patterns(where, members, "Resource", _is_resource, re.NOFLAG)
    return effect, _Statement(actions, resources)


def _is_action(pattern: str) -> bool:
    return _ACTION.fullmatch(pattern) is not None


def _is_resource(pattern: str) -> bool:
    return _RESOURCE.fullmatch(pattern) is not None


def _patterns(
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
        if "${" in value:
            raise PolicyError(f"{where}: {present[0]} has a variable, which is not supported here.")
    negated = present[0] != name
    return _Patterns(
        expression=_expression(values, flags),
        negated=negated,
        is_everything=not negated and any(set(value) == {"*"} for value in values),
    )


def _expression(patterns: Iterable[str], flags: re.RegexFlag) -> re.Pattern[str]:
    """Compile patterns to one expression for `fullmatch`: `*` any text, `?` any one character."""
    alternatives = dict.fromkeys(_translate(pattern) for pattern in patterns)
    return re.compile("|".join(f"(?:{each})" for each in alternatives), flags | re.DOTALL)


def _translate(pattern: str) -> str:
    """Take the first place where each piece between asterisks fits, and never come back to it.

    The pieces have fixed lengths, so an earlier place is never worse; the atomic group keeps a
    hostile resource name from making the match backtrack.
    """
    head, *pieces = [
        "".join("." if char == "?" else re.escape(char) for char in piece)
        for piece in re.split(r"\*+", pattern)
    ]
    if not pieces:
        return head
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[:-1])
    return f"{head}{middle}.*{pieces[-1]}"


FULL_ACCESS: Final = Policy.parse(FULL_ACCESS_DOCUMENT)
