"""What policy documents compare: patterns with wildcards and variables, and conditions.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "... Variables and tags",
"Conditions with multiple context keys or values".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    # What is known of a request, by condition key in lower case; a list for keys of several values.
    Context = Mapping[str, str | Sequence[str]]

NOTHING_KNOWN: Final[dict[str, str]] = {}


class PolicyError(ValueError):
    """A policy document that is malformed or says what is not evaluated; the text says which."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The condition keys that a kind of policy may use, in lower case.

    `prefixes` begin keys that end with a name of the customer's, such as aws:PrincipalTag/.
    """

    single: frozenset[str] = frozenset()
    several: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def know(self, key: str) -> bool:
        """Whether requests may have a value for the key."""
        return key in self.single or key in self.several or self._is_named(key)

    def _is_named(self, key: str) -> bool:
        return any(key.startswith(one) and len(key) > len(one) for one in self.prefixes)


# Patterns


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`, any text, or `?`, any one character."""

    is_any: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}`: the request's value, which is text and never a pattern."""

    key: str
    default: str | None

    def value(self, context: Context) -> str | None:
        """Return what stands in its place; None where the request has no value."""
        found = context.get(self.key, self.default)
        return found if isinstance(found, str) else None


Token = Literal | Wildcard | Variable

_TOKENS: Final = re.compile(r"\$\{(?P<variable>[^{}]*)\}|(?P<wildcard>\*+|\?)|\$\{")
_VARIABLE: Final = re.compile(r"(?P<key>[^\s,']+)(?:\s*,\s*'(?P<default>[^']*)')?")
_LITERAL_VARIABLES: Final = frozenset("*?$")


def tokens(text: str, keys: Keys | None, *, wildcards: bool = True) -> tuple[Token, ...]:
    """Take a pattern apart; raise PolicyError for a variable that is malformed or unknown.

    Without `keys`, no variable is known.
    """
    found: list[Token] = []
    end = 0
    for match in _TOKENS.finditer(text):
        if match.start() > end:
            found.append(Literal(text[end : match.start()]))
        end = match.end()
        if match["wildcard"] is None:
            found.append(_variable(match["variable"], keys))
        elif wildcards:
            found.append(Wildcard(is_any=match["wildcard"] != "?"))
        else:
            found.append(Literal(match["wildcard"]))
    if end < len(text):
        found.append(Literal(text[end:]))
    return tuple(found)


def _variable(body: str | None, keys: Keys | None) -> Token:
    if keys is None:
        raise PolicyError("a variable, which is not supported here")
    if body in _LITERAL_VARIABLES:
        return Literal(str(body))
    match = _VARIABLE.fullmatch((body or "").strip())
    if match is None:
        raise PolicyError("a malformed variable")
    key = match["key"].lower()
    if not keys.know(key):
        raise PolicyError(f"the variable {match['key']!r:.80}, which is not supported here")
    if key in keys.several:
        raise PolicyError(f"the variable {match['key']!r:.80}, which has several values")
    return Variable(key, match["default"])


def expression(pattern: Sequence[Token], context: Context) -> str | None:
    """Write a pattern as a regular expression for `fullmatch`; None for a variable without value.

    Each piece between asterisks is taken at the first place where it fits, and never come back to:
    the pieces have fixed lengths, so an earlier place is never worse, and the atomic group keeps a
    hostile name from making the match backtrack.
    """
    pieces = [""]
    for token in pattern:
        if isinstance(token, Wildcard):
            if not token.is_any:
                pieces[-1] += "."
            elif len(pieces) == 1 or pieces[-1]:
                pieces.append("")
            continue
        text = token.text if isinstance(token, Literal) else token.value(context)
        if text is None:
            return None
        pieces[-1] += re.escape(text)
    head, *rest = pieces
    if not rest:
        return head
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return f"{head}{middle}.*{rest[-1]}"


def variables_of(pattern: Sequence[Token]) -> Iterator[str]:
    """Yield the keys of variables without a default."""
    for token in pattern:
        if isinstance(token, Variable) and token.default is None:
            yield token.key


@lru_cache(maxsize=2048)
def compiled(text: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Compile an expression, once."""
    return re.compile(text, flags | re.DOTALL)


# Conditions

_SET: Final = {"ForAllValues": True, "ForAnyValue": False}


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator. Without a value for the key only negated operators hold."""

    key: str
    comparisons: tuple[Callable[[str, Context], bool], ...]
    negated: bool = False
    if_exists: bool = False
    # For all values of the request, or for any; None for keys of one value.
    for_all: bool | None = None
    variables: frozenset[str] = frozenset()

    def holds(self, context: Context) -> bool:
        """Evaluate it for a request."""
        given = context.get(self.key, ())
        values = [given] if isinstance(given, str) else list(given)
        if not values:
            if self.for_all is None:
                return self.if_exists or self.negated
            return self.if_exists or self.for_all
        return (any if self.for_all is False else all)(self._one(each, context) for each in values)

    def _one(self, value: str, context: Context) -> bool:
        return any(compare(value, context) for compare in self.comparisons) is not self.negated


@dataclass(frozen=True, slots=True)
class Presence:
    """The Null operator: whether the request has no value for the key."""

    key: str
    absent: bool
    negated: bool = False
    variables: frozenset[str] = frozenset()

    def holds(self, context: Context) -> bool:
        """Evaluate it for a request."""
        return (not context.get(self.key)) is self.absent


AnyCondition = Condition | Presence


def conditions(document: Any, keys: Keys) -> tuple[AnyCondition, ...]:
    """Compile a Condition element; raise PolicyError for what is not evaluated."""
    if not isinstance(document, dict):
        raise PolicyError("a Condition that is no JSON object")
    found: list[AnyCondition] = []
    for name, tests in document.items():
        if not isinstance(tests, dict) or not tests:
            raise PolicyError(f"no keys under the operator {name!r:.80}")
        found += [_condition(name, key, values, keys) for key, values in tests.items()]
    return tuple(found)


def _condition(name: str, key: str, values: Any, keys: Keys) -> AnyCondition:
    known = key.lower()
    if not keys.know(known):
        raise PolicyError(f"the condition key {key!r:.80}, which is not supported here")
    qualifier, _, plain = name.rpartition(":")
    if qualifier and qualifier not in _SET:
        raise PolicyError(f"the operator {name!r:.80}, which is not supported here")
    texts = [_text(value) for value in (values if isinstance(values, list) else [values])]
    if not texts:
        raise PolicyError(f"no value for the condition key {key!r:.80}")
    if plain == "Null" and not qualifier:
        if len(texts) != 1:
            raise PolicyError("several values for Null")
        return Presence(known, absent=_boolean(texts[0]))
    if_exists = plain.endswith("IfExists")
    operator = plain.removesuffix("IfExists")
    if operator not in _OPERATORS:
        raise PolicyError(f"the operator {name!r:.80}, which is not supported here")
    if (known in keys.several) is not bool(qualifier):
        wanted = "needs ForAnyValue or ForAllValues" if not qualifier else "has one value only"
        raise PolicyError(f"the condition key {key!r:.80}, which {wanted}")
    negated, make = _OPERATORS[operator]
    made = [make(text, keys) for text in texts]
    return Condition(
        known,
        tuple(compare for compare, _ in made),
        negated=negated,
        if_exists=if_exists,
        for_all=_SET.get(qualifier),
        variables=frozenset(key for _, used in made for key in used),
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise PolicyError("a condition value that is no text, number or boolean")


def _equals(*, ignore_case: bool) -> Callable[[str, Keys], Any]:
    def make(text: str, keys: Keys) -> Any:
        pattern = tokens(text, keys, wildcards=False)
        flags = re.IGNORECASE if ignore_case else re.NOFLAG
        return _matcher(pattern, flags), tuple(variables_of(pattern))

    return make


def _like(text: str, keys: Keys) -> Any:
    pattern = tokens(text, keys)
    return _matcher(pattern, re.NOFLAG), tuple(variables_of(pattern))


def _matcher(pattern: tuple[Token, ...], flags: re.RegexFlag) -> Any:
    if not any(isinstance(token, Variable) for token in pattern):
        fixed = re.compile(str(expression(pattern, NOTHING_KNOWN)), flags | re.DOTALL)
        return lambda value, _context: fixed.fullmatch(value) is not None

    def match(value: str, context: Context) -> bool:
        text = expression(pattern, context)
        return text is not None and compiled(text, flags).fullmatch(value) is not None

    return match


_ARN_PARTS: Final = 6


def _arn(text: str, keys: Keys) -> Any:
    """Compare ARNs part by part: a wildcard never reaches over a colon but in the last part."""
    parts = text.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or "${" in text:
        raise PolicyError(f"the ARN pattern {text!r:.80}, which is malformed or has a variable")
    expressions = [
        re.compile(str(expression(tokens(part, keys), NOTHING_KNOWN)), re.DOTALL) for part in parts
    ]

    def match(value: str, _context: Context) -> bool:
        given = value.split(":", _ARN_PARTS - 1)
        return len(given) == _ARN_PARTS and all(
            one.fullmatch(part) for one, part in zip(expressions, given, strict=True)
        )

    return match, ()


def _ordered(
    read: Callable[[str], Any], holds: Callable[[Any, Any], bool]
) -> Callable[[str, Keys], Any]:
    """Make an operator over values that are read from text: numbers, times, booleans, addresses."""

    def make(text: str, _keys: Keys) -> Any:
        wanted = read(text)

        def match(value: str, _context: Context) -> bool:
            try:
                return holds(read(value), wanted)
            except (PolicyError, TypeError):
                return False

        return match, ()

    return make


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise PolicyError(f"{text!r:.80}, which is no number") from None
    if not number.is_finite():
        raise PolicyError(f"{text!r:.80}, which is no number")
    return number


def _time(text: str) -> datetime:
    try:
        if re.fullmatch(r"[0-9]{1,12}", text):
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise PolicyError(f"{text!r:.80}, which is no date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise PolicyError(f"{text!r:.80}, which is neither true nor false")
    return text.lower() == "true"


def _network(text: str) -> Any:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PolicyError(f"{text!r:.80}, which is no address") from None


def _within(given: Any, wanted: Any) -> bool:
    return given.version == wanted.version and given.subnet_of(wanted)


def _comparisons(name: str, read: Callable[[str], Any]) -> dict[str, Any]:
    equals = _ordered(read, lambda given, wanted: given == wanted)
    return {
        f"{name}Equals": (False, equals),
        f"{name}NotEquals": (True, equals),
        f"{name}LessThan": (False, _ordered(read, lambda given, wanted: given < wanted)),
        f"{name}LessThanEquals": (False, _ordered(read, lambda given, wanted: given <= wanted)),
        f"{name}GreaterThan": (False, _ordered(read, lambda given, wanted: given > wanted)),
        f"{name}GreaterThanEquals": (False, _ordered(read, lambda given, wanted: given >= wanted)),
    }


# By name: whether it is negated, and what makes the comparison with one value of the policy.
_OPERATORS: Final[dict[str, tuple[bool, Callable[[str, Keys], Any]]]] = {
    "StringEquals": (False, _equals(ignore_case=False)),
    "StringNotEquals": (True, _equals(ignore_case=False)),
    "StringEqualsIgnoreCase": (False, _equals(ignore_case=True)),
    "StringNotEqualsIgnoreCase": (True, _equals(ignore_case=True)),
    "StringLike": (False, _like),
    "StringNotLike": (True, _like),
    **_comparisons("Numeric", _number),
    **_comparisons("Date", _time),
    "Bool": (False, _ordered(_boolean, lambda given, wanted: given is wanted)),
    "IpAddress": (False, _ordered(_network, _within)),
    "NotIpAddress": (True, _ordered(_network, _within)),
    "ArnEquals": (False, _arn),
    "ArnLike": (False, _arn),
    "ArnNotEquals": (True, _arn),
    "ArnNotLike": (True, _arn),
}
