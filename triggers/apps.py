"""Customers' trigger functions and bulk import jobs:."""

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    """Customers' trigger functions and bulk import jobs."""

    name = "triggers"
