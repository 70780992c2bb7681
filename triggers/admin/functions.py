"""Functions: their settings, their last runs, and test events."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from triggers import functions as service
from triggers.admin.function_form import KINDS, FunctionForm
from triggers.admin.shared import TONES, SuperusersOnly, outcome_badge
from triggers.functions import Settings
from triggers.models import Function, Invocation
from userpools.admin import markup
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.base import ServiceAdmin
from userpools.admin.markup import Card, Fact
from userpools.conf import settings

SHOWN_RUNS = 25


class Indented(json.JSONEncoder):
    """Writes documents for people."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2})


class TestEvent(ActForm):
    """An event to try the function with."""

    # pytest takes a class of such a name for a test's.
    __test__ = False

    event = forms.JSONField(
        label="Event",
        encoder=Indented,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 22, "class": "ph-mono", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, subject: Function, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.fields["event"].initial = service.sample_event(subject.pools.first())

    def clean_event(self) -> dict[str, Any]:
        """Want an object."""
        event = self.cleaned_data["event"]
        if not isinstance(event, dict):
            raise forms.ValidationError("An event is a JSON object.")
        return event


def _try(request: HttpRequest, function: Function, answers: dict[str, Any]) -> HttpResponseBase:
    trial = service.try_out(function, answers["event"])
    context = {
        **admin.site.each_context(request),
        "opts": Function._meta,
        "title": "Test event",
        "subject": function,
        "original": function,
        "event": json.dumps(answers["event"], indent=2, ensure_ascii=False),
        "trial": trial,
        "outcome": markup.badge(trial.outcome.label, TONES[trial.outcome]),
        "answer": json.dumps(trial.answer, indent=2, ensure_ascii=False),
        "back": markup.address_of(function),
    }
    response = TemplateResponse(request, "admin/triggers/trial.html", context)
    # The event may hold whatever somebody pasted.
    response["Cache-Control"] = "no-store"
    return response


def _set_enabled(request: HttpRequest, function: Function, *, enabled: bool) -> None:
    given = Settings({"enabled": enabled}, list(function.pools.all()))
    service.update(function, given, actor=actor_of(request))


def _disable(request: HttpRequest, function: Function, _answers: dict[str, Any]) -> str:
    _set_enabled(request, function, enabled=False)
    return "The function is disabled: what needs it fails."


def _enable(request: HttpRequest, function: Function, _answers: dict[str, Any]) -> str:
    _set_enabled(request, function, enabled=True)
    return "The function is enabled again."


def _delete(request: HttpRequest, function: Function, _answers: dict[str, Any]) -> str:
    service.delete(function, actor=actor_of(request))
    return f"The function “{function.name}” is deleted."


def _is_enabled(function: Function) -> bool:
    return function.enabled


def _is_disabled(function: Function) -> bool:
    return not function.enabled


@admin.register(Function)
class FunctionAdmin(SuperusersOnly, ServiceAdmin):
    """Customers' functions."""

    form = FunctionForm
    list_display = ("name", "shown_kind", "shown_target", "state", "shown_pools", "shown_changed")
    list_filter = ("enabled", "runner")
    search_fields = ("name", "arn")
    search_help_text = "Name or ARN"
    empty_title = "No function yet"
    empty_text = (
        "A function decides about sign-ups, challenges, claims and messages. Make one here, then "
        "name its ARN in a pool's LambdaConfig."
    )
    fieldsets = (
        (None, {"fields": ("name", "arn", "runner", "target", "handler", "pools")}),
        (
            "Limits",
            {"fields": ("timeout", "memory_mb", "may_use_network", "enabled", "is_async")},
        ),
        ("Secrets", {"fields": ("secret", "environment")}),
    )
    acts = (
        Act(
            name="try",
            title="Test event",
            run=_try,
            icon="play_arrow",
            form_class=TestEvent,
            superuser_only=True,
            text="The function runs once with this event; neither event nor answer is kept.",
            verb="Run",
        ),
        Act(
            name="disable",
            title="Disable function",
            run=_disable,
            icon="block",
            applies=_is_enabled,
            superuser_only=True,
            text="What needs the function fails from now on. It can be enabled again.",
        ),
        Act(
            name="enable",
            title="Enable function",
            run=_enable,
            icon="check_circle",
            applies=_is_disabled,
            superuser_only=True,
            text="Pools that name the function use it again.",
        ),
        Act(
            name="delete",
            title="Delete function",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="Pools that name it fail from then on; the records of its runs stay.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Function]:
        """Read pools with the rows."""
        return super().get_queryset(request).prefetch_related("pools")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)

    @display(description="Runner", ordering="runner")
    def shown_kind(self, function: Function) -> str:
        """Return what runs it."""
        return KINDS.get(function.runner, function.runner)

    @display(description="Target")
    def shown_target(self, function: Function) -> SafeString:
        """Return where it is."""
        return markup.code(function.target)

    @display(description="State", ordering="enabled")
    def state(self, function: Function) -> SafeString:
        """Say whether it runs."""
        if function.runner == "process" and not settings.TRIGGER_PROCESSES:
            return markup.badge("Handler files are off", "warn")
        return (
            markup.badge("Enabled", "good") if function.enabled else markup.badge("Disabled", "bad")
        )

    @display(description="User pools")
    def shown_pools(self, function: Function) -> SafeString:
        """Return the pools that may use it."""
        return markup.badges(pool.name for pool in function.pools.all())

    @display(description="Changed", ordering="modified_at")
    def shown_changed(self, function: Function) -> SafeString:
        """Return when it was last changed."""
        return markup.when(function.modified_at)

    def summary(self, request: HttpRequest, obj: Function) -> list[Fact]:
        """Say what it is and whether it runs."""
        return [
            Fact("ARN", markup.copyable(obj.arn)),
            Fact("Runner", self.shown_kind(obj)),
            Fact("State", self.state(obj)),
            Fact("Changed", markup.when(obj.modified_at)),
        ]

    def cards(self, request: HttpRequest, obj: Function) -> list[Card]:
        """List the last runs."""
        runs = obj.invocations.defer("request", "response", "log")[:SHOWN_RUNS]
        return [
            Card(
                "Last runs",
                headers=("Started", "Source", "Pool", "Outcome", "Milliseconds", "Error"),
                rows=[
                    (
                        markup.link(run, markup.when(run.started_at, seconds=True)),
                        run.trigger_source,
                        markup.code(run.pool_id),
                        outcome_badge(run),
                        f"{run.duration_ms:,.1f}",
                        run.error or markup.DASH,
                    )
                    for run in runs
                ],
                empty="It has not run yet. Name its ARN in a pool's LambdaConfig, or try it with "
                "a test event.",
                note=f"The newest {SHOWN_RUNS} at most.",
                more=("All runs", markup.list_of(Invocation, f"function__id__exact={obj.pk}")),
                wide=True,
            )
        ]

    def audit_query(self, obj: Function) -> str:
        """Find what was done to the function."""
        return f"q={obj.arn}"

    def save_model(self, request: HttpRequest, obj: Function, form: Any, change: bool) -> None:
        """Save through the service that the commands use."""
        given = form.settings()
        actor = actor_of(request)
        saved = (
            service.update(obj, given, actor=actor)
            if change
            else service.create(given, arn=form.cleaned_data["arn"], actor=actor)
        )
        self.adopt(obj, saved)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write nothing: the service has set the pools."""
