"""The functions of a custom sign-in that asks for a sum; it stands alone, as handler files do."""

from typing import Any

TRIES = 3
ANSWER = "five-5"


def handler(event: dict[str, Any], _context: Any = None) -> dict[str, Any]:
    """Answer the event of each of the three sources."""
    answer = {
        "DefineAuthChallenge_Authentication": decide,
        "CreateAuthChallenge_Authentication": make,
        "VerifyAuthChallengeResponse_Authentication": judge,
    }[event["triggerSource"]]
    event["response"].update(answer(event))
    return event


def asked(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the custom challenges of an event's session."""
    session = event["request"]["session"]
    return [one for one in session if one["challengeName"] == "CUSTOM_CHALLENGE"]


def decide(event: dict[str, Any]) -> dict[str, Any]:
    """Ask until the answer is right, TRIES times."""
    rounds = asked(event)
    if rounds and rounds[-1]["challengeResult"]:
        return {"issueTokens": True}
    if len(rounds) == TRIES:
        return {"failAuthentication": True}
    return {"challengeName": "CUSTOM_CHALLENGE"}


def make(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "publicChallengeParameters": {"question": "2+3"},
        "privateChallengeParameters": {"answer": ANSWER},
        "challengeMetadata": f"SUM-{len(asked(event)) + 1}",
    }


def judge(event: dict[str, Any]) -> dict[str, Any]:
    request = event["request"]
    expected = request["privateChallengeParameters"]["answer"]
    return {"answerCorrect": request["challengeAnswer"] == expected}
