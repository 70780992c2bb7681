"""Trying a function: the event to try it with, and its answer beside that."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from triggers import functions as service
from triggers.admin.shared import TONES
from triggers.events import Event
from triggers.models import Function
from userpools.admin import markup
from userpools.admin.acts import ActForm


class Indented(json.JSONEncoder):
    """Writes documents for people."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2})


class TestEvent(ActForm):
    """An event to try a function with."""

    # pytest takes a class of such a name for a test's.
    __test__ = False

    event = forms.JSONField(
        label="Event",
        encoder=Indented,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 22, "class": "ph-mono", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["event"].initial = self.first_event()

    def first_event(self) -> Event:
        """Return the event to begin with."""
        raise NotImplementedError

    def clean_event(self) -> dict[str, Any]:
        """Want an object."""
        event = self.cleaned_data["event"]
        if not isinstance(event, dict):
            raise forms.ValidationError("An event is a JSON object.")
        return event


def shown_trial(
    request: HttpRequest, function: Function, event: Event, *, subject: Model
) -> HttpResponseBase:
    """Run the function once and show its answer beside the event; `subject` is whose page it is."""
    trial = service.try_out(function, event)
    context = {
        **admin.site.each_context(request),
        "opts": subject._meta,
        "title": "Test event",
        "subject": subject,
        "original": subject,
        "event": json.dumps(event, indent=2, ensure_ascii=False),
        "trial": trial,
        "outcome": markup.badge(trial.outcome.label, TONES[trial.outcome]),
        "answer": json.dumps(trial.answer, indent=2, ensure_ascii=False),
        "back": markup.address_of(subject),
    }
    response = TemplateResponse(request, "admin/triggers/trial.html", context)
    # The event may hold whatever somebody pasted.
    response["Cache-Control"] = "no-store"
    return response
