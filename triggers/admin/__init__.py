"""The console's pages of functions: superusers alone, as a function is code of their server's."""

from triggers.admin import functions, invocations, queued_events
from triggers.models import Function, Invocation, QueuedEvent
from userpools.admin import navigation

__all__ = ["functions", "invocations", "queued_events"]

navigation.add_for_superusers(
    "Functions",
    ("Functions", "function", Function),
    ("Invocations", "play_circle", Invocation),
    ("Queued events", "schedule", QueuedEvent),
)
