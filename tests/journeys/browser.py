"""A Chromium without a window, steered over chromedriver's WebDriver endpoints.

Source: W3C WebDriver; Web Authentication Level 3, "User Agent Automation".
"""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from .server import clean_environment, free_port

START_TIMEOUT = 60
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# An authenticator of the device itself, whose user always lets it see their face.
PLATFORM_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


class Browser:
    """One window. Scripts may await, and what they return comes back as JSON."""

    def __init__(self, driver_url: str, profile: Path) -> None:
        self.url = driver_url
        self.session = ""
        options = {
            "binary": shutil.which("chromium"),
            "args": [*FLAGS, f"--user-data-dir={profile}"],
        }
        made = self._post(
            "session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        )
        self.session = f"session/{made['sessionId']}/"

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._send("POST", path, json=body)

    def _send(self, method: str, path: str, **more: Any) -> Any:
        answer = requests.request(
            method, f"{self.url}/{self.session}{path}".rstrip("/"), timeout=90, **more
        )
        value = answer.json()["value"]
        assert answer.ok, value
        return value

    def close(self) -> None:
        """Close the window, and with it the browser."""
        self._send("DELETE", "")

    def open(self, url: str) -> None:
        """Go to an address and wait until its page is loaded."""
        self._post("url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of an async function with `arguments`; a rejection fails the test."""
        return self._post(
            "execute/sync",
            {"script": f"return (async () => {{ {script} }})()", "args": list(arguments)},
        )

    def add_authenticator(self, **traits: Any) -> str:
        """Plug an authenticator in; return its id."""
        return str(self._post("webauthn/authenticator", {**PLATFORM_AUTHENTICATOR, **traits}))

    def remove_authenticator(self, authenticator: str) -> None:
        """Unplug an authenticator; its passkeys are lost."""
        self._send("DELETE", f"webauthn/authenticator/{authenticator}")

    def set_verified(self, authenticator: str, *, is_verified: bool) -> None:
        """Have the user show their face to the authenticator from now on, or refuse to."""
        self._post(f"webauthn/authenticator/{authenticator}/uv", {"isUserVerified": is_verified})


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start chromedriver and a browser with a new profile; both end with the block."""
    driver = shutil.which("chromedriver")
    if driver is None or shutil.which("chromium") is None:
        pytest.skip("needs chromium and chromedriver")
    port = free_port()
    with (folder / "chromedriver.log").open("wb") as log:
        process = subprocess.Popen(
            [driver, f"--port={port}"],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/status", process)
        browser = Browser(url, folder / "profile")
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_TIMEOUT
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(url, timeout=5).json()["value"]["ready"]:
                return
        assert process.poll() is None, "chromedriver ended"
        assert time.monotonic() < end, "chromedriver does not answer"
        time.sleep(0.05)
