"""The first command that a newcomer types, in processes of its own."""

import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from .server import ROOT, clean_environment, free_port

NAMES = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
    "AWS_ENDPOINT_URL_STS",
    "PUBLIC_URL",
    "ADMIN_URL",
    "ADMIN_USER",
    "ADMIN_PASSWORD",
    "DEMO_POOL_ID",
    "DEMO_CLIENT_ID",
    "DEMO_USERNAME",
    "DEMO_PASSWORD",
]
READY = "Poolhouse is ready at"
START_SECONDS = 90

pytestmark = pytest.mark.journey


class Quickstart:
    """`manage.py quickstart` with options alone: nothing in its environment leads the way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a data folder"
        self.port = free_port()
        self.log = folder / "log"
        self.process = None

    def command(self, *options: str) -> list[str]:
        manage = str(ROOT / "manage.py")
        where = ["--data-dir", str(self.folder), "--port", str(self.port)]
        return [sys.executable, manage, "quickstart", *where, *options]

    def start(self, *options: str) -> "Quickstart":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command(*options), cwd=self.log.parent, env=clean_environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while READY not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)
        return self

    def end(self, number: signal.Signals) -> int:
        """Signal the one process that was started, not its group."""
        self.process.send_signal(number)
        code = self.process.wait(35)
        self.process = None
        return code

    def refused(self, *options: str) -> str:
        done = subprocess.run(
            self.command(*options), env=clean_environment(), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        return done.stderr

    @property
    def file(self) -> Path:
        return self.folder / "quickstart.env"

    def sourced(self) -> dict[str, str]:
        """The values as a shell takes them."""
        script = f"set -a; . {shlex.quote(str(self.file))}; env -0"
        shell = subprocess.run(
            ["sh", "-c", script], env={}, capture_output=True, text=True, check=True
        )
        pairs = dict(pair.split("=", 1) for pair in shell.stdout.split("\0") if "=" in pair)
        return {name: value for name, value in pairs.items() if name in NAMES}

    def idp(self):
        values = self.sourced()
        return boto3.client(
            "cognito-idp",
            endpoint_url=values["AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"],
            region_name=values["AWS_REGION"],
            aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def sign_in(self) -> dict[str, str]:
        values = self.sourced()
        return self.idp().initiate_auth(
            ClientId=values["DEMO_CLIENT_ID"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={
                "USERNAME": values["DEMO_USERNAME"],
                "PASSWORD": values["DEMO_PASSWORD"],
            },
        )["AuthenticationResult"]


@pytest.fixture
def quickstart(tmp_path) -> Iterator[Quickstart]:
    one = Quickstart(tmp_path)
    yield one
    if one.process is not None:
        one.end(signal.SIGKILL)


def test_a_first_start_makes_a_user_who_can_sign_in(quickstart):
    quickstart.start()

    values = quickstart.sourced()
    assert sorted(values) == sorted(NAMES)
    assert all(values.values())
    url = f"http://127.0.0.1:{quickstart.port}"
    assert {value for name, value in values.items() if "URL" in name} == {url, f"{url}/admin/"}
    assert {"AccessToken", "IdToken", "RefreshToken"} <= quickstart.sign_in().keys()
    users = quickstart.idp().list_users(UserPoolId=values["DEMO_POOL_ID"])["Users"]
    assert [user["UserStatus"] for user in users] == ["CONFIRMED"]


def test_what_a_first_start_writes_is_its_owners_alone(quickstart):
    quickstart.start()

    assert stat.S_IMODE(quickstart.file.stat().st_mode) == 0o600
    for path in quickstart.folder.iterdir():
        if path.is_file():
            assert not path.stat().st_mode & 0o077, path.name
    text = quickstart.file.read_text()
    assert len(text.splitlines()) == len(NAMES)
    assert "export" not in text


def test_a_second_start_keeps_data_and_values(quickstart):
    quickstart.start()
    values = quickstart.sourced()
    quickstart.idp().create_group(UserPoolId=values["DEMO_POOL_ID"], GroupName="kept")
    assert quickstart.end(signal.SIGTERM) == 0

    quickstart.start()

    assert quickstart.sourced() == values
    groups = quickstart.idp().list_groups(UserPoolId=values["DEMO_POOL_ID"])["Groups"]
    assert [group["GroupName"] for group in groups] == ["kept"]
    assert quickstart.sign_in()


def test_a_killed_server_starts_again_at_once_with_its_data(quickstart):
    quickstart.start()
    pool_id = quickstart.sourced()["DEMO_POOL_ID"]
    quickstart.idp().create_group(UserPoolId=pool_id, GroupName="acknowledged")
    quickstart.end(signal.SIGKILL)

    quickstart.start()

    groups = quickstart.idp().list_groups(UserPoolId=pool_id)["Groups"]
    assert [group["GroupName"] for group in groups] == ["acknowledged"]
    assert quickstart.sign_in()


def test_a_deleted_access_key_is_replaced_and_the_rest_kept(quickstart):
    quickstart.start()
    before = quickstart.sourced()
    quickstart.end(signal.SIGINT)
    environment = clean_environment() | {"POOLHOUSE_DATA_DIR": str(quickstart.folder)}
    subprocess.run(
        [sys.executable, "manage.py", "accesskey", "delete", before["AWS_ACCESS_KEY_ID"]],
        cwd=ROOT, env=environment, check=True, capture_output=True,
    )  # fmt: skip

    quickstart.start()

    after = quickstart.sourced()
    changed = {name for name in NAMES if before[name] != after[name]}
    assert changed == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert quickstart.idp().list_user_pools(MaxResults=10)["UserPools"]


def test_another_port_changes_the_addresses_alone(quickstart):
    quickstart.start("--no-demo")
    before = quickstart.sourced()
    quickstart.end(signal.SIGTERM)
    quickstart.port = free_port()

    quickstart.start("--no-demo")

    after = quickstart.sourced()
    changed = {name for name in NAMES if before.get(name) != after.get(name)}
    assert changed == {name for name in NAMES if "URL" in name}
    assert after["PUBLIC_URL"] == f"http://127.0.0.1:{quickstart.port}"
    assert quickstart.idp().list_user_pools(MaxResults=10)["UserPools"] == []


def test_it_refuses_what_cannot_work_before_writing(quickstart):
    assert "REDIS_URL" in quickstart.refused("--workers", "2")
    with socket.socket() as other:
        other.bind(("127.0.0.1", quickstart.port))
        other.listen()
        assert "taken" in quickstart.refused()
    assert not quickstart.file.exists()
    assert not (quickstart.folder / "db.sqlite3").exists()


def test_it_makes_no_new_master_key_beside_old_data(quickstart):
    quickstart.start("--no-demo")
    quickstart.end(signal.SIGTERM)
    (quickstart.folder / "master.key").unlink()

    assert "master key" in quickstart.refused()
    assert not os.path.exists(quickstart.folder / "master.key")
