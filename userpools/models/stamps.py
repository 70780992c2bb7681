"""The two times that a new row is given."""

from datetime import datetime

from django.utils import timezone


def stamps() -> dict[str, datetime]:
    """Return `created_at` and `modified_at` of a new row: one moment, as every create answers."""
    now = timezone.now()
    return {"created_at": now, "modified_at": now}
