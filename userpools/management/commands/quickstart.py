"""`manage.py quickstart`: from nothing to a running server with something to call."""

import os
import shlex
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from userpools.conf import settings
from userpools.management.server import WebServer, port_is_free
from userpools.services import quickstart, rekey

OWNER_ALONE = 0o077
HOST = "127.0.0.1"
DEFAULT_PORT = 8000
HIGHEST_PORT = 65535

GUIDE = """
Poolhouse answers at {PUBLIC_URL}

  Admin console   {ADMIN_URL}
                  user {ADMIN_USER}, password {ADMIN_PASSWORD}

  Programs        take keys, addresses and the demo's values into a shell with
                  set -a; . {file}; set +a
"""
DEMO_GUIDE = """
  and then, with the AWS CLI

    aws cognito-idp list-users --user-pool-id {DEMO_POOL_ID}
    aws cognito-idp initiate-auth --client-id {DEMO_CLIENT_ID} \\
      --auth-flow USER_PASSWORD_AUTH \\
      --auth-parameters 'USERNAME={DEMO_USERNAME},PASSWORD="{DEMO_PASSWORD}"'

  or with boto3

    import boto3
    idp = boto3.client("cognito-idp")
    print(idp.list_users(UserPoolId="{DEMO_POOL_ID}"))
    print(idp.initiate_auth(
        ClientId="{DEMO_CLIENT_ID}", AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={{"USERNAME": "{DEMO_USERNAME}", "PASSWORD": "{DEMO_PASSWORD}"}},
    ))

  Messages that the server sends are printed here and kept in {outbox}
"""


class Command(BaseCommand):
    """Prepare the data folder and serve on the loopback address."""

    help = (
        "Migrate, create an operator, an access key and a demo pool, write quickstart.env, serve on"
        " 127.0.0.1. A second run keeps all of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options; `config.arguments` has read the first two before the settings."""
        parser.add_argument("--port", type=int, help=f"Port to listen on (default {DEFAULT_PORT}).")
        parser.add_argument("--data-dir", help="Folder for all data (default: var).")
        parser.add_argument("--no-demo", action="store_true", help="Create no demo pool.")
        parser.add_argument(
            "--workers", type=int, default=1, help="Web processes (more need Redis)."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Prepare everything, then become the server."""
        web = WebServer(
            host=HOST,
            port=options["port"] or port_of_public_url(),
            workers=options["workers"],
            ready=f"Poolhouse is ready at {settings.PUBLIC_URL} (Ctrl-C stops it).",
        )
        self.refuse_what_cannot_work(web)
        os.umask(OWNER_ALONE)
        self.say("Preparing the database ...")
        call_command("migrate", verbosity=0, interactive=False)
        try:
            rekey.verify()
        except rekey.MasterKeyError as exc:
            raise CommandError(str(exc)) from exc
        self.say("Preparing operator, access key and demo pool ...")
        file = quickstart.EnvironmentFile(settings.DATA_DIR / quickstart.FILE_NAME)
        values = quickstart.prepare(file, endpoint=web.address, with_demo=not options["no_demo"])
        self.explain(values, file)
        connections.close_all()
        self.say("Starting the server ...")
        web.replace_process()

    def refuse_what_cannot_work(self, web: WebServer) -> None:
        """Raise CommandError before anything is written."""
        if settings.PRODUCTION:
            raise CommandError(
                "The quickstart is for development; use `manage.py serve` in production."
            )
        refuse_workers_without_redis(web.workers)
        if not 0 < web.port <= HIGHEST_PORT:
            raise CommandError(f"There is no port {web.port}.")
        if not port_is_free(web.host, web.port):
            raise CommandError(
                f"Port {web.port} is taken by another program. Stop it, or choose another port:"
                f" manage.py quickstart --port {web.port + 1}"
            )

    def say(self, text: str) -> None:
        """Print a line at once, though the output may be a pipe."""
        self.stdout.write(text)
        self.stdout.flush()

    def explain(self, values: quickstart.Values, file: quickstart.EnvironmentFile) -> None:
        """Print how to call the server."""
        guide = GUIDE + (DEMO_GUIDE if values["DEMO_POOL_ID"] else "")
        path = shlex.quote(str(file.path))
        self.say(guide.format(**values, file=path, outbox=settings.OUTBOX_DIR))


def refuse_workers_without_redis(workers: int) -> None:
    """Raise CommandError: request rates and bells are shared by Redis alone."""
    if workers < 1:
        raise CommandError("At least one worker is needed.")
    if workers > 1 and not django_settings.POOLHOUSE.get("REDIS_URL"):
        raise CommandError(
            "More than one worker needs Redis, which they share request rates and work through: set"
            " REDIS_URL, or leave --workers at 1."
        )


def port_of_public_url() -> int:
    """Return the port in a PUBLIC_URL that names this machine; the default port otherwise."""
    url = urlsplit(settings.PUBLIC_URL)
    return url.port or DEFAULT_PORT if url.hostname in {"127.0.0.1", "localhost"} else DEFAULT_PORT
