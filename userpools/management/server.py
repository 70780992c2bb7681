"""Runs the web server (granian) in a process of its own; Django is loaded by its workers alone.

The command that prepares a start replaces itself by this module, so that the process that watches
the workers stays small and the signals sent to the command reach it.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[2]
TARGET = "config.wsgi:application"
# More of them wait for the interpreter rather than for the database: two cost the least CPU.
BLOCKING_THREADS = 2
HEADER_BYTES = 65_536
HEADER_SECONDS = 30
# A worker that got SIGTERM finishes its requests within this time (safety: drains within 30 s).
DRAIN_SECONDS = 30
START_SECONDS = 120
WATCH_SECONDS = 0.5
# An orphan notices the death of its parent within WATCH_SECONDS.
PORT_PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class WebServer:
    """Where and how to listen; `ready` is printed once the server answers."""

    host: str
    port: int
    workers: int = 1
    threads: int = BLOCKING_THREADS
    ready: str = ""

    @property
    def address(self) -> str:
        """The address that a program on this machine reaches it by."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def replace_process(self) -> NoReturn:
        """Become the server: this process's id and signals are the server's from here on."""
        sys.stdout.flush()
        sys.stderr.flush()
        arguments = [
            f"--host={self.host}",
            f"--port={self.port}",
            f"--workers={self.workers}",
            f"--threads={self.threads}",
            f"--ready={self.ready}",
        ]
        # The command may have been started from another folder.
        paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        os.execv(sys.executable, [sys.executable, "-m", __name__, *arguments])  # noqa: S606


def port_is_free(host: str, port: int, *, patience: float = PORT_PATIENCE_SECONDS) -> bool:
    """Say whether nobody listens there; wait a moment for the workers of a killed server to end.

    Asked apart from the server's own bind, which would share the port with any other listener of
    this user (SO_REUSEPORT) and get half of its requests.
    """
    deadline = time.monotonic() + patience
    while not _can_bind(host, port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _can_bind(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def load_application(parent: int) -> Callable[..., Any]:
    """Load the WSGI application in a worker, which ends when its parent does.

    Without that a killed server's workers would go on answering beside their successors.
    """
    from granian._internal import load_target  # noqa: PLC0415 - nothing of granian in tests

    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    application: Callable[..., Any] = load_target(TARGET)
    _start_worker()
    return application


def _start_worker() -> None:
    """Do a worker's work here, except where production leaves it to `manage.py worker`."""
    from userpools.conf import settings  # noqa: PLC0415 - the application has loaded Django

    if not settings.IN_PROCESS_WORKER:
        return
    from userpools.worker import start_in_process  # noqa: PLC0415

    # multiprocessing ends its children without atexit, but does run its own finalizers.
    Finalize(None, start_in_process().stop, exitpriority=10)


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_SECONDS)
    os._exit(1)


def _announce(web: WebServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _answers(web):
            print(web.ready, flush=True)  # noqa: T201 - a command's output
            return
        time.sleep(0.2)


def _answers(web: WebServer) -> bool:
    try:
        with urllib.request.urlopen(f"{web.address}/healthz", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def run(web: WebServer) -> None:
    """Serve until SIGINT or SIGTERM."""
    from granian import Granian  # noqa: PLC0415 - see load_application
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    class Server(Granian):  # type: ignore[misc, valid-type]
        """Announces itself after the fork of its workers.

        A thread that runs at the fork may hold a lock, such as an import's, which the workers would
        inherit and wait for without end.
        """

        def startup(self, *arguments: Any) -> None:
            super().startup(*arguments)
            if web.ready:
                threading.Thread(target=_announce, args=(web,), daemon=True).start()

    server = Server(
        TARGET,
        address=web.host,
        port=web.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEADER_BYTES
        ),
        workers=web.workers,
        blocking_threads=web.threads,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_SECONDS,
        log_level=LogLevels.warning,
    )
    server.serve(target_loader=partial(load_application, os.getpid()), wrap_loader=False)


def main() -> None:
    """Read the arguments that `WebServer.replace_process` writes."""
    parser = argparse.ArgumentParser(prog="server")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=BLOCKING_THREADS)
    parser.add_argument("--ready", default="")
    run(WebServer(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
