"""The stories of people who sign in by challenges of the customer's own."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import triggers
from tests.triggers import sum_challenge

from .conftest import PASSWORD, Story
from .programs import AwsCli
from .server import ROOT, Server, free_port
from .test_node_clients import identity

pytestmark = [pytest.mark.journey, pytest.mark.client]

EXAMPLES = Path(triggers.__file__).parent / "examples"
TRIGGERS = ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")
# The same sum, behind the password.
PASSWORD_FIRST = """
from sums import asked, decide, judge, make

def handler(event, context):
    source, session = event["triggerSource"], event["request"].get("session", [])
    if source.startswith("Create"):
        answer = make(event)
    elif source.startswith("Verify"):
        answer = judge(event)
    elif session[-1]["challengeName"] == "SRP_A":
        answer = {"challengeName": "PASSWORD_VERIFIER"}
    else:
        answer = decide(event)
    event["response"].update(answer)
    return event
"""


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of handler files."""
    folder = tmp_path_factory.mktemp("handlers")
    shutil.copy(sum_challenge.__file__, folder / "sums.py")
    (folder / "password_first.py").write_text(PASSWORD_FIRST)
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server that runs handler files."""
    server = Server(tmp_path_factory.mktemp("triggers"), POOLHOUSE_TRIGGER_PROCESSES="on")
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def custom(running: Server, handlers: Path) -> Callable[[str], Story]:
    """Return a maker of pools whose functions are all in one handler file."""
    idp = running.client()

    def make(file: str) -> Story:
        name = f"sums-{secrets.token_hex(4)}"
        pool_id = idp.create_user_pool(PoolName="custom")["UserPool"]["Id"]
        running.manage(
            "functions", "create", name, "--runner", "process", "--pool", pool_id,
            "--target", str(handlers / file),
        )  # fmt: skip
        arn = f"arn:aws:lambda:{idp.meta.region_name}:000000000000:function:{name}"
        idp.update_user_pool(UserPoolId=pool_id, LambdaConfig=dict.fromkeys(TRIGGERS, arn))
        client = idp.create_user_pool_client(
            UserPoolId=pool_id,
            ClientName="app",
            ExplicitAuthFlows=["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            PreventUserExistenceErrors="ENABLED",
        )["UserPoolClient"]
        return Story(running, idp, pool_id, client["ClientId"])

    return make


def test_identity_js_answers_two_rounds_without_a_password(custom: Callable[[str], Story]) -> None:
    story = custom("sums.py")
    username = story.user()
    asked, again, done, refreshed = identity(
        story,
        {"do": "customSignIn", "username": username},
        {"do": "answer", "answer": "four"},
        {"do": "answer", "answer": sum_challenge.ANSWER},
        {"do": "refresh"},
    )
    for outcome in (asked, again):
        assert outcome["ok"]["challenge"] == "CUSTOM_CHALLENGE"
        assert outcome["ok"]["parameters"] == {"question": "2+3", "USERNAME": username}
    assert done["ok"]["tokens"]["accessToken"]
    assert refreshed["ok"]["accessToken"]


def test_identity_js_answers_two_rounds_after_the_password(custom: Callable[[str], Story]) -> None:
    story = custom("password_first.py")
    signing_in = {"do": "signIn", "username": story.user(), "flow": "CUSTOM_AUTH"}
    wrong, asked, again, done = identity(
        story,
        {**signing_in, "password": "Wrong-pass-1"},
        {**signing_in, "password": PASSWORD},
        {"do": "answer", "answer": "four"},
        {"do": "answer", "answer": sum_challenge.ANSWER},
    )
    assert wrong["error"] == {
        "code": "NotAuthorizedException",
        "message": "Incorrect username or password.",
    }
    assert asked["ok"]["challenge"] == "CUSTOM_CHALLENGE"
    assert again["ok"]["challenge"] == "CUSTOM_CHALLENGE"
    assert done["ok"]["tokens"]["accessToken"]


def test_identity_js_is_told_after_three_wrong_answers(custom: Callable[[str], Story]) -> None:
    wrong = {"do": "answer", "answer": "four"}
    *_, last, after = identity(
        custom("sums.py"),
        {"do": "customSignIn", "username": "nobody"},
        *[wrong] * sum_challenge.TRIES,
        {"do": "answer", "answer": sum_challenge.ANSWER},
    )
    assert last["error"]["message"] == "Incorrect username or password."
    assert after["error"]["code"] == "NotAuthorizedException"


def shell_blocks(heading: str) -> list[str]:
    """Return what the examples' README tells a shell below a heading."""
    _, _, below = (EXAMPLES / "README.md").read_text().partition(f"## {heading}\n")
    return re.findall(r"```sh\n(.*?)```", below.partition("\n## ")[0], re.DOTALL)


def wait_for(found: Callable[[], "re.Match[str] | None"], process: "subprocess.Popen[str]") -> str:
    """Return what is found, once it is; the process must still run."""
    end = time.monotonic() + 120
    while (match := found()) is None:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    return match[1]


def test_the_example_s_steps_sign_a_person_in_by_text_message(
    running: Server, tmp_path: Path
) -> None:
    gateway, prepare, sign_in = shell_blocks("A code by text message")
    port = str(free_port())
    # The programs that the steps name, and where this server's folder and the gateway are.
    programs = (Path(sys.executable).parent, Path(AwsCli(running, tmp_path).path).parent)
    environment = {
        **running.environment,
        "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
    }

    def shell(block: str, output: Path) -> "subprocess.Popen[str]":
        script = block.replace("8101", port).replace("var/", f"{running.data_dir}/")
        with output.open("w") as file:
            return subprocess.Popen(
                ["bash", "-euc", script], cwd=ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    texts, said = tmp_path / "texts", tmp_path / "said"
    printing = shell("exec env " + gateway, texts)
    person = shell(prepare + sign_in, said)
    try:
        sent = re.compile(r"^To \+15550001234: Your code is (\d{6})$", re.MULTILINE)
        code = wait_for(lambda: sent.search(texts.read_text()), person)
        person.communicate(f"{code}\n", timeout=60)
    finally:
        for process in (printing, person):
            process.kill()
            process.communicate()
    assert person.returncode == 0, said.read_text()
    assert '"AccessToken"' in said.read_text()
    assert code not in running.manage("functions", "logs", "sms-create")
