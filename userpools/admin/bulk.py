"""Acts on many objects of a list: the act of one, object by object, in bounded batches.

Each object is a transaction of its own, made by the service that the act on one calls, and audited
by it. A request does one batch; where more remain, its page goes on with the next.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextInputWidget

from userpools.admin.acts import Act, ActsMixin
from userpools.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponseBase

MOST_AT_ONCE = 10_000
BATCH = 200
SHOWN_NAMES = 10
SHOWN_REASONS = 5
# An operator who went away in the middle confirms again.
PROGRESS_SECONDS = 3600
SALT = "userpools.admin.bulk"


class BulkForm(forms.Form):
    """What an act on many asks; `rows` are those that it will change."""

    def __init__(self, *args: Any, rows: QuerySet[Any], total: int, **kwargs: Any) -> None:
        self.rows = rows
        self.total = total
        super().__init__(*args, **kwargs)


class ConfirmByCount(BulkForm):
    """Asks for the number of objects, so that nobody deletes more than they meant to."""

    confirmation = forms.CharField(
        label="Type their number to confirm",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def clean_confirmation(self) -> str:
        """Compare with the number."""
        typed = str(self.cleaned_data["confirmation"]).replace(",", "").strip()
        if typed != str(self.total):
            raise forms.ValidationError(f"This is not their number. Type {self.total}.")
        return typed


@dataclass(frozen=True, slots=True)
class BulkAct:
    """An act that a list offers for many: `done` is what then has happened to each.

    `skipped` says why an object that the act does not apply to is left as it is.
    """

    act: Act
    title: str
    done: str
    skipped: str = "nothing to do"
    form_class: type[BulkForm] = BulkForm


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: objects are taken in the order of their keys, from `after` to `last`.

    It travels signed, so that what a later batch does was confirmed before the first.
    """

    total: int
    last: str
    after: str = ""
    skipped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    done: int = 0

    @property
    def seen(self) -> int:
        """How many objects were taken up."""
        return self.done + self.skipped + sum(self.reasons.values())

    def rest(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that are still to be taken up."""
        rest = rows.filter(pk__lte=self.last)
        return rest.filter(pk__gt=self.after) if self.after else rest

    def sealed(self, request: HttpRequest, bulk: BulkAct) -> str:
        """Sign it for this operator and act."""
        members = [getattr(self, name) for name in self.__slots__]
        return signing.dumps([request.user.pk, bulk.act.name, *members], salt=SALT)

    @classmethod
    def posted(cls, request: HttpRequest, bulk: BulkAct) -> Progress | None:
        """Read it from a request; None where the operator has confirmed nothing yet."""
        try:
            operator, act, *members = signing.loads(
                request.POST.get("progress", ""), salt=SALT, max_age=PROGRESS_SECONDS
            )
        except signing.BadSignature:
            return None
        return cls(*members) if (operator, act) == (request.user.pk, bulk.act.name) else None


class BulkActsMixin(ActsMixin):
    """Offers acts on the chosen rows of a list, or on all that its filters leave."""

    bulk_acts: tuple[BulkAct, ...] = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the acts that this operator may do."""
        return {
            bulk.act.name: (self._runner(bulk), bulk.act.name, bulk.title)
            for bulk in self.bulk_acts
            if self.may_act(request, bulk.act)
        }

    def _runner(self, bulk: BulkAct) -> Callable[..., HttpResponseBase | None]:
        return partial(_serve, bulk)


def _serve(
    bulk: BulkAct, admin: BulkActsMixin, request: HttpRequest, rows: QuerySet[Any]
) -> HttpResponseBase | None:
    """Ask, then do one batch after the other; None sends back to the list."""
    if not admin.may_act(request, bulk.act):
        raise PermissionDenied
    rows = rows.order_by("pk")
    progress = Progress.posted(request, bulk)
    if progress is None or _has_changed(progress, rows):
        return _ask(bulk, admin, request, rows, was_asked=progress is not None)
    batch = list(progress.rest(rows)[: BATCH + 1])
    form = bulk.form_class(request.POST, rows=progress.rest(rows), total=progress.total)
    if batch and not form.is_valid():
        if not progress.seen:
            return _page(bulk, admin, request, progress, rows, form)
        messages.error(request, f"Stopped after {progress.seen:,}: what was chosen is gone.")
        batch = []
    if batch:
        progress = _run(bulk, request, progress, batch[:BATCH], form.cleaned_data)
    if len(batch) > BATCH:
        return _page(bulk, admin, request, progress, rows, form)
    _tell(bulk, admin, request, progress)
    return None


def _has_changed(progress: Progress, rows: QuerySet[Any]) -> bool:
    """Say whether other rows would be changed than those that the operator was shown."""
    if progress.seen:
        return False
    return progress.rest(rows)[: MOST_AT_ONCE + 1].count() != progress.total


def _ask(
    bulk: BulkAct,
    admin: BulkActsMixin,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    was_asked: bool,
) -> HttpResponseBase | None:
    keys = list(rows.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    if not keys:
        messages.warning(request, "Nothing is left to change.")
        return None
    if len(keys) > MOST_AT_ONCE:
        messages.error(
            request,
            f"More than {MOST_AT_ONCE:,} {admin.opts.verbose_name_plural} match. Narrow the list "
            "with its filters first.",
        )
        return None
    if was_asked:
        messages.warning(request, "The list has changed meanwhile. Look again, and confirm.")
    progress = Progress(total=len(keys), last=str(keys[-1]))
    form = bulk.form_class(rows=rows, total=progress.total)
    return _page(bulk, admin, request, progress, rows, form)


def _run(
    bulk: BulkAct,
    request: HttpRequest,
    progress: Progress,
    batch: list[Any],
    answers: dict[str, Any],
) -> Progress:
    done, skipped, reasons = progress.done, progress.skipped, Counter(progress.reasons)
    after = progress.after
    for obj in batch:
        # Before the act: a deleted object has no key any more.
        after = str(obj.pk)
        if not bulk.act.applies(obj):
            skipped += 1
            continue
        try:
            bulk.act.run(request, obj, answers)
        except AwsError as error:
            reasons[error.message] += 1
        else:
            done += 1
    return replace(progress, after=after, done=done, skipped=skipped, reasons=dict(reasons))


def _counted(admin: BulkActsMixin, number: int) -> str:
    meta = admin.opts
    return f"{number:,} {meta.verbose_name if number == 1 else meta.verbose_name_plural}"


def _tell(bulk: BulkAct, admin: BulkActsMixin, request: HttpRequest, progress: Progress) -> None:
    """Say how many were changed, left alone and refused, and why."""
    if progress.done:
        messages.success(request, f"{_counted(admin, progress.done)}: {bulk.done}.")
    if progress.skipped:
        messages.info(request, f"{_counted(admin, progress.skipped)}: left alone, {bulk.skipped}.")
    reasons = Counter(progress.reasons).most_common()
    for reason, number in reasons[:SHOWN_REASONS]:
        messages.error(request, f"{_counted(admin, number)}: refused. {reason}")
    others = sum(number for _reason, number in reasons[SHOWN_REASONS:])
    if others:
        messages.error(request, f"{_counted(admin, others)}: refused for other reasons.")


def _page(
    bulk: BulkAct,
    admin: BulkActsMixin,
    request: HttpRequest,
    progress: Progress,
    rows: QuerySet[Any],
    form: BulkForm,
) -> HttpResponseBase:
    names = [] if progress.seen else [admin.headline(row) for row in rows[:SHOWN_NAMES]]
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": bulk.title,
        "bulk": bulk,
        "form": form,
        "progress": progress,
        "progress_sealed": progress.sealed(request, bulk),
        "what": _counted(admin, progress.total),
        "names": names,
        "others": progress.total - len(names),
        "checkbox": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
        "back": request.get_full_path(),
        "media": admin.media + form.media,
    }
    return TemplateResponse(request, "admin/userpools/bulk.html", context)
