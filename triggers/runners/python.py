"""Functions inside the deployment: a dotted path to a callable, which is trusted as the server is.

A call that takes too long is abandoned, not ended: the interpreter has no way to.
"""

from typing import Final

import orjson
from django.utils.module_loading import import_string

from triggers.events import Event
from triggers.models import Function
from triggers.runners.base import (
    LARGEST_ANSWER,
    Answer,
    FunctionError,
    RunnerUnavailable,
    UnreadableAnswer,
    too_large,
    within,
)

_MISSING: Final = "ResourceNotFoundException"


class PythonRunner:
    """Calls `target` with the event and a context that knows the function."""

    def run(self, function: Function, event: Event, *, timeout: float) -> Answer:
        """Call with a copy of the event; what comes back passes through JSON too."""
        try:
            handler = import_string(function.target)
        except ImportError as exc:
            raise RunnerUnavailable(_MISSING, str(exc)) from exc
        context = Context(function)

        def call() -> bytes:
            try:
                answer = handler(orjson.loads(orjson.dumps(event)), context)
            except (Exception, SystemExit) as exc:
                raise FunctionError(str(exc)) from exc
            return _document(answer)

        document = within(timeout, call)
        if len(document) > LARGEST_ANSWER:
            raise too_large(len(document))
        return Answer(orjson.loads(document))

    def check(self, function: Function) -> str:
        """Import the callable."""
        try:
            found = import_string(function.target)
        except ImportError as exc:
            return f"The dotted path leads nowhere: {exc}"
        return "" if callable(found) else "The dotted path leads to something that is no function."


class Context:
    """What a handler learns besides the event; the names are AWS Lambda's."""

    def __init__(self, function: Function) -> None:
        self.function_name = function.name
        self.invoked_function_arn = function.arn
        self.memory_limit_in_mb = function.memory_mb


def _document(answer: object) -> bytes:
    try:
        return orjson.dumps(answer)
    except TypeError as exc:
        raise UnreadableAnswer(f"What the function returned is not JSON: {exc}") from exc
