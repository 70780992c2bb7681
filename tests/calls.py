"""Calls that are refused, and calls that race."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.db import connection


def refused(idp: Any, error: str, call: Callable[..., Any], **members: Any) -> str:
    """Make a call that must fail with the error; return its message."""
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        call(**members)
    return str(caught.value.response["Error"]["Message"])


def in_parallel(count: int, call: Callable[[], Any]) -> list[str]:
    """Make the same call in so many threads; return "done" or the error's code of each."""
    outcomes = []

    def run() -> None:
        try:
            call()
            outcomes.append("done")
        except ClientError as exc:
            outcomes.append(exc.response["Error"]["Code"])
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
