"""Identity pools: tokens in, scoped cloud credentials out."""

from django.apps import AppConfig


class IdentityPoolsConfig(AppConfig):
    """Identity pools."""

    name = "identitypools"
