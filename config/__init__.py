"""The project: settings, URLs, the WSGI front and the Celery application."""

# Imported with the settings, so that whatever rings a worker rings this application's.
from .celery import app as celery_app

__all__ = ["celery_app"]
