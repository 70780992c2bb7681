"""Java regular expressions, as the service models spell them, in the `regex` package's dialect."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import regex

from userpools.awsjson import overrides

if TYPE_CHECKING:
    from collections.abc import Callable

# Java's \w \d \s are ASCII, and its dot stops at five line terminators.
# Source: java.util.regex.Pattern, "Predefined character classes" and "Line terminators".
_INSIDE_CLASS = {
    "w": "A-Za-z0-9_",
    "d": "0-9",
    "s": r" \t\n\x0b\f\r",
    "S": r"\x00-\x08\x0e-\x1f\x21-\U0010ffff",
}
_OUTSIDE_CLASS = {
    "w": "[A-Za-z0-9_]",
    "W": "[^A-Za-z0-9_]",
    "d": "[0-9]",
    "D": "[^0-9]",
    "s": r"[ \t\n\x0b\f\r]",
    "S": r"[^ \t\n\x0b\f\r]",
}
_DOT = r"[^\n\r\x85\u2028\u2029]"
_PLAIN_ESCAPES = frozenset("pPxutnrf")


def translate(pattern: str) -> str:
    """Rewrite a Java pattern so that `regex` gives it the same meaning."""
    out: list[str] = []
    inside = False
    dot_is_any = pattern.startswith("(?s)")
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            out.append(_escape(next(characters), inside=inside))
            continue
        if character == "." and not inside and not dot_is_any:
            out.append(_DOT)
            continue
        if character == "[" and not inside:
            inside = True
        elif character == "]" and inside:
            inside = False
        out.append(character)
    return "".join(out)


def _escape(character: str, *, inside: bool) -> str:
    table = _INSIDE_CLASS if inside else _OUTSIDE_CLASS
    if character in table:
        return table[character]
    if character.isalnum() and character not in _PLAIN_ESCAPES:
        msg = f"pattern escape \\{character} has no known translation"
        raise ValueError(msg)
    return f"\\{character}"


@cache
def matcher(pattern: str) -> Callable[[str], object]:
    """Compile a model's pattern; the answer is truthy when the whole string matches."""
    text = overrides.LINEAR_PATTERNS.get(pattern) or translate(pattern)
    match: Callable[[str], object] = regex.compile(text, regex.VERSION0).fullmatch
    return match
