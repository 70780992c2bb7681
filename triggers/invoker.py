"""The trigger port's implementation: what `userpools` calls when a pool's function is to run.

Messages of failures. Source: developer guide, "Lambda trigger considerations"; observed.
"""

from typing import Any, Final

from django.db import connection

from triggers import events, queue
from triggers.events import CLIENT_CREDENTIALS, SENDERS, Configured, Occasion
from triggers.models import SECONDS_PER_CALL, Outcome, functions
from triggers.responses import UnusableAnswer, usable_response
from triggers.runners.base import FunctionError, RunnerUnavailable, TimedOut, UnreadableAnswer
from triggers.running import Run
from userpools.errors import (
    InvalidLambdaResponseException,
    UnexpectedLambdaException,
    UserLambdaValidationException,
)
from userpools.models import AppClient, UserPool

# Source: developer guide: Cognito calls again when a function does not answer in 5 seconds, three
# times in all.
TRIES: Final = 3
# Triggers whose answer nothing depends on: their functions may run later, where they say so.
DEFERRABLE: Final = frozenset({"PostAuthentication", "PostConfirmation"})


class FunctionInvoker:
    """Runs the functions that pools name in LambdaConfig."""

    def configured(self, pool: UserPool, trigger: str) -> bool:
        """Say whether the pool names a function; it need not exist, and then it fails."""
        return events.configured(pool, trigger) is not None

    def invoke(
        self,
        source: str,
        *,
        pool: UserPool,
        client: AppClient | None,
        username: str,
        request: dict[str, Any],
        response: dict[str, Any],
        user_agent: str = "",
    ) -> dict[str, Any]:
        """Run the function and return its response; the default `response` without one.

        Token sources answer with `claimsOverrideDetails` where the pool's event is version 1, else
        with `claimsAndScopeOverrideDetails`. For senders `request` holds the code in clear.
        """
        occasion = Occasion(source, pool, client, username, request, response, user_agent)
        function = events.configured(pool, occasion.trigger)
        if function is None or not _applies(occasion, function):
            return response
        if _runs_later(occasion, function):
            queue.put(occasion, function)
            return response
        refuse_in_transaction()
        return _answered(occasion, function)


def _applies(occasion: Occasion, function: Configured) -> bool:
    """Say whether an event of the function's version exists for the source."""
    return occasion.source != CLIENT_CREDENTIALS or function.version == "3"


def _runs_later(occasion: Occasion, function: Configured) -> bool:
    if occasion.trigger in SENDERS:
        return True
    if occasion.trigger not in DEFERRABLE:
        return False
    record = functions.get(function.arn)
    return record is not None and record.is_async


def refuse_in_transaction() -> None:
    """Raise RuntimeError inside a transaction: a function may take 15 s, and locks would wait."""
    blocks: list[Any] = connection.atomic_blocks
    # Django's own test for durable blocks: a test case's transaction is none of the code's.
    if blocks and not blocks[-1]._from_testcase:
        raise RuntimeError("A function must not run inside a transaction.")


def _answered(occasion: Occasion, function: Configured) -> dict[str, Any]:
    run = Run(function.arn, events.build(occasion, function))
    default = events.default_response(occasion, function)
    trigger = occasion.trigger
    try:
        answer = run.perform(timeout=SECONDS_PER_CALL, tries=TRIES)
        run.response = usable_response(answer.value, occasion, default)
    except FunctionError as exc:
        raise UserLambdaValidationException(f"{trigger} failed with error {exc}.") from exc
    except TimedOut as exc:
        raise UnexpectedLambdaException(
            f"{trigger} invocation failed due to configuration."
        ) from exc
    except RunnerUnavailable as exc:
        raise UnexpectedLambdaException(
            f"{trigger} invocation failed due to error {exc.reason}."
        ) from exc
    except (UnreadableAnswer, UnusableAnswer) as exc:
        run.fail(Outcome.UNUSABLE, str(exc))
        raise InvalidLambdaResponseException from exc
    finally:
        run.record()
    return run.response
