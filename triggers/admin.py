"""The console's pages of functions: superusers alone, as a function is code of their server's."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from triggers import functions as service
from triggers import queue
from triggers.functions import Settings
from triggers.models import EventState, Function, Invocation, Outcome, QueuedEvent
from userpools.admin import fields, markup, navigation
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.base import RecordAdmin, ServiceAdmin, SuperusersOnly
from userpools.admin.markup import Card, Fact
from userpools.audit import record_act
from userpools.conf import settings
from userpools.errors import InvalidParameterException
from userpools.models import UserPool

SHOWN_RUNS = 25
KEPT = "•" * 8
COLUMNS = (
    "name", "runner", "target", "handler", "timeout", "memory_mb", "may_use_network", "enabled",
    "is_async",
)  # fmt: skip
KINDS = {
    "process": "Handler file (Node or Python)",
    "http": "Webhook",
    "lambda": "AWS Lambda or a server that speaks its API",
    "python": "Python of this deployment",
}
TONES = {
    Outcome.SUCCEEDED: "good",
    Outcome.FAILED: "warn",
    Outcome.TIMED_OUT: "bad",
    Outcome.UNAVAILABLE: "bad",
    Outcome.UNUSABLE: "bad",
}
EVENT_TONES = {EventState.DUE: "info", EventState.DONE: "good", EventState.DEAD: "bad"}

navigation.add_for_superusers(
    "Functions",
    ("Functions", "function", Function),
    ("Runs", "play_circle", Invocation),
    ("Waiting events", "schedule", QueuedEvent),
)


def outcome_badge(run: Invocation) -> SafeString:
    """Show what became of a run."""
    outcome = Outcome(run.outcome)
    return markup.badge(outcome.label, TONES[outcome])


def shown_json(value: object) -> SafeString:
    """Show a document."""
    return shown_text(json.dumps(value, indent=2, ensure_ascii=False))


def shown_text(text: str) -> SafeString:
    """Show lines as they are."""
    return format_html('<pre class="ph-json">{}</pre>', text) if text else markup.DASH


if TYPE_CHECKING:
    FunctionModelForm = forms.ModelForm[Function]
else:
    FunctionModelForm = forms.ModelForm


class FunctionForm(FunctionModelForm):
    """A function's settings; secrets go in and never come out."""

    refusal = ""

    runner = fields.choice("Runner", (), "What runs it.")
    target = fields.text(
        "Target",
        "Handler file: its absolute path. Webhook: its URL. Lambda: an endpoint other than the "
        "server's, or nothing. Python: a dotted path.",
        mono=True,
        max_length=2048,
    )
    secret = fields.text(
        "Secret",
        "What signs a webhook's requests and answers. Empty: keep the one there is.",
        mono=True,
        max_length=256,
    )
    environment = fields.TagsField(
        label="Environment",
        help_text="NAME = value on each line, for handler files. "
        f"Values are never shown; {KEPT} keeps one.",
        rows=4,
    )
    arn = fields.text(
        "ARN",
        "What pools name in LambdaConfig. Empty: made of the name.",
        mono=True,
        max_length=131,
    )
    pools = forms.ModelMultipleChoiceField(
        UserPool.objects.order_by("name"),
        label="User pools that may use it",
        required=False,
        widget=fields.UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    class Meta:
        model = Function
        fields = (*COLUMNS, "pools")
        labels = {
            "memory_mb": "Memory",
            "may_use_network": "May use the network",
            "is_async": "Runs later",
        }
        help_texts = {
            "name": "1 to 64 letters, digits, hyphens and underscores.",
            "handler": "The name that a handler file exports.",
            "timeout": "Seconds; within a sign-in 5 at most.",
            "memory_mb": "Megabytes of a handler file's process.",
            "may_use_network": "Handler files alone; the others run where they run.",
            "is_async": "After confirmation and sign-in nobody waits for the answer.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        function: Function | None = kwargs.get("instance")
        initial = dict(kwargs.get("initial") or {})
        if function is not None and not function._state.adding:
            initial |= {
                "arn": function.arn,
                "environment": dict.fromkeys(function.environment, KEPT),
            }
        super().__init__(*args, **{**kwargs, "initial": initial})
        runner: Any = self.fields["runner"]
        runner.choices = [(kind, KINDS.get(kind, kind)) for kind in settings.TRIGGER_RUNNERS]
        if function is not None and not function._state.adding:
            self.fields["arn"].disabled = True
        self.fields["pools"].help_text = "Other pools fail when they name it."

    def clean(self) -> dict[str, Any] | None:
        """Repeat what the service refused."""
        cleaned = super().clean()
        if self.refusal:
            self.add_error(None, self.refusal)
        return cleaned

    def _post_clean(self) -> None:
        """Leave the object alone: its fields are the service's to fill."""

    def settings(self) -> Settings:
        """Return what the service takes."""
        given = self.cleaned_data
        known = {} if self.instance._state.adding else self.instance.environment
        environment = {
            name: known.get(name, "") if value == KEPT else value
            for name, value in given["environment"].items()
        }
        columns = {name: given[name] for name in COLUMNS}
        return Settings(columns, given["pools"], given["secret"] or None, environment)


class TestEvent(ActForm):
    """An event to try the function with."""

    # pytest takes a class of such a name for a test's.
    __test__ = False

    event = forms.JSONField(
        label="Event",
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 22, "class": "ph-mono", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, subject: Function, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        sample = service.sample_event(subject.pools.first())
        self.fields["event"].initial = json.dumps(sample, indent=2)

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


@admin.register(Invocation)
class InvocationAdmin(SuperusersOnly, RecordAdmin):
    """Runs, with what was said in them; secrets were never written down."""

    is_named = False
    list_display = (
        "shown_time",
        "trigger_source",
        "shown_function",
        "pool_id",
        "username",
        "shown_outcome",
        "shown_duration",
        "error",
    )
    list_display_links = ("shown_time",)
    list_filter = ("outcome", "trigger_source", ("started_at", RangeDateTimeFilter))
    list_select_related = ("function",)
    search_fields = ("arn",)
    search_help_text = "ARN, pool id or user name"
    empty_title = "No run yet"
    empty_text = "Each run of a function is kept here for a week, without codes and passwords."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invocation]:
        """Leave the function's secrets in the database."""
        return (
            super()
            .get_queryset(request)
            .select_related("function")
            .defer("function__secret_sealed", "function__environment_sealed")
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invocation], search_term: str
    ) -> tuple[QuerySet[Invocation], bool]:
        """Match whole names."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        column = "arn" if term.startswith("arn:") else "pool_id" if "_" in term else "username"
        return queryset.filter(**{column: term}), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Let a function's page lead to its runs."""
        return lookup == "function__id__exact" or super().lookup_allowed(lookup, value, request)

    @display(description="Started", ordering="started_at")
    def shown_time(self, run: Invocation) -> SafeString:
        """Return when it began."""
        return markup.when(run.started_at, seconds=True)

    @display(description="Function")
    def shown_function(self, run: Invocation) -> SafeString:
        """Return the function, as a link while it is there."""
        return markup.link(run.function) if run.function else markup.code(run.arn)

    @display(description="Outcome", ordering="outcome")
    def shown_outcome(self, run: Invocation) -> SafeString:
        """Return what became of it."""
        return outcome_badge(run)

    @display(description="Milliseconds", ordering="duration_ms")
    def shown_duration(self, run: Invocation) -> str:
        """Return how long it took, all tries together."""
        return f"{run.duration_ms:,.1f}"

    def summary(self, request: HttpRequest, obj: Invocation) -> list[Fact]:
        """Say what became of it."""
        return [
            Fact("Outcome", outcome_badge(obj), obj.error),
            Fact("Source", obj.trigger_source),
            Fact("Function", self.shown_function(obj)),
            Fact("Milliseconds", self.shown_duration(obj), f"Tries: {obj.tries}"),
            Fact("Started", markup.when(obj.started_at, seconds=True)),
        ]

    def cards(self, request: HttpRequest, obj: Invocation) -> list[Card]:
        """Show request, response and log."""
        return [
            Card(
                "Details",
                facts=[
                    Fact("Pool id", markup.copyable(obj.pool_id)),
                    Fact("App client", markup.copyable(obj.client_id)),
                    Fact("User", obj.username or markup.DASH),
                    Fact("ARN", markup.copyable(obj.arn)),
                ],
                note="Passwords, codes, challenge answers and callers' metadata are not kept.",
            ),
            Card("Request", facts=[Fact("request", shown_json(obj.request))]),
            Card("Response", facts=[Fact("response", shown_json(obj.response))]),
            Card("Log", facts=[Fact("output", shown_text(obj.log))], wide=True),
        ]


def _is_dead(event: QueuedEvent) -> bool:
    return event.state == EventState.DEAD


def _retry(request: HttpRequest, event: QueuedEvent, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        if not queue.retry(event.pk):
            raise InvalidParameterException("Only an event that was given up can be run again.")
        record_act(actor_of(request), "RetryEvent", pool_id=event.pool_id, resource=str(event.pk))
    return "The event is on its way again."


@admin.register(QueuedEvent)
class QueuedEventAdmin(SuperusersOnly, RecordAdmin):
    """Events that run later."""

    is_named = False
    list_display = (
        "shown_time", "trigger_source", "pool", "shown_state", "attempts", "last_error",
    )  # fmt: skip
    list_display_links = ("shown_time",)
    list_filter = ("state", ("pool", AutocompleteSelectFilter))
    list_select_related = ("pool",)
    search_fields = ()
    empty_title = "Nothing waits"
    empty_text = "Custom senders, and functions that run later, have their events here."
    acts = (
        Act(
            name="retry",
            title="Run again",
            run=_retry,
            icon="replay",
            applies=_is_dead,
            superuser_only=True,
            text="The event is tried again at once, with all its attempts. Its code may have "
            "expired meanwhile.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueuedEvent]:
        """Leave what events hold in the database."""
        return super().get_queryset(request).select_related("pool").defer("sealed")

    @display(description="Written", ordering="created_at")
    def shown_time(self, event: QueuedEvent) -> SafeString:
        """Return when it was written."""
        return markup.when(event.created_at, seconds=True)

    @display(description="State", ordering="state")
    def shown_state(self, event: QueuedEvent) -> SafeString:
        """Return where it stands."""
        state = EventState(event.state)
        return markup.badge(state.label, EVENT_TONES[state])

    def summary(self, request: HttpRequest, obj: QueuedEvent) -> list[Fact]:
        """Say where it stands."""
        return [
            Fact("State", self.shown_state(obj), obj.last_error),
            Fact("Source", obj.trigger_source),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("ARN", markup.copyable(obj.arn)),
            Fact("Attempts", obj.attempts),
        ]

    def cards(self, request: HttpRequest, obj: QueuedEvent) -> list[Card]:
        """Show the times."""
        return [
            Card(
                "Details",
                facts=[
                    Fact("Written", markup.when(obj.created_at)),
                    Fact(
                        "Next attempt",
                        markup.when(obj.due_at) if obj.state == EventState.DUE else markup.DASH,
                    ),
                    Fact("Done", markup.when(obj.done_at)),
                ],
                note="What the event holds is sealed, and removed once it was run.",
            )
        ]
