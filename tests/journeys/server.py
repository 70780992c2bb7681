"""A real Poolhouse server in processes of its own, on a free port of the loopback address."""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import psycopg
import requests
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent.parent
REGION = "eu-west-1"
START_TIMEOUT = 90
# Variables of the surrounding test run that would lead the server or a client elsewhere.
FOREIGN = ("AWS_", "POOLHOUSE_", "DJANGO_", "PYTEST_")
OWN = {"DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "SECRET_KEY", "EMAIL_URL", "SMS_BACKEND"}


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment() -> dict[str, str]:
    """Return this environment without what configures Poolhouse, Django or AWS clients."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and name not in OWN
    }


class Database:
    """A database of its own on the PostgreSQL server of DATABASE_URL; SQLite without one."""

    def __init__(self) -> None:
        given = os.environ.get("DATABASE_URL", "")
        self.url = ""
        if given.startswith("postgres"):
            self.server_url = given
            self.name = f"poolhouse_journey_{secrets.token_hex(6)}"
            self._run(f'CREATE DATABASE "{self.name}"')
            self.url = urlunsplit(urlsplit(given)._replace(path=f"/{self.name}"))

    def drop(self) -> None:
        """Remove the database, with whatever connections a killed server left."""
        if self.url:
            self._run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(statement)


def redis_url() -> str:
    """Return REDIS_URL with a database number that the test process itself does not use."""
    given = os.environ.get("REDIS_URL", "")
    if not given:
        return ""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return urlunsplit(urlsplit(given)._replace(path=f"/{8 + int(worker) % 8}"))


# No program is slowed down, however often it reads its one user.
QUOTAS = '{"*": "off", "UserProfileRead": 1000000, "UserProfileWrite": 1000000}'


class Server:
    """`manage.py quickstart` with a data folder of its own; it can be killed and started again."""

    def __init__(self, folder: Path, *, workers: int = 1, **extra: str) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self.database = Database()
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **clean_environment(),
            "POOLHOUSE_DATA_DIR": str(self.data_dir),
            "POOLHOUSE_QUOTAS": QUOTAS,
            "PUBLIC_URL": self.url,
            "AWS_REGION": REGION,
            "PYTHONUNBUFFERED": "1",
            **({"DATABASE_URL": self.database.url} if self.database.url else {}),
            **({"REDIS_URL": redis_url()} if redis_url() else {}),
            **extra,
        }

    def start(self) -> "Server":
        """Start the server and wait until it is ready; raise with its log's end when it is not."""
        command = [sys.executable, "manage.py", "quickstart", "--no-demo", "--port", str(self.port)]
        if self.workers > 1:
            command += ["--workers", str(self.workers)]
        with self.log.open("ab") as log:
            # A session of its own, so that a kill takes the web workers along.
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + START_TIMEOUT
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                tail = self.log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"the server did not become ready:\n{tail}")
            time.sleep(0.1)
        return self

    def is_ready(self) -> bool:
        """Say whether the server answers its readiness path and has written its settings."""
        try:
            ready = requests.get(f"{self.url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False
        return ready and (self.data_dir / "quickstart.env").exists()

    def kill(self) -> None:
        """End all processes of the server at once, as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the server to end, and insist after ten seconds."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """Stop the server and remove its database."""
        self.stop()
        self.database.drop()

    def manage(self, *arguments: str) -> str:
        """Run one of the server's commands and return its standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr[-2000:]}"
        return done.stdout

    @property
    def settings(self) -> dict[str, str]:
        """What quickstart.env tells a shell, without the shell."""
        text = (self.data_dir / "quickstart.env").read_text()
        words = (word for line in text.splitlines() for word in shlex.split(line, comments=True))
        return dict(word.split("=", 1) for word in words if "=" in word)

    def client(self, service: str = "cognito-idp", **options: Any) -> Any:
        """Return a boto3 client of this server, which never retries."""
        settings = self.settings
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            config=Config(
                retries={"total_max_attempts": 1},
                max_pool_connections=32,
                read_timeout=60,
                **options,
            ),
        )

    def issuer(self, pool_id: str) -> str:
        """Return the issuer of a pool's tokens."""
        return f"{self.url}/{pool_id}"

    def messages(self, username: str) -> list[dict[str, Any]]:
        """Return the messages to a user so far, oldest first."""
        found = []
        for path in (self.data_dir / "outbox").glob("*.json"):
            try:
                message = json.loads(path.read_text())
            except json.JSONDecodeError:
                continue  # being written
            if message["username"] == username:
                found.append(message)
        return sorted(found, key=lambda message: message["created_at"])

    def message(self, username: str, *, timeout: float = 20) -> dict[str, Any]:
        """Return the newest message to a user, waiting for the first one."""
        end = time.monotonic() + timeout
        while not (found := self.messages(username)):
            assert time.monotonic() < end, f"no message to {username}"
            time.sleep(0.05)
        return found[-1]
