"""The triggers application: what it keeps sealed, sweeps and checks."""

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    """Customers' trigger functions and bulk import jobs."""

    name = "triggers"
    verbose_name = "Triggers"

    def ready(self) -> None:
        """Register the sealed columns, the steps of the sweep, and the checks."""
        from triggers import checks, retention  # noqa: F401, PLC0415 - models are ready only now
