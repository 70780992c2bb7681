"""What a record of a run does not say: passwords, codes, challenge answers, callers' metadata."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from userpools.audit import REDACTED

# Members whose value is secret. Functions put codes into challengeMetadata, and a provider's
# tokens are as good as its passwords.
_SECRET: Final = frozenset(
    {
        "password", "code", "challengeAnswer", "challengeMetadata", "tokenResponse", "idToken",
        "samlResponse",
    }
)  # fmt: skip
# Members whose names may be shown, and no value.
_SECRET_VALUES: Final = frozenset(
    {"privateChallengeParameters", "clientMetadata", "validationData"}
)


def redacted(value: Any) -> Any:
    """Return a copy of a request or response with the secret parts replaced."""
    if isinstance(value, Mapping):
        return {_plain(name): _member(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner) for inner in value]
    return _plain(value)


def is_redacted(value: Any) -> bool:
    """Say whether anything was left out of a record's request or response."""
    if isinstance(value, Mapping):
        return any(map(is_redacted, value.values()))
    if isinstance(value, list):
        return any(map(is_redacted, value))
    return bool(value == REDACTED)


def _member(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _SECRET:
        return REDACTED
    if name in _SECRET_VALUES:
        return dict.fromkeys(map(_plain, value), REDACTED) if _is_map(value) else REDACTED
    return redacted(value)


def _plain(value: Any) -> Any:
    # PostgreSQL's JSON takes no null characters.
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def secrets_of(value: Any, *, is_secret: bool = False) -> Iterator[str]:
    """Yield the texts that `redacted` replaces."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            hidden = is_secret or name in _SECRET or name in _SECRET_VALUES
            yield from secrets_of(inner, is_secret=hidden)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from secrets_of(inner, is_secret=is_secret)
    elif is_secret and value is not None:
        yield str(value)


def without(text: str, secrets: Iterable[str]) -> str:
    """Take secrets out of what a function wrote or raised, however JSON or Python spell them."""
    spellings = {
        spelling
        for secret in secrets
        if secret
        for spelling in (
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            repr(secret)[1:-1],
        )
    }
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, REDACTED)
    return text.replace("\x00", "\ufffd")
