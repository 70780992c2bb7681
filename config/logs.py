"""JSON log lines (structlog) with a request id; one place that keeps secrets out of them."""

import logging
import logging.config
from collections.abc import MutableMapping
from typing import Any

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
        if name.lower() in SECRET_NAMES:
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


def configure_logging(level: str) -> None:
    """Send structlog's and the standard library's lines to stderr, one JSON object each."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],  # type: ignore[list-item]
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
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
                        structlog.processors.JSONRenderer(),
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
