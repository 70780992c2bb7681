"""`manage.py worker`: runs what web processes leave for later."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from userpools.conf import settings
from userpools.management.commands.serve import has_unapplied_migrations
from userpools.management.server import PROJECT
from userpools.services import rekey


class Command(BaseCommand):
    """Become a Celery worker with its clock; any number of them may run."""

    help = (
        "Deliver messages, sweep, run jobs. Needs REDIS_URL; without it the web process does this."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--concurrency", type=int, default=2, help="Tasks at a time.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Start, or raise CommandError."""
        if not settings.REDIS_URL:
            raise CommandError(
                "A worker hears of its work through Redis: set REDIS_URL. Without it the web"
                " process does this work itself and no worker is needed."
            )
        if has_unapplied_migrations():
            raise CommandError("Migrations are not applied: run `manage.py migrate`.")
        try:
            rekey.verify()
        except rekey.MasterKeyError as exc:
            raise CommandError(str(exc)) from exc
        connections.close_all()
        sys.stdout.flush()
        os.chdir(PROJECT)
        os.execv(sys.executable, [sys.executable, "-m", "celery", *celery_arguments(options)])  # noqa: S606


def celery_arguments(options: dict[str, Any]) -> list[str]:
    """Return the command line of celery."""
    return [
        "--app=config.celery",
        "worker",
        "--beat",
        "--scheduler=userpools.beat.SharedScheduler",
        "--loglevel=WARNING",
        "--without-gossip",
        "--without-mingle",
        f"--concurrency={options['concurrency']}",
    ]
