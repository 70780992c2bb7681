"""What the console's pages of functions share: who may see them, badges, and documents as text."""

import json

from django.utils.html import format_html
from django.utils.safestring import SafeString

from triggers.models import Invocation, Outcome
from userpools.admin import markup

TONES = {
    Outcome.SUCCEEDED: "good",
    Outcome.FAILED: "warn",
    Outcome.TIMED_OUT: "bad",
    Outcome.UNAVAILABLE: "bad",
    Outcome.UNUSABLE: "bad",
}


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
