"""Pieces of pages: identifiers with a copy button, badges, times, and the cards of a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

DASH = mark_safe('<span class="ph-muted">&ndash;</span>')
# An IPv6 address, a UUID, a pool id.
LONGEST_UNBROKEN = 45
# A pool id, a client id, an access key's id: what stays on one line beside a copy button.
LONGEST_COPIED = 30
TONES = frozenset({"good", "bad", "warn", "info", "plain"})


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and its value; `help` explains what the value means."""

    label: str
    value: Any
    help: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A part of a page: facts, or a table. `empty` says what to do when there is nothing."""

    title: str
    facts: Sequence[Fact] = ()
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    empty: str = ""
    note: str = ""
    more: tuple[str, str] | None = None
    wide: bool = False

    @property
    def labelled_rows(self) -> list[list[tuple[str, Any]]]:
        """The rows with each cell's header, for screens too narrow for columns."""
        return [list(zip(self.headers, row, strict=True)) for row in self.rows]


def copyable(value: object) -> SafeString:
    """Show an identifier in monospace with a button that copies it."""
    if not value:
        return DASH
    return format_html(
        '<span class="ph-id"><code class="{}">{}</code>'
        '<button type="button" class="ph-copy" data-copy="{}"'
        ' aria-label="Copy {}" title="Copy"><span class="material-symbols-outlined"'
        ' aria-hidden="true">content_copy</span></button></span>',
        "ph-short" if len(str(value)) <= LONGEST_COPIED else "",
        value,
        value,
        value,
    )


def code(value: object, *, may_break: bool = False) -> SafeString:
    """Show a value in monospace; a short one on one line unless it may break."""
    if not value:
        return DASH
    size = "ph-short" if len(str(value)) <= LONGEST_UNBROKEN and not may_break else ""
    return format_html('<code class="ph-code {}">{}</code>', size, value)


def badge(text: object, tone: str = "plain") -> SafeString:
    """Show a state as a coloured word; the word alone says it too."""
    return format_html(
        '<span class="ph-badge ph-{}">{}</span>', tone if tone in TONES else "plain", text
    )


def badges(values: Iterable[object], tone: str = "plain") -> SafeString:
    """Show several states side by side."""
    return format_html_join(" ", "{}", ((badge(value, tone),) for value in values)) or DASH


def with_note(value: object, note: object) -> SafeString:
    """Show a value, and in small letters below it what explains it."""
    if not note:
        return format_html("{}", value)
    return format_html('{}<small class="ph-under">{}</small>', value, note)


def words(name: str) -> str:
    """Return a stored name such as `sign_up` as words: "Sign up"."""
    return name.replace("_", " ").capitalize()


def when(moment: datetime | None, *, seconds: bool = False) -> SafeString:
    """Show a time in UTC; the exact one is in its tooltip."""
    if moment is None:
        return DASH
    moment = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}" class="ph-time">{}</time>',
        moment.isoformat(),
        moment.isoformat(),
        f"{moment:%d %b %Y, %H:%M:%S}" if seconds else f"{moment:%d %b %Y, %H:%M}",
    )


def address_of(obj: Model) -> str:
    """Return the address of an object's page."""
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(str(obj.pk))])


def address_of_act(obj: Model, act: str, **answers: str) -> str:
    """Return the address of one of an object's acts, its form filled in with `answers`."""
    meta = obj._meta
    address = reverse(
        f"admin:{meta.app_label}_{meta.model_name}_act", args=[quote(str(obj.pk)), act]
    )
    return f"{address}?{urlencode(answers)}" if answers else address


def list_of(model: type[Model], query: str = "") -> str:
    """Return the address of a model's list, with a query string (no question mark)."""
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return f"{address}?{query}" if query else address


def link(obj: Model, text: object = "") -> SafeString:
    """Link to an object's page."""
    return format_html('<a class="ph-link" href="{}">{}</a>', address_of(obj), text or obj)


def plain_link(address: str, text: object) -> SafeString:
    """Link to an address of this console."""
    return format_html('<a class="ph-link" href="{}">{}</a>', address, text)


def act_link(obj: Model, act: str, text: object, **answers: str) -> SafeString:
    """Link to an act from a row, as a small button."""
    return format_html(
        '<a class="ph-row-act" href="{}">{}</a>', address_of_act(obj, act, **answers), text
    )


def list_link(model: type[Model], text: object, query: str = "") -> SafeString:
    """Link to a model's list."""
    return plain_link(list_of(model, query), text)


def counted(number: int, limit: int) -> str:
    """Show a count that stopped at `limit`."""
    return f"{limit:,}+" if number > limit else f"{number:,}"


def joined(*parts: SafeString) -> SafeString:
    """Put pieces side by side."""
    return format_html_join(" ", "{}", ((part,) for part in parts))
