"""System checks: whether handler files run behind walls, and runners that are none."""

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004

from triggers.runners import isolation
from triggers.runners.isolation import Isolation
from userpools.checks import check
from userpools.conf import settings


@check
def handler_files() -> Iterator[CheckMessage]:
    """Customers' code runs apart from the server's secrets."""
    if not settings.TRIGGER_PROCESSES:
        return
    try:
        walls = isolation.isolation()
        account = isolation.account()
    except LookupError as exc:
        yield Error(str(exc), id="triggers.E001")
        return
    kind = Error if settings.PRODUCTION else Warning
    if walls is Isolation.NONE:
        yield kind(
            "Handler files would run without isolation: they could read what the server can.",
            hint="Install bubblewrap, or let root serve and name an account in"
            " POOLHOUSE_TRIGGER_USER. In production handler files do not run without.",
            id="triggers.E002" if settings.PRODUCTION else "triggers.W002",
        )
    elif isolation.is_root() and account is None:
        yield kind(
            "The server runs as root, whose number of processes nothing limits.",
            hint="Serve as another user, or name an account in POOLHOUSE_TRIGGER_USER."
            " In production handler files do not run otherwise.",
            id="triggers.E003" if settings.PRODUCTION else "triggers.W003",
        )
    elif walls is Isolation.ACCOUNT:
        yield Warning(
            "Handler files run under another account, yet with the network and every file that"
            " others may read.",
            hint="Install bubblewrap.",
            id="triggers.W004",
        )
