"""One run of a function: finding it, running it, and the record of what became of it."""

import copy
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from django.utils import timezone

from triggers import redaction
from triggers.events import NO_CLIENT, Event
from triggers.models import Function, Invocation, Outcome, functions
from triggers.runners import lambda_api
from triggers.runners.base import (
    Answer,
    FunctionError,
    RunnerError,
    RunnerUnavailable,
    TimedOut,
    UnreadableAnswer,
)
from userpools.conf import settings
from userpools.models.statements import Insert
from userpools.sealing import Broken

log = structlog.get_logger("poolhouse.triggers")

LONGEST_ERROR: Final = 1024
_DENIED: Final = "AccessDeniedException"
_UNAVAILABLE: Final = "ServiceException"
# `arn:aws:lambda:<region>:<account>:function:<name>`, before a version or an alias.
_ARN_PARTS: Final = 7
_OUTCOMES: Final = {
    FunctionError: Outcome.FAILED,
    TimedOut: Outcome.TIMED_OUT,
    UnreadableAnswer: Outcome.UNUSABLE,
    RunnerUnavailable: Outcome.UNAVAILABLE,
}

insert_invocation = Insert(Invocation)


def find(arn: str, pool_id: str) -> Function:
    """Return a function that the pool may use; raise RunnerUnavailable for any other.

    An ARN without a record is AWS Lambda's, where the server may call that.
    """
    unqualified = ":".join(arn.split(":")[:_ARN_PARTS])
    names = dict.fromkeys((arn, unqualified))
    function = next(filter(None, map(functions.get, names)), None)
    if function is None:
        if lambda_api.may_run(arn):
            return Function(arn=arn, name=arn.split(":")[_ARN_PARTS - 1], runner="lambda")
        raise RunnerUnavailable(_DENIED, "No function of this server has the ARN.")
    if not function.enabled:
        raise RunnerUnavailable(_DENIED, "The function is disabled.")
    if pool_id not in function.pool_ids:
        raise RunnerUnavailable(_DENIED, "The pool may not use the function.")
    if function.arn != arn:
        # Of the version or alias that the pool names; the record itself is shared by all.
        function = copy.copy(function)
        function.arn = arn
    return function


@dataclass(slots=True)
class Run:
    """A run under way, and then what became of it."""

    arn: str
    event: Event
    function: Function | None = None
    started_at: datetime = field(default_factory=timezone.now)
    outcome: Outcome = Outcome.SUCCEEDED
    error: str = ""
    log: str = ""
    tries: int = 0
    response: dict[str, Any] | None = None
    # What the record must not say although the event does not either, such as a code in clear.
    secrets: tuple[str, ...] = ()
    _clock: float = field(default_factory=time.perf_counter)

    def perform(self, *, timeout: float, tries: int = 1) -> Answer:
        """Find and run the function, again after a time-out.

        Raises the RunnerError of the last try.
        """
        try:
            self.function = find(self.arn, self.event["userPoolId"])
        except RunnerUnavailable as exc:
            self.fail(Outcome.UNAVAILABLE, str(exc))
            raise
        return self.attempt(self.function, timeout=timeout, tries=tries)

    def attempt(self, function: Function, *, timeout: float, tries: int = 1) -> Answer:
        """Run a function that is known; otherwise as `perform`."""
        try:
            return self._tried(function, min(timeout, function.timeout), tries)
        except RunnerError as exc:
            self.fail(_OUTCOMES[type(exc)], str(exc))
            self.log = exc.log
            raise

    @property
    def duration_ms(self) -> float:
        """Milliseconds since the run began."""
        return round((time.perf_counter() - self._clock) * 1000, 2)

    def _tried(self, function: Function, timeout: float, tries: int) -> Answer:
        runner = settings.TRIGGER_RUNNERS.get(function.runner)
        if runner is None:
            raise RunnerUnavailable(_UNAVAILABLE, f"There is no runner {function.runner!r}.")
        while True:
            self.tries += 1
            try:
                answer: Answer = runner().run(function, self.event, timeout=timeout)
            except TimedOut:
                if self.tries >= tries:
                    raise
            except Broken as exc:
                raise RunnerUnavailable(
                    _UNAVAILABLE, f"The function's secrets do not open: {exc}."
                ) from exc
            else:
                self.log = answer.log
                return answer

    def fail(self, outcome: Outcome, error: str) -> None:
        """Note what went wrong."""
        self.outcome, self.error = outcome, error

    def record(self) -> Invocation:
        """Write the run down, without secrets."""
        event, caller = self.event, self.event["callerContext"]
        hidden = (
            *self.secrets,
            *redaction.secrets_of(event["request"]),
            *redaction.secrets_of(self.response),
        )
        row = Invocation(
            # A function without a record has no row to point at.
            function_id=None if self.function is None else self._function_id(self.function),
            arn=self.arn,
            pool_id=event["userPoolId"],
            client_id="" if caller["clientId"] == NO_CLIENT else caller["clientId"],
            username=event["userName"][:128].replace("\x00", ""),
            trigger_source=event["triggerSource"],
            started_at=self.started_at,
            duration_ms=self.duration_ms,
            tries=self.tries,
            outcome=self.outcome,
            error=redaction.without(self.error, hidden)[:LONGEST_ERROR],
            log=redaction.without(self.log, hidden),
            request=redaction.redacted(event["request"]),
            response=redaction.redacted(self.response),
        )
        insert_invocation.run(row)
        log.info(
            "function run",
            arn=row.arn,
            pool_id=row.pool_id,
            source=row.trigger_source,
            outcome=str(row.outcome),
            milliseconds=row.duration_ms,
            tries=row.tries,
        )
        return row

    @staticmethod
    def _function_id(function: Function) -> uuid.UUID | None:
        return None if function._state.adding else function.pk
