"""CUSTOM_AUTH: three functions of the customer's decide, challenge, and judge the answers.

DefineAuthChallenge is asked what comes next whenever no step of the product's own is open. What
they know of the sign-in is in a row; a Session names the row of its one step, and going on from it
deletes it, before any function runs. Source: developer guide, "Custom authentication challenge
Lambda triggers".
"""

import uuid
from dataclasses import asdict
from typing import Any, Final

import orjson
from django.utils import timezone

from userpools import lambda_triggers, sealing
from userpools.auth.attempt import Attempt, CustomAuth
from userpools.auth.checks import WRONG, check_state, fail
from userpools.auth.sealed import INVALID, REMEMBERED, USED
from userpools.auth.software_tokens import use_up_step
from userpools.errors import (
    InvalidLambdaResponseException,
    InvalidParameterException,
    NotAuthorizedException,
)
from userpools.lambda_triggers import Origin, Response
from userpools.models import CustomAuthStep, UserPool, UserStatus
from userpools.models.custom_auth import insert_step, step_by_id
from userpools.sealing import Purpose

FLOW: Final = "CUSTOM_AUTH"
CHALLENGE: Final = "CUSTOM_CHALLENGE"
# The step that a sign-in begins with where the password comes first, as functions see it.
SRP_FIRST: Final = "SRP_A"
DEFINE: Final = "DefineAuthChallenge"
CREATE: Final = "CreateAuthChallenge"
VERIFY: Final = "VerifyAuthChallengeResponse"
# Steps of the product's own that the functions are told of. Source: developer guide, the request
# parameter `session`.
TOLD: Final = frozenset(
    {
        "PASSWORD_VERIFIER", "ADMIN_NO_SRP_AUTH", "SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA",
        "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER",
    }
)  # fmt: skip

NOT_CONFIGURED: Final = "Custom auth lambda trigger is not configured for the user pool."
# Inferred: the service documents that these fail, and not how it says so.
TEMPORARY: Final = "A temporary password must be changed before other ways to sign in."
UNDECIDED: Final = "DefineAuthChallenge named no challenge, and neither issued tokens nor failed."
IMPOSSIBLE: Final = "DefineAuthChallenge named {}, which cannot be asked here."
TOO_LONG: Final = "CreateAuthChallenge answered more than a sign-in can keep."
# Of the history and private parameters of one sign-in: beyond any use, within any database.
MOST_KEPT: Final = 256 * 1024
# Source: the service model, StringType, of which ChallengeParameters consist.
LONGEST_PARAMETER: Final = 131_072


def require_configured(pool: UserPool, *triggers: str) -> None:
    """Raise InvalidParameterException for a function that the pool does not name."""
    if not all(lambda_triggers.configured(pool, trigger) for trigger in triggers):
        raise InvalidParameterException(NOT_CONFIGURED)


def begin(attempt: Attempt) -> None:
    """Begin the history: empty, or where SRP_A was sent, with that. Writes nothing yet."""
    public_value = attempt.inputs.get(SRP_FIRST, "")
    history = [_entry(SRP_FIRST, is_right=True)] if public_value else []
    attempt.custom = CustomAuth(history=history, public_value=public_value)
    attempt.custom_step = uuid.uuid4()


def is_undecided(attempt: Attempt) -> bool:
    """Say whether the customer's function has yet to say what comes next."""
    return attempt.custom is not None and not attempt.custom.is_over


def define(attempt: Attempt) -> None:
    """Ask what comes next; go on with `attempt.named`, or with tokens.

    Failure prevails over tokens, and tokens over a named challenge. Raises NotAuthorizedException
    where the function fails the sign-in or the user is none who may have tokens.
    """
    custom = _of(attempt)
    default = {"challengeName": None, "issueTokens": False, "failAuthentication": False}
    decision = _run(attempt, DEFINE, {"session": custom.history}, default)
    custom.named = ""
    if decision["failAuthentication"]:
        raise fail(attempt, NotAuthorizedException(WRONG))
    if decision["issueTokens"]:
        _admit(attempt)
        custom.is_over = True
    elif decision["challengeName"]:
        custom.named = decision["challengeName"]
    else:
        raise InvalidLambdaResponseException(UNDECIDED)


def require_named(attempt: Attempt, challenge_name: str) -> None:
    """Raise InvalidLambdaResponseException unless what is open is what the function named."""
    if attempt.named and attempt.named != challenge_name:
        raise InvalidLambdaResponseException(IMPOSSIBLE.format(attempt.named))


