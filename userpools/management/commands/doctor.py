"""`manage.py doctor`: is everything that the server needs in working order?"""

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from userpools import limits, sealing
from userpools.auth import srp
from userpools.conf import settings
from userpools.messaging import trial
from userpools.models import Medium, Message, MessageState
from userpools.services import rekey

from ._base import NounCommand
from .serve import has_unapplied_migrations

# The signatures of calls are refused beyond five minutes.
CLOCK_TOLERANCE = timedelta(seconds=60)
LATE = timedelta(minutes=5)


class Trouble(Exception):
    """Something is not in order; the text says what, and what to do."""


def database() -> str:
    """The database answers, and its tables are this version's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if has_unapplied_migrations():
        raise Trouble("Migrations are not applied: manage.py migrate.")
    return connection.vendor


def master_key() -> str:
    """The key ring holds every key of this database."""
    rekey.verify()
    return ", ".join(sealing.ring().key_ids)


def redis_server() -> str:
    """Redis answers, where one is configured."""
    if not settings.REDIS_URL:
        return "not used: one web process at most"
    redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3).ping()
    return "answers"


def quotas() -> str:
    """Request rates and limits are Cognito's or what POOLHOUSE_QUOTAS says, all of it read."""
    wrong = limits.wrong_quotas(settings.QUOTAS)
    if wrong:
        raise Trouble(f"POOLHOUSE_QUOTAS is wrong: {', '.join(wrong)}.")
    given = settings.QUOTAS
    return given if isinstance(given, str) else f"cognito, but {json.dumps(given)}"


def outbox() -> str:
    """Messages leave."""
    failed = Message.objects.filter(state=MessageState.FAILED).count()
    waiting = Message.objects.filter(state=MessageState.DUE)
    if waiting.filter(due_at__lt=timezone.now() - LATE).exists():
        raise Trouble("Messages wait for more than five minutes: is a server or a worker running?")
    return f"{waiting.count()} waiting, {failed} failed"


def delivery() -> str:
    """Messages have backends."""
    names = trial.backend_names()
    missing = trial.missing_settings()
    if missing:
        raise Trouble(f"{names[Medium.SMS]} needs {', '.join(missing)}.")
    return f"e-mail by {names[Medium.EMAIL]}, texts by {names[Medium.SMS]}"


def clock() -> str:
    """The clocks of this machine and of the database agree: signatures depend on the time."""
    if connection.vendor != "postgresql":
        return "this machine's alone"
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        theirs: datetime = cursor.fetchone()[0]
    difference = abs(timezone.now() - theirs)
    if difference > CLOCK_TOLERANCE:
        raise Trouble(f"The database's clock differs by {difference.total_seconds():.0f} s.")
    return "agrees with the database's"


def arithmetic() -> str:
    """Sign-ins compute with gmpy2."""
    if not srp.HAS_CONSTANT_TIME:
        raise Trouble("gmpy2 is missing: pip install gmpy2.")
    return "gmpy2"


def data_folder() -> str:
    """The data folder can be written."""
    folder = Path(settings.DATA_DIR)
    if folder.exists() and not os.access(folder, os.W_OK):
        raise Trouble(f"{folder} cannot be written.")
    return str(folder)


EXAMINATIONS: tuple[Callable[[], str], ...] = (
    database, master_key, redis_server, quotas, outbox, delivery, clock, arithmetic, data_folder,
)  # fmt: skip


class Command(BaseCommand):
    """Examine one thing after the other; exit code 1 when one is not in order."""

    help = "Check database, master key, Redis, quotas, outbox, clock, arithmetic and data folder."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print what each examination found."""
        found = [examined(each) for each in EXAMINATIONS]
        printer = NounCommand(stdout=self.stdout)  # type: ignore[arg-type]
        printer.present(list(found), as_json=options["as_json"])
        wrong = [row["Part"] for row in found if row["State"] != "ok"]
        if wrong:
            raise CommandError(f"Not in order: {', '.join(wrong)}.")


def examined(examine: Callable[[], str]) -> dict[str, Any]:
    """Return what an examination found; whatever it raises is a finding, too."""
    part = examine.__name__.replace("_", " ")
    try:
        return {"Part": part, "State": "ok", "Finding": examine()}
    except Exception as exc:  # a diagnosis must survive what it diagnoses
        return {"Part": part, "State": "wrong", "Finding": f"{exc}" or type(exc).__name__}
