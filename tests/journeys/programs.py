"""Client programs that are not Python: the Node clients of tests/clients, and the AWS CLI."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .server import REGION, ROOT, Server, clean_environment

CLIENTS = ROOT / "tests" / "clients"


def run_node(script: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a script of tests/clients with JSON on its standard input; return what it printed."""
    node = shutil.which("node")
    if node is None or not (CLIENTS / "node_modules").is_dir():
        pytest.skip("needs Node.js and `npm ci` in tests/clients")
    done = subprocess.run(
        [node, script],
        cwd=CLIENTS,
        env=clean_environment(),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


class AwsCli:
    """The AWS CLI, pointed at a server by its own environment variables alone."""

    def __init__(self, server: Server, home: Path) -> None:
        path = os.environ.get("POOLHOUSE_AWS_CLI") or shutil.which("aws")
        if path is None or not self._runs(path):
            pytest.skip("needs the AWS CLI (POOLHOUSE_AWS_CLI, or `aws` on the PATH)")
        self.path = path
        settings = server.settings
        wanted = (
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
            "AWS_ENDPOINT_URL_STS",
        )
        self.environment = {
            **clean_environment(),
            **{name: settings[name] for name in wanted},
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1",
            "HOME": str(home),
        }

    @staticmethod
    def _runs(path: str) -> bool:
        asked = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60)
        return asked.returncode == 0

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command, whatever becomes of it."""
        return subprocess.run(
            [self.path, *arguments, "--output", "json"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def __call__(self, *arguments: str) -> dict[str, Any]:
        """Run one command that must succeed and return its answer."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else {}
