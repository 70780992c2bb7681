"""JSON log lines (structlog) with a request id; one place that keeps secrets out of them."""

import json
import logging
import logging.config
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import orjson
import structlog

# Names whose values never reach a log line, whoever logs them.
SECRET_NAMES = frozenset(
    {
        "password", "previouspassword", "proposedpassword", "temporarypassword", "secret",
        "secrethash", "clientsecret", "secret_hash", "client_secret", "authorization", "cookie",
        "set-cookie", "accesstoken", "idtoken", "refreshtoken", "access_token", "id_token",
        "refresh_token", "token",
        "code", "confirmationcode", "usercode", "session", "authparameters", "challengeresponses",
        "body", "session_token", "x-amz-security-token", "secret_access_key", "master_key",
    }
)  # fmt: skip


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace the value of every secret name, at any depth of dictionaries."""
    for name, value in event.items():
        if str(name).lower() in SECRET_NAMES:
            event[name] = "[redacted]"
        elif isinstance(value, dict):
            event[name] = redact(_logger, _method, dict(value))
    return event


SHARED = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact,
]


def _json(event: MutableMapping[str, Any], default: Callable[[Any], Any], **_options: Any) -> str:
    try:
        return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # lone surrogates and long numbers, which a log line must survive
        return json.dumps(event, default=default, skipkeys=True)


class Lines:
    """Writes structlog's finished lines; each request has one, and logging's way costs twice."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line, in one piece, to what is standard error now."""
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def configure_logging(level: str) -> None:
    """Send structlog's and the standard library's lines to stderr, one JSON object each."""
    # No line shows them, and each request would pay for finding them out.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    structlog.configure(
        processors=[*SHARED, structlog.processors.JSONRenderer(serializer=_json)],  # type: ignore[list-item]
        logger_factory=Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": SHARED,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.JSONRenderer(serializer=_json),
                    ],
                },
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                "django.server": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},  # 4xx answers have a line of their own
                "botocore": {"level": "WARNING"},
                "celery": {"level": "WARNING"},
                "kombu": {"level": "WARNING"},
            },
        }
    )
