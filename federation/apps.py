"""External identity providers: SAML, OpenID Connect and social sign-in."""

from django.apps import AppConfig


class FederationConfig(AppConfig):
    """External identity providers."""

    name = "federation"
