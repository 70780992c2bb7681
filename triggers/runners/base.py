"""What all runners share: the protocol, its errors, and a limit on work that knows none."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from django.db import connections

from triggers.events import Event
from triggers.models import Function

T = TypeVar("T")

# Of an answer. Source: Lambda's own limit is 6 MB; no documented response needs a tenth of this.
LARGEST_ANSWER: Final = 1024 * 1024
LONGEST_LOG: Final = 16 * 1024


@dataclass(slots=True)
class Answer:
    """What a function returned, whatever JSON that is, and what it wrote to its log."""

    value: object
    log: str = ""


class RunnerError(Exception):
    """A run that brought no answer; `log` is what the function wrote nevertheless."""

    def __init__(self, text: str, *, log: str = "") -> None:
        super().__init__(text)
        self.log = log


class FunctionError(RunnerError):
    """The function itself failed; the text is its own and reaches the caller."""


class TimedOut(RunnerError):
    """The function did not answer in time; trying again may help."""


class UnreadableAnswer(RunnerError):
    """What came back is no JSON document."""


class RunnerUnavailable(RunnerError):
    """The function could not be run. `reason` names the error as AWS Lambda's API does.

    The text says more, to operators alone.
    """

    def __init__(self, reason: str, text: str = "", *, log: str = "") -> None:
        super().__init__(text or reason, log=log)
        self.reason = reason


class Runner(Protocol):
    """Runs functions of one kind; the TRIGGER_RUNNERS setting names the classes."""

    def run(self, function: Function, event: Event, *, timeout: float) -> Answer:
        """Run the function within `timeout` seconds of wall clock; raise a RunnerError."""

    def check(self, function: Function) -> str:
        """Say what is wrong with a function's settings; empty when nothing is."""


def too_large(size: int) -> FunctionError:
    """Make the error for an answer beyond LARGEST_ANSWER, in Lambda's words."""
    return FunctionError(
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size"
        f" ({LARGEST_ANSWER} bytes)."
    )


def message_of(document: object) -> str:
    """Return the message of an error document, `{"errorMessage": ..., "errorType": ...}`."""
    if not isinstance(document, dict):
        return "null"
    message = document.get("errorMessage")
    return "null" if message is None else str(message)


@dataclass(slots=True)
class _Work:
    call: Callable[[], Any]
    outcome: "Future[Any]" = field(default_factory=Future)

    def run(self) -> None:
        try:
            self.outcome.set_result(self.call())
        except BaseException as exc:  # raised again where the outcome is awaited
            self.outcome.set_exception(exc)
        finally:
            connections.close_all()


def within(timeout: float, call: Callable[[], T]) -> T:
    """Wait for a call in a thread of its own; raise TimedOut when it takes too long.

    The thread cannot be ended: it goes on until the call returns, and its result is dropped.
    """
    work = _Work(call)
    threading.Thread(target=work.run, name="function", daemon=True).start()
    try:
        result: T = work.outcome.result(timeout)
    except TimeoutError:
        if work.outcome.done():
            raise
        raise TimedOut(f"No answer in {timeout:g} s.") from None
    return result
