"""Running commands in this process."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command


@pytest.fixture
def run(db: None) -> Callable[..., str]:
    """Run a command and return what it printed."""

    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command(*arguments, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return run


@pytest.fixture
def ask(run: Callable[..., str]) -> Callable[..., Any]:
    """Run a command with --json and return the document."""
    return lambda *arguments: json.loads(run(*arguments, "--json"))
