"""Hosted sign-in pages and OAuth 2.0 endpoints."""

from django.apps import AppConfig


class HostedUiConfig(AppConfig):
    """Hosted sign-in pages and OAuth 2.0 endpoints."""

    name = "hosted_ui"
