"""Functions of a running server: its README's first steps, and events that outlive a worker."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import jwt
import pytest

from .conftest import ALL_FLOWS, PASSWORD, Story, create_confirmed
from .server import ROOT, Database, Server, clean_environment, redis_url

pytestmark = pytest.mark.journey

EVENTS = 200

SET_UP = """
from triggers.functions import Settings, create
from userpools.local_api import LocalApi, actor
from userpools.models import UserPool
made = LocalApi()("CreateUserPool", PoolName="people")["UserPool"]["Id"]
columns = {"name": "notes", "runner": "python", "target": "notes.handler", "is_async": True}
function = create(Settings(columns, [UserPool.objects.get(pk=made)]), actor=actor())
config = {"PostConfirmation": function.arn}
LocalApi()("UpdateUserPool", UserPoolId=made, LambdaConfig=config)
"""
# What writes the events and, as the handler, notes which of them it was given.
QUEUE = """
from triggers.invoker import FunctionInvoker
from userpools.models import UserPool
pool = UserPool.objects.get()
for number in range({count}):
    FunctionInvoker().invoke(
        "PostConfirmation_ConfirmSignUp", pool=pool, client=None, username=f"user-{{number}}",
        request={{}}, response={{}},
    )
"""
# Says how many are left, and ends their leases: a dead worker's would last for minutes.
RELEASE = """
from django.utils import timezone
from triggers.models import EventState, QueuedEvent
print(QueuedEvent.objects.filter(state=EventState.DUE).update(due_at=timezone.now()))
"""
HANDLER = """
import os, time

def handler(event, context):
    with open(os.environ["SEEN"], "a") as file:
        file.write(event["userName"] + "\\n")
    time.sleep(0.02)
    return event
"""


class Installation:
    """A database with a pool and a function, and workers that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = folder / "seen"
        self.database = Database()
        self.environment = {
            **clean_environment(),
            "DJANGO_SETTINGS_MODULE": "config.settings.development",
            "POOLHOUSE_DATA_DIR": str(folder / "data"),
            "POOLHOUSE_TRIGGER_PROCESSES": "on",
            "POOLHOUSE_IN_PROCESS_WORKER": "off",
            "PYTHONPATH": str(folder / "deployed"),
            "SEEN": str(self.seen),
            "REDIS_URL": redis_url(),
            **({"DATABASE_URL": self.database.url} if self.database.url else {}),
        }
        deployed = folder / "deployed"
        deployed.mkdir()
        (deployed / "notes.py").write_text(HANDLER)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, whatever that is."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def manage(self, *arguments: str) -> str:
        """Run a command and return what it printed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def python(self, program: str) -> str:
        """Run a program in the installation."""
        return self.manage("shell", "-v", "0", "-c", program).strip()

    def worker(self) -> "subprocess.Popen[bytes]":
        """Start a worker in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / f"worker-{secrets.token_hex(2)}.log").open("wb"),
            start_new_session=True,
        )

    def noted(self) -> list[str]:
        """Return whom the function was given so far."""
        return self.seen.read_text().split() if self.seen.exists() else []

    def wait_for(self, count: int, *, seconds: float = 60) -> None:
        """Wait until the function has run for so many users."""
        end = time.monotonic() + seconds
        while len(set(self.noted())) < count:
            assert time.monotonic() < end, f"only {len(set(self.noted()))} of {count}"
            time.sleep(0.02)


def kill(worker: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(30)


@pytest.fixture
def installation(tmp_path):
    if not redis_url():
        pytest.skip("needs REDIS_URL")
    made = Installation(tmp_path)
    yield made
    made.database.drop()


def test_a_killed_worker_loses_no_event(installation):
    installation.manage("migrate", "-v", "0")
    installation.python(SET_UP)

    first = installation.worker()
    try:
        installation.python(QUEUE.format(count=EVENTS))
        installation.wait_for(EVENTS // 4)
    finally:
        kill(first)
    missing = EVENTS - len(set(installation.noted()))
    assert missing > 0
    assert int(installation.python(RELEASE)) >= missing

    second = installation.worker()
    try:
        installation.wait_for(EVENTS)
    finally:
        kill(second)
    names = installation.noted()
    assert set(names) == {f"user-{number}" for number in range(EVENTS)}
    # At least once, and twice only for what was under way.
    assert len(names) <= EVENTS + 2


def test_a_process_killed_after_its_writes_loses_no_event(installation):
    installation.manage("migrate", "-v", "0")
    installation.python(SET_UP)
    # Bells are sent by a thread, and this process may not have sent a single one.
    program = QUEUE.format(count=20) + "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    killed = installation.run("shell", "-v", "0", "-c", program)
    assert killed.returncode == -signal.SIGKILL
    assert installation.noted() == []

    worker = installation.worker()
    try:
        installation.wait_for(20)
    finally:
        kill(worker)
    assert sorted(installation.noted()) == sorted(f"user-{number}" for number in range(20))


# As tutorials show it.
TUTORIAL = """
exports.handler = function(event, context) {
  event.response = {
    claimsOverrideDetails: { claimsToAddOrOverride: { attribute_key: "attribute_value" } }
  };
  context.done(null, event);
};
"""


@pytest.fixture
def with_handlers(tmp_path_factory):
    """A server whose operator switched handler files on."""
    server = Server(tmp_path_factory.mktemp("handlers"), POOLHOUSE_TRIGGER_PROCESSES="on")
    try:
        yield server.start()
    finally:
        server.close()


def id_claims(story):
    return jwt.decode(story.sign_in("ana")["IdToken"], options={"verify_signature": False})


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_the_first_steps_of_the_readme_put_claims_into_tokens(with_handlers, tmp_path):
    server = with_handlers
    idp = server.client()
    pool_id = idp.create_user_pool(PoolName="steps")["UserPool"]["Id"]
    client_id = idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="app", ExplicitAuthFlows=ALL_FLOWS
    )["UserPoolClient"]["ClientId"]
    create_confirmed(idp, pool_id, "ana", PASSWORD, {})
    story = Story(server, idp, pool_id, client_id)
    example = ROOT / "triggers" / "examples" / "token-claims" / "index.js"

    def create(name, file):
        return json.loads(
            server.manage(
                "functions", "create", name, "--json", "--runner", "process", "--target", str(file),
                "--pool", pool_id,
            )
        )["Arn"]  # fmt: skip

    arn = create("claims", example)
    tried = json.loads(server.manage("functions", "invoke", "claims", "--json"))["Answer"]
    assert tried["response"]["claimsOverrideDetails"]["claimsToAddOrOverride"]["tier"] == "free"
    idp.update_user_pool(UserPoolId=pool_id, LambdaConfig={"PreTokenGeneration": arn})
    found = id_claims(story)
    assert (found["tier"], found["greeting"]) == ("free", "Hello ana")
    (run,) = json.loads(server.manage("functions", "logs", "claims", "--json"))
    assert (run["Source"], run["Outcome"]) == ("TokenGeneration_Authentication", "succeeded")

    tutorial = tmp_path / "index.js"
    tutorial.write_text(TUTORIAL)
    arn = create("tutorial", tutorial)
    idp.update_user_pool(UserPoolId=pool_id, LambdaConfig={"PreTokenGeneration": arn})
    assert id_claims(story)["attribute_key"] == "attribute_value"
    tutorial.write_text(TUTORIAL.replace("attribute_value", "another"))
    assert id_claims(story)["attribute_key"] == "another"
