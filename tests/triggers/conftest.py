"""Functions of every kind, pools that use them, and the handler files that they run."""

import secrets
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.triggers import recorder
from triggers.functions import Settings, create
from triggers.invoker import FunctionInvoker
from triggers.models import Function, functions
from triggers.runners import process
from userpools.audit import Actor
from userpools.models import UserPool

ACTOR = Actor("test", "command")


@pytest.fixture(autouse=True)
def _no_kept_functions() -> None:
    functions.clear()


@pytest.fixture
def people(db: None) -> UserPool:
    """A pool, as a row alone."""
    return UserPool.objects.create(
        id=f"eu-west-1_{secrets.token_hex(4)}", name="people", region="eu-west-1"
    )


@pytest.fixture
def make_function(db: None) -> Callable[..., Function]:
    """Make function records."""

    def make(
        runner: str,
        target: str = "",
        *pools: UserPool,
        arn: str = "",
        secret: str | None = None,
        environment: dict[str, str] | None = None,
        **columns: Any,
    ) -> Function:
        members = {
            "name": f"f-{secrets.token_hex(4)}",
            "runner": runner,
            "target": target,
            **columns,
        }
        return create(Settings(members, pools, secret, environment), arn=arn, actor=ACTOR)

    return make


@pytest.fixture
def processes(settings: Any) -> Any:
    """Let handler files run; all of them are gone afterwards."""
    settings.POOLHOUSE = {**settings.POOLHOUSE, "TRIGGER_PROCESSES": True}
    yield process.pool()
    process.pool().close()


@pytest.fixture
def handler(
    processes: Any, tmp_path: Path, make_function: Callable[..., Function]
) -> Callable[..., Function]:
    """Write a handler file and make the function that runs it."""

    def make(name: str, source: str, *pools: UserPool, **columns: Any) -> Function:
        folder = tmp_path / "code"
        folder.mkdir(exist_ok=True)
        file = folder / name
        file.write_text(source)
        return make_function("process", str(file), *pools, **columns)

    return make


@pytest.fixture
def use(people: UserPool) -> Callable[..., UserPool]:
    """Name a function in the pool's LambdaConfig."""

    def put(function: Function | str, *triggers: str, **config: Any) -> UserPool:
        arn = function if isinstance(function, str) else function.arn
        people.configuration = {
            "LambdaConfig": {**dict.fromkeys(triggers, arn), **config},
        }
        people.save()
        return people

    return put


@pytest.fixture
def invoke(people: UserPool) -> Callable[..., dict[str, Any]]:
    """Invoke the pool's function of a trigger source."""

    def run(source: str = "PreSignUp_SignUp", **members: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "pool": people,
            "client": None,
            "username": "jane",
            "request": {"userAttributes": {"email": "jane@example.com"}},
            "response": {"autoConfirmUser": False},
            **members,
        }
        return FunctionInvoker().invoke(source, **given)

    return run


class Loopback:
    """A server on the loopback address; `answer` serves each POST."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answer: Callable[[Received], tuple[int, dict[str, str], bytes]] = lambda _: (
            200,
            {},
            b"{}",
        )
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received(self.path, dict(self.headers), body)
                owner.requests.append(received)
                status, headers, answer = owner.answer(received)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def loopback(settings: Any) -> Iterator[Loopback]:
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOUND_PRIVATE": True}
    server = Loopback()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def wire(idp: Any, make_function: Callable[..., Function]) -> Iterator[Callable[..., None]]:
    """Name the recorder's function in a pool's LambdaConfig, by the API."""

    def put(pool: UserPool, *triggers: str, version: str = "", **members: Any) -> None:
        function = make_function("python", "tests.triggers.recorder.handle", pool)
        config: dict[str, Any] = dict.fromkeys(triggers, function.arn)
        for name in ("CustomEmailSender", "CustomSMSSender"):
            if name in config:
                config[name] = {"LambdaVersion": "V1_0", "LambdaArn": function.arn}
                config["KMSKeyID"] = f"arn:aws:kms:us-east-1:000000000000:key/{uuid.uuid4()}"
        if version:
            config["PreTokenGenerationConfig"] = {
                "LambdaVersion": version,
                "LambdaArn": function.arn,
            }
        idp.update_user_pool(UserPoolId=pool.id, LambdaConfig=config, **members)

    yield put
    recorder.events.clear()
    recorder.answers.clear()
