"""Functions in AWS Lambda, or in a server that speaks its Invoke API.

Requests are signed with the server's own cloud credentials, and so is nothing that a pool's
operator merely names: see `may_run`.
"""

import base64
import binascii
import threading
from functools import lru_cache
from typing import Any, Final

import botocore.session
import orjson
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

from triggers.events import Event
from triggers.models import SECONDS_PER_CALL, Function
from triggers.runners.base import (
    LARGEST_ANSWER,
    LONGEST_LOG,
    Answer,
    FunctionError,
    RunnerUnavailable,
    TimedOut,
    UnreadableAnswer,
    message_of,
    too_large,
    within,
)
from userpools import aws_targets
from userpools.conf import settings

_UNAVAILABLE: Final = "ServiceException"
_making_clients = threading.Lock()


def may_run(arn: str) -> bool:
    """Say whether a function may be invoked that no record of this server describes.

    It may where the operator has named another endpoint than AWS, or listed the ARN.
    """
    return bool(settings.LAMBDA_ENDPOINT) or aws_targets.allows(arn)


@lru_cache(maxsize=64)
def _client(region: str, endpoint: str) -> Any:
    """Return the client of a region; making one takes longer than a call does."""
    config = Config(
        connect_timeout=SECONDS_PER_CALL,
        read_timeout=SECONDS_PER_CALL,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=32,
    )
    session = botocore.session.get_session()
    with _making_clients:
        if endpoint and session.get_credentials() is None:
            config = config.merge(Config(signature_version=UNSIGNED))
        return session.create_client(
            "lambda", region_name=region, endpoint_url=endpoint or None, config=config
        )


class LambdaRunner:
    """Invokes a function by its ARN; `target` may name an endpoint of its own."""

    def run(self, function: Function, event: Event, *, timeout: float) -> Answer:
        """Invoke once, and wait for the answer."""
        return within(timeout, lambda: _invoke(function, orjson.dumps(event)))

    def check(self, function: Function) -> str:
        """Want an endpoint that is a URL, or none."""
        if function.target and not function.target.startswith(("http://", "https://")):
            return "The endpoint must begin with https:// or http://."
        return ""


def _invoke(function: Function, payload: bytes) -> Answer:
    region = function.arn.split(":")[3] or settings.DEFAULT_REGION
    client = _client(region, function.target or settings.LAMBDA_ENDPOINT)
    try:
        answer = client.invoke(FunctionName=function.arn, LogType="Tail", Payload=payload)
        body: bytes = answer["Payload"].read(LARGEST_ANSWER + 1)
    except ClientError as exc:
        error = exc.response["Error"]
        raise RunnerUnavailable(error["Code"], error.get("Message", "")) from exc
    except (ConnectTimeoutError, ReadTimeoutError) as exc:
        raise TimedOut("Lambda did not answer in time.") from exc
    except BotoCoreError as exc:
        raise RunnerUnavailable(_UNAVAILABLE, str(exc)) from exc
    log = _log(answer.get("LogResult", ""))
    if len(body) > LARGEST_ANSWER:
        raise too_large(len(body))
    return _answered(body, log, failed=bool(answer.get("FunctionError")))


def _answered(body: bytes, log: str, *, failed: bool) -> Answer:
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise UnreadableAnswer("The payload is no JSON document.", log=log) from exc
    if failed:
        raise FunctionError(message_of(document), log=log)
    return Answer(document, log)


def _log(tail: str) -> str:
    try:
        return base64.b64decode(tail).decode("utf-8", "replace")[-LONGEST_LOG:]
    except binascii.Error:
        return ""
