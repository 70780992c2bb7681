"""`manage.py serve`: the web server for production."""

from typing import Any

from django.core.checks import ERROR
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from userpools.conf import settings
from userpools.management.commands.quickstart import refuse_workers_without_redis
from userpools.management.server import BLOCKING_THREADS, WebServer, port_is_free
from userpools.services import rekey


class Command(BaseCommand):
    """Check that the server can work, then become it."""

    help = "Serve under granian. Refuses a database whose key or migrations are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=1, help="Processes (more need Redis).")
        parser.add_argument("--threads", type=int, default=BLOCKING_THREADS, help="Per process.")
        parser.add_argument("--migrate", action="store_true", help="Apply migrations first.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Start, or raise CommandError."""
        refuse_workers_without_redis(options["workers"])
        self.check(include_deployment_checks=settings.PRODUCTION, fail_level=ERROR)
        web = WebServer(options["host"], options["port"], options["workers"], options["threads"])
        try:
            if options["migrate"]:
                call_command("migrate", verbosity=1, interactive=False)
            elif has_unapplied_migrations():
                raise CommandError(
                    "Migrations are not applied: run `manage.py migrate`, or add --migrate."
                )
            rekey.verify()
        except DatabaseError as exc:
            raise CommandError(f"The database does not answer: {exc}") from exc
        except rekey.MasterKeyError as exc:
            raise CommandError(str(exc)) from exc
        if not port_is_free(web.host, web.port):
            raise CommandError(f"Port {web.port} is taken by another program.")
        connections.close_all()
        self.stdout.write(f"Serving at {web.address} for {settings.PUBLIC_URL}")
        web.replace_process()


def has_unapplied_migrations() -> bool:
    """Say whether the database lacks a migration."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