def _admit(attempt: Attempt) -> None:
    """Refuse tokens to nobody, and to users who may not sign in, whatever the function says."""
    user = attempt.user
    if user is None:
        raise fail(attempt, NotAuthorizedException(WRONG))
    check_state(attempt)
    if user.status == UserStatus.FORCE_CHANGE_PASSWORD:
        raise fail(attempt, NotAuthorizedException(TEMPORARY))


def create(attempt: Attempt) -> dict[str, str]:
    """Have a challenge made; keep its private parameters and return its public ones."""
    require_configured(attempt.pool, CREATE, VERIFY)
    custom = _of(attempt)
    default = {
        "publicChallengeParameters": None,
        "privateChallengeParameters": None,
        "challengeMetadata": None,
    }
    request = {"challengeName": CHALLENGE, "session": custom.history}
    made = _run(attempt, CREATE, request, default)
    custom.private = made["privateChallengeParameters"] or {}
    custom.metadata = made["challengeMetadata"]
    public: dict[str, str] = made["publicChallengeParameters"] or {}
    if any(len(text) > LONGEST_PARAMETER for pair in public.items() for text in pair):
        raise InvalidLambdaResponseException(TOO_LONG)
    return public


def verify(attempt: Attempt, answer: str) -> None:
    """Have an answer judged and note the judgement; whether it was right is no error here.

    The step is taken first, so that an answer is judged once, whatever becomes of it.
    """
    custom = take(attempt)
    request = {"privateChallengeParameters": custom.private, "challengeAnswer": answer}
    judged = _run(attempt, VERIFY, request, {"answerCorrect": None})
    is_right = bool(judged["answerCorrect"])
    custom.history.append(_entry(CHALLENGE, is_right=is_right, metadata=custom.metadata))
    custom.private, custom.metadata = {}, None


def note(attempt: Attempt, name: str) -> None:
    """Take the step of a custom sign-in that was passed, and tell the functions where they know it.

    A CUSTOM_CHALLENGE is taken and noted by `verify`.
    """
    if attempt.flow != FLOW or name == CHALLENGE:
        return
    custom = take(attempt)
    # Now, as more steps may follow and the end of the sign-in knows nothing of this one's code.
    use_up_step(attempt)
    if name in TOLD:
        custom.history.append(_entry(name, is_right=True))


def take(attempt: Attempt) -> CustomAuth:
    """Take what the functions know, and name the next step.

    NotAuthorizedException where somebody went on from this one before.
    """
    row = step_by_id.first(attempt.custom_step)
    if row is None or not CustomAuthStep.objects.filter(pk=row.pk).delete()[0]:
        raise NotAuthorizedException(USED)
    try:
        content = sealing.unseal(Purpose.PRIVATE_PARAMETERS, row.sealed, context=str(row.pk))
    except sealing.Broken as exc:
        raise NotAuthorizedException(INVALID) from exc
    attempt.custom = CustomAuth(**orjson.loads(content))
    attempt.custom_step = uuid.uuid4()
    # Not over a device's own, which has just been answered.
    attempt.inputs.setdefault(SRP_FIRST, attempt.custom.public_value)
    return attempt.custom


def keep(attempt: Attempt) -> None:
    """Write what the functions know, for the step that is issued; nothing in other flows."""
    if attempt.custom is None:
        return
    content = orjson.dumps({**asdict(attempt.custom), "named": ""})
    if len(content) > MOST_KEPT:
        raise InvalidLambdaResponseException(TOO_LONG)
    row = CustomAuthStep(id=attempt.custom_step)
    row.sealed = sealing.seal(Purpose.PRIVATE_PARAMETERS, content, context=str(row.pk))
    row.expires_at = timezone.now() + attempt.client.auth_session_lifetime + REMEMBERED
    insert_step.run(row)


def _of(attempt: Attempt) -> CustomAuth:
    assert attempt.custom is not None  # noqa: S101 - asked of custom sign-ins alone
    return attempt.custom


def _entry(name: str, *, is_right: bool, metadata: str | None = None) -> dict[str, Any]:
    return {"challengeName": name, "challengeResult": is_right, "challengeMetadata": metadata}


def _run(attempt: Attempt, trigger: str, request: Response, default: Response) -> Response:
    """Run a function with what each of them is told."""
    user = attempt.user
    origin = Origin(attempt.client, attempt.call.user_agent, attempt.client_metadata)
    return lambda_triggers.run(
        f"{trigger}_Authentication",
        pool=attempt.pool,
        origin=origin,
        username=attempt.name_shown,
        request={
            "userAttributes": lambda_triggers.user_attributes(user) if user else {},
            **request,
            "clientMetadata": origin.metadata,
            "userNotFound": user is None,
        },
        response=default,
    )
