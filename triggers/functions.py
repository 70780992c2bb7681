"""Making, changing and deleting function records: what console and commands share."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from triggers import events
from triggers.events import NO_CLIENT, UNKNOWN_SDK, Event
from triggers.models import (
    Function,
    Invocation,
    Outcome,
    function_arn,
    functions,
    new_version,
)
from triggers.runners.base import RunnerError
from triggers.running import Run
from userpools.audit import Actor, record_act
from userpools.conf import settings
from userpools.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from userpools.models import UserPool
from userpools.models.stamps import stamps

MOST_FUNCTIONS = 10_000
# Without a version or an alias. Source: API reference, LambdaConfigType.
ARN = re.compile(r"arn:[\w+=/,.@-]+:lambda:[\w-]*:[0-9]{12}:function:[\w-]+", re.ASCII)
# Source: Lambda quotas, "Environment variables", 4 KB in all.
LARGEST_ENVIRONMENT = 4096


@dataclass(frozen=True, slots=True)
class Settings:
    """What a function record is made of; None for a secret part keeps what is there."""

    columns: Mapping[str, Any]
    pools: Iterable[UserPool]
    secret: str | None = None
    environment: Mapping[str, str] | None = None


def find(name: str) -> Function:
    """Return the function of that name or ARN; raise ResourceNotFoundException."""
    column = "arn" if name.startswith("arn:") else "name"
    found = list(Function.objects.filter(**{column: name})[:2])
    if len(found) != 1:
        raise ResourceNotFoundException(
            f"Several functions are named {name}: give the ARN."
            if found
            else f"Function not found: {name}"
        )
    return found[0]


def create(given: Settings, *, arn: str = "", actor: Actor) -> Function:
    """Create a function; its ARN is made of its name unless one is given.

    Raises InvalidParameterException.
    """
    function = Function(**given.columns, **stamps())
    function.arn = arn or function_arn(function.name)
    _put(function, given)
    _check(function)
    try:
        _insert(function, given, actor)
    except IntegrityError as exc:
        raise InvalidParameterException("Function with this ARN already exists.") from exc
    return function


def _insert(function: Function, given: Settings, actor: Actor) -> None:
    with transaction.atomic():
        if Function.objects.count() >= MOST_FUNCTIONS:
            raise LimitExceededException(f"A server can have at most {MOST_FUNCTIONS} functions.")
        function.save(force_insert=True)
        function.pools.set(given.pools)
        functions.forget(function.arn)
        record_act(actor, "CreateFunction", resource=function.arn, after=document_of(function))


def update(function: Function, given: Settings, *, actor: Actor) -> Function:
    """Change a function; every process uses the new settings within a second."""
    with transaction.atomic():
        row = Function.objects.select_for_update().get(pk=function.pk)
        before = document_of(row)
        for column, value in given.columns.items():
            setattr(row, column, value)
        _put(row, given)
        _check(row)
        row.version, row.modified_at = new_version(), timezone.now()
        row.save()
        row.pools.set(given.pools)
        functions.forget(row.arn)
        record_act(actor, "UpdateFunction", resource=row.arn, before=before, after=document_of(row))
    return row


def delete(function: Function, *, actor: Actor) -> None:
    """Delete a function; pools that name it fail from then on."""
    with transaction.atomic():
        record_act(actor, "DeleteFunction", resource=function.arn, before=document_of(function))
        functions.forget(function.arn)
        function.delete()


def document_of(function: Function) -> dict[str, Any]:
    """Describe a function without its secrets: names of variables, no values."""
    return {
        "Arn": function.arn,
        "Name": function.name,
        "Runner": function.runner,
        "Target": function.target,
        "Handler": function.handler,
        "Timeout": function.timeout,
        "MemoryMb": function.memory_mb,
        "Network": function.may_use_network,
        "Enabled": function.enabled,
        "Async": function.is_async,
        "HasSecret": function.secret_sealed is not None,
        "Environment": sorted(function.environment),
        "Pools": sorted(function.pools.values_list("pk", flat=True)),
    }


def _put(function: Function, given: Settings) -> None:
    if given.secret:
        function.put_secret(given.secret)
    if given.environment is not None:
        variables = dict(given.environment)
        if sum(len(name) + len(value) for name, value in variables.items()) > LARGEST_ENVIRONMENT:
            raise InvalidParameterException(
                f"The environment is larger than {LARGEST_ENVIRONMENT} characters."
            )
        if any("\x00" in name + value or "=" in name for name, value in variables.items()):
            raise InvalidParameterException("A variable has a character that none may have.")
        function.put_environment(variables)


def _check(function: Function) -> None:
    """Refuse what the columns or the runner cannot take."""
    runner = settings.TRIGGER_RUNNERS.get(function.runner)
    if runner is None:
        kinds = ", ".join(sorted(settings.TRIGGER_RUNNERS))
        raise InvalidParameterException(f"The runner must be one of: {kinds}.")
    if not ARN.fullmatch(function.arn):
        raise InvalidParameterException(
            "The ARN must be arn:aws:lambda:REGION:ACCOUNT:function:NAME."
        )
    try:
        function.full_clean(exclude=["secret_sealed", "environment_sealed"])
    except ValidationError as exc:
        raise InvalidParameterException(
            "; ".join(f"{name}: {' '.join(texts)}" for name, texts in exc.message_dict.items())
        ) from exc
    if problem := runner().check(function):
        raise InvalidParameterException(problem)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test event: the answer as it is, or the error."""

    outcome: Outcome
    answer: object
    error: str
    log: str
    duration_ms: float


def try_out(function: Function, event: Event) -> Trial:
    """Run a function once with any event, for people who test it; nothing is written down.

    The event need not be of a pool that may use the function.
    """
    run = Run(function.arn, event, function)
    try:
        answer = run.attempt(function, timeout=function.timeout)
    except RunnerError as exc:
        return Trial(run.outcome, None, str(exc), exc.log, run.duration_ms)
    return Trial(run.outcome, answer.value, "", answer.log, run.duration_ms)


def sample_event(pool: UserPool | None = None) -> Event:
    """Return an event to begin a test with."""
    region = pool.region if pool else settings.DEFAULT_REGION
    return {
        "version": "1",
        "region": region,
        "userPoolId": pool.pk if pool else f"{region}_EXAMPLE",
        "userName": "jane",
        "callerContext": {"awsSdkVersion": UNKNOWN_SDK, "clientId": NO_CLIENT},
        "triggerSource": "PreSignUp_SignUp",
        "request": {
            "userAttributes": {"email": "jane@example.com"},
            "validationData": None,
            "clientMetadata": None,
        },
        "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    }


def event_of(run: Invocation) -> Event:
    """Put the event of a run together again, from its record and the pool's present settings."""
    pool = UserPool.objects.filter(pk=run.pool_id).first()
    trigger = events.SOURCES[run.trigger_source]
    named = events.configured(pool, trigger) if pool else None
    version = named.version if named else "1"
    is_token = trigger == "PreTokenGeneration"
    return {
        "version": version,
        "region": run.pool_id.partition("_")[0],
        "userPoolId": run.pool_id,
        "userName": run.username,
        "callerContext": {"awsSdkVersion": UNKNOWN_SDK, "clientId": run.client_id or NO_CLIENT},
        "triggerSource": run.trigger_source,
        "request": run.request,
        "response": {events.TOKEN_MEMBER[version]: None} if is_token else {},
    }
