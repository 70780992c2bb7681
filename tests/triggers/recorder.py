"""A customer's function that notes its events and answers what a test asks for."""

import copy
from typing import Any

events: list[dict[str, Any]] = []
# Members of the response, what makes them of the event, an error to raise, or the whole answer, by
# trigger source.
answers: dict[str, Any] = {}


class Whole:
    """An answer in place of the event."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


def handle(event: dict[str, Any], _context: Any) -> Any:
    events.append(copy.deepcopy(event))
    answer = answers.get(event["triggerSource"], {})
    if callable(answer):
        answer = answer(event)
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, Whole):
        return answer.answer
    event["response"].update(answer)
    return event


def sources() -> list[str]:
    """Return what ran, in order."""
    return [event["triggerSource"] for event in events]
