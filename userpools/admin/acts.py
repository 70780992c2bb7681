"""Acts on one object: a page that says what will happen, and a POST that does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminTextInputWidget

from userpools.admin import markup
from userpools.audit import Actor
from userpools.errors import AwsError
from userpools.limits import client_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.admin.options import ModelAdmin as _Base
else:
    _Base = object


def actor_of(request: HttpRequest) -> Actor:
    """Return the operator behind a request, for the audit trail."""
    return Actor(
        name=request.user.get_username(),
        source="console",
        request_id=str(getattr(request, "request_id", "")),
        client_address=client_address(request),
    )


class ActForm(forms.Form):
    """What an act asks; `subject` is the object that it will change."""

    def __init__(self, *args: Any, subject: Any, **kwargs: Any) -> None:
        self.subject = subject
        super().__init__(*args, **kwargs)


class ConfirmByName(ActForm):
    """Asks for the object's name, so that a slip of the hand deletes nothing."""

    confirmation = forms.CharField(
        label="Type the name to confirm",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    @property
    def expected(self) -> str:
        """What has to be typed."""
        return str(
            getattr(self.subject, "name", "")
            or getattr(self.subject, "username", "")
            or self.subject.pk
        )

    def clean_confirmation(self) -> str:
        """Compare with the name."""
        typed = str(self.cleaned_data["confirmation"])
        if typed != self.expected:
            raise forms.ValidationError(f"This is not the name. Type “{self.expected}”.")
        return typed


def _always(_subject: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `run` calls the service and answers with what to tell, or with a response.

    `permission` is one of the model's (`change`) or a full name; `applies` hides the act where it
    makes no sense; `ends` says that the object is gone afterwards. A link may fill the form in:
    `?group=editors`.
    """

    name: str
    title: str
    run: Callable[[HttpRequest, Any, dict[str, Any]], str | HttpResponseBase]
    text: str
    icon: str = "bolt"
    form_class: type[ActForm] = ActForm
    permission: str = "change"
    applies: Callable[[Any], bool] = field(default=_always)
    is_dangerous: bool = False
    superuser_only: bool = False
    ends: bool = False
    # What the last button says, where that is not the title.
    verb: str = ""
    # Offered in the rows of a card, and not among the buttons.
    in_rows: bool = False


@dataclass(frozen=True, slots=True)
class Headlined:
    """An object as the head of its page names it, which takes the words from `str()`."""

    obj: Any
    words: str

    def __str__(self) -> str:
        return self.words

    @property
    def pk(self) -> Any:
        """The object's key, for the link to its page."""
        return self.obj.pk

    @property
    def _meta(self) -> Any:
        return self.obj._meta


@dataclass(frozen=True, slots=True)
class Button:
    """An act as a page offers it."""

    act: Act
    address: str


class ActsMixin(_Base):
    """Serves the acts of a model at `<object>/act/<name>/`."""

    acts: tuple[Act, ...] = ()

    def headline(self, obj: Any) -> str:
        """Return what an object is called."""
        return str(obj)

    def get_urls(self) -> list[URLPattern]:
        """Add the acts' address to the model's."""
        meta = self.opts
        return [
            path(
                "<path:object_id>/act/<slug:name>/",
                self.admin_site.admin_view(self.act_view),
                name=f"{meta.app_label}_{meta.model_name}_act",
            ),
            *super().get_urls(),
        ]

    def may_act(self, request: HttpRequest, act: Act) -> bool:
        """Say whether the operator may do this to objects of the model."""
        if act.superuser_only and not request.user.is_superuser:
            return False
        meta = self.opts
        name = (
            act.permission
            if "." in act.permission
            else f"{meta.app_label}.{act.permission}_{meta.model_name}"
        )
        return bool(request.user.has_perm(name))

    def buttons(self, request: HttpRequest, subject: Any, *, dangerous: bool) -> list[Button]:
        """Return the acts that this operator may do to this object now."""
        return [
            Button(act, markup.address_of_act(subject, act.name))
            for act in self.acts
            if act.is_dangerous is dangerous
            and not act.in_rows
            and self.may_act(request, act)
            and act.applies(subject)
        ]

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponseBase:
        """Show what the act does, and do it when it is posted."""
        act = next((each for each in self.acts if each.name == name), None)
        subject = self.get_object(request, unquote(object_id))
        if act is None or subject is None:
            raise Http404
        if not self.may_act(request, act):
            raise PermissionDenied
        if not act.applies(subject):
            messages.warning(request, f"“{act.title}” no longer applies here.")
            return HttpResponseRedirect(markup.address_of(subject))
        form = act.form_class(
            request.POST if request.method == "POST" else None,
            subject=subject,
            initial=request.GET.dict(),
        )
        answer = self._try(request, act, subject, form)
        return answer or self._page(request, act, subject, form)

    def _try(
        self, request: HttpRequest, act: Act, subject: Any, form: ActForm
    ) -> HttpResponseBase | None:
        if not form.is_valid():
            return None
        page = markup.list_of(self.model) if act.ends else markup.address_of(subject)
        try:
            outcome = act.run(request, subject, form.cleaned_data)
        except AwsError as error:
            form.add_error(None, error.message)
            return None
        if isinstance(outcome, HttpResponseBase):
            return outcome
        messages.success(request, outcome)
        return HttpResponseRedirect(page)

    def _page(self, request: HttpRequest, act: Act, subject: Any, form: ActForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": act.title,
            "act": act,
            "subject": self.headline(subject),
            "original": Headlined(subject, self.headline(subject)),
            "form": form,
            "back": markup.address_of(subject),
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/userpools/act.html", context)
