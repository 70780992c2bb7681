"""Inputs that break an operation's shape, and inputs that are merely strange."""

import json
from functools import cache

from hypothesis import strategies as st

from userpools.awsjson import overrides
from userpools.awsjson.validation import checker

# For each pattern of the models, one of these matches.
CANDIDATES = (
    "us-east-1_Abc123",
    "us-east-1:12345678-1234-4234-8234-123456789012",
    "123456",
    "abcdef",
    "12345678-1234-4234-8234-123456789012",
    "arn:aws:iam::123456789012:role/name",
    "arn:aws:s3:::bucket",
    "someone@example.com",
    "{####}",
    "{##text##}",
    "cognito:default",
    "https://example.com/",
    "terms-of-use",
    "authenticated",
    "import-abc123",
    "Level1",
    "tkn" + "a" * 25,
    "us-east-1_" + "a" * 36,
    "a" * 24,
    "a" * 64,
    "a" * 1,
)
WRONG_TYPES = {
    "string": (1, True, [], {}, [{}], {"a": "b"}),
    "integer": ("1", True, [], {}, 1.5, 10**30, -(2**70)),
    "long": ("1", False, [], {}, 0.5, 2**63),
    "boolean": ("true", 1, [], {}, 0.0),
    "timestamp": ("2026", True, [], {}, -1, 1e300),
    "blob": ("!", 1, [], {}, "=A"),
    "list": ("a", 1, True, {}, {"a": []}),
    "map": ("a", 1, False, [], [{}]),
    "structure": ("a", 1, True, [], [{}]),
}
BROKEN_BODIES = (
    b"{",
    b"[]",
    b"null",
    b'"a"',
    b"\xff\xfe",
    b'{"a":"\\ud800"}',
    b'{"a":"\\u0000"}',
    b'{"\\u0000":"a"}',
    b'{"a":' + b"[" * 70 + b"]" * 70 + b"}",
    b"[" * 5000,
)


def facts(service, shape):
    """The constraints that hold for a shape."""
    return overrides.constraints(service, shape.name, shape.metadata)


@cache
def text(service, shape):
    """A string that the shape takes."""
    known = facts(service, shape)
    if "enum" in known:
        return known["enum"][0]
    for candidate in CANDIDATES:
        found = []
        checker(service, shape)(candidate, "", found)
        if not found:
            return candidate
    raise AssertionError(f"no candidate matches {shape.name}: {known}")


def valid(service, shape, *, everything=False, depth=0):
    """A value that the shape takes: its required members, or all of them."""

    def inside(member):
        return valid(service, member, everything=everything, depth=depth + 1)

    match shape.type_name:
        case "structure":
            return {
                name: inside(member)
                for name, member in shape.members.items()
                if name in shape.required_members or (everything and depth < 6)
            }
        case "list":
            return [inside(shape.member)]
        case "map":
            return {text(service, shape.key): inside(shape.value)}
        case "string":
            return text(service, shape)
    scalars = {"boolean": True, "timestamp": 1_700_000_000, "blob": "AAAA"}
    return scalars.get(shape.type_name, facts(service, shape).get("min", 1))


def places(shape, path=()):
    """Every place inside a shape: its path, its shape and whether it must be there."""
    match shape.type_name:
        case "structure":
            inner = [
                ((*path, name), member, name in shape.required_members)
                for name, member in shape.members.items()
            ]
        case "list":
            inner = [((*path, 0), shape.member, False)]
        case "map":
            inner = [((*path, None), shape.value, False)]
        case _:
            inner = []
    for where, member, required in inner:
        yield where, member, required
        if len(where) < 6:
            yield from places(member, where)


def breakages(service, shape, *, required):
    """Values that break the shape; `...` means to leave the member out."""
    yield from WRONG_TYPES[shape.type_name]
    if required:
        yield from (..., None)
    known = facts(service, shape)
    longest, shortest = known.get("max"), known.get("min")
    if shape.type_name == "string":
        yield from _broken_strings(known)
    elif shape.type_name in {"integer", "long"}:
        yield from [] if longest is None else [longest + 1]
        yield from [] if shortest is None else [shortest - 1]
    elif shape.type_name == "list":
        item = valid(service, shape.member)
        yield from [] if longest is None else [[item] * (longest + 1)]
        yield from [[]] if shortest else []
    elif shape.type_name == "map" and shortest:
        yield {}


def _broken_strings(known):
    yield "a\x00b"
    if "enum" in known:
        yield from ("", "no such value", "\u00e9")
        return
    longest, shortest = known.get("max"), known.get("min")
    if longest is not None:
        yield "a" * (longest + 1)
    if shortest:
        yield "a" * (shortest - 1)
    if known.get("pattern", "").lstrip("^").startswith(r"[\w"):
        yield from ("\u200b", "\U0001f98a", "a\u2028")


def put(value, path, replacement):
    """Set or remove what stands at a path; None in a path means a map's only key."""
    *inner, last = path
    for step in inner:
        value = value[next(iter(value)) if step is None else step]
    if last is None:
        last = next(iter(value))
    if replacement is ...:
        del value[last]
    else:
        value[last] = replacement


def cases(service, shape):
    """Every body that breaks the shape in one place."""
    bodies = [*BROKEN_BODIES]
    if shape is None:
        return bodies
    for path, member, required in places(shape):
        for replacement in breakages(service, member, required=required):
            value = valid(service, shape, everything=True)
            put(value, path, replacement)
            bodies.append(json.dumps(value).encode())
    return bodies


@cache
def malformed(service, shape):
    """Bodies with one mistake: a modelled 4xx is the only right answer."""
    return st.sampled_from(cases(service, shape))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(CANDIDATES),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), inner, max_size=3),
    ),
    max_leaves=8,
)


@cache
def strange(service, shape):
    """Bodies whose members are random: they may even be right."""
    if shape is None or not shape.members:
        return VALUES.map(lambda value: json.dumps(value).encode())
    members = dict.fromkeys(shape.members, VALUES)

    def merge(random):
        value = valid(service, shape)
        return json.dumps({**value, **random}).encode()

    return st.fixed_dictionaries({}, optional=members).map(merge)
