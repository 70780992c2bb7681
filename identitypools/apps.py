"""The identity pools application: what it keeps sealed, sweeps and checks."""

from django.apps import AppConfig


class IdentityPoolsConfig(AppConfig):
    """Identity pools: tokens in, scoped cloud credentials out."""

    name = "identitypools"
    verbose_name = "Identity pools"

    def ready(self) -> None:
        """Register the sealed columns, the steps of the sweep, and the checks."""
        from identitypools import checks, retention  # noqa: F401, PLC0415 - models are ready only now
