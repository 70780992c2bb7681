"""What the environment says, read once for every settings module."""

import json
import re
from pathlib import Path
from typing import Any

import environ

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(env.str("POOLHOUSE_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()

# SQLite and PostgreSQL are the engines that the tests cover.
SUPPORTED_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")

# What SMS_BACKEND may say instead of a dotted path.
SMS_BACKENDS = {
    "console": "userpools.messaging.sms.ConsoleSms",
    "sns": "userpools.messaging.sms.SnsSms",
    "twilio": "userpools.messaging.sms.TwilioSms",
    "http": "userpools.messaging.sms.HttpSms",
}

SMS_LIMITS = ("hour", "day", "pool_hour", "pool_day")
PREFIX = re.compile(r"\+[1-9][0-9]{0,14}", re.ASCII)


def database() -> dict[str, Any]:
    """Return Django's DATABASES["default"] for DATABASE_URL, or SQLite in the data folder."""
    url = env.str("DATABASE_URL", default="")
    config = (
        env.db_url_config(url) if url else env.db_url_config(f"sqlite:///{DATA_DIR}/db.sqlite3")
    )
    if config["ENGINE"] not in SUPPORTED_ENGINES:
        raise environ.ImproperlyConfigured("DATABASE_URL must name a SQLite or PostgreSQL database")
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: a transaction that will write takes the lock at its start, so that it waits
        # instead of failing at the upgrade. FULL: an acknowledged write survives a power cut.
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("timeout", 20)
        options.setdefault(
            "init_command",
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-16000",
        )
        config["CONN_MAX_AGE"] = None
    else:
        config.setdefault("CONN_MAX_AGE", env.int("DATABASE_CONN_MAX_AGE", default=600))
        options.setdefault("connect_timeout", 10)
        # Statements of the hot paths are prepared on the server (userpools/models/statements.py).
        # DATABASE_PREPARE=off is for poolers that give each transaction another connection.
        prepares = env.bool("DATABASE_PREPARE", default=True)
        options.setdefault("prepare_threshold", 2 if prepares else None)
    return dict(config)


def secret_from(name: str) -> str:
    """Return the secret in NAME, or in the file that NAME_FILE names; empty when neither is set."""
    path = env.str(f"{name}_FILE", default="")
    if path:
        try:
            return Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as exc:
            raise environ.ImproperlyConfigured(f"{name}_FILE cannot be read: {exc}") from exc
    return env.str(name, default="").strip()


def one_of(name: str, *values: str) -> str:
    """Return a setting that knows a few words; the first is the default."""
    value = env.str(name, default=values[0])
    if value not in values:
        raise environ.ImproperlyConfigured(f"{name} must be one of: {', '.join(values)}")
    return value


def email() -> dict[str, Any]:
    """Return Django's settings of e-mail: EMAIL_URL, or EMAIL_BACKEND and what it needs.

    Empty when the environment says nothing of e-mail.
    """
    url = secret_from("EMAIL_URL")
    found = dict(env.email_url_config(url)) if url else {}
    if backend := env.str("EMAIL_BACKEND", default=""):
        found["EMAIL_BACKEND"] = backend
    if anymail := secret_from("ANYMAIL"):
        try:
            found["ANYMAIL"] = json.loads(anymail)
        except ValueError:
            found["ANYMAIL"] = None
        if not isinstance(found["ANYMAIL"], dict):
            # The text itself is not shown: it holds keys.
            raise environ.ImproperlyConfigured("ANYMAIL must be a JSON object")
    return found


def sms() -> dict[str, object]:
    """Return the settings of text messages; without SMS_BACKEND there is no such key."""
    found: dict[str, object] = {
        "SNS": {"SENDER_ID": env.str("SNS_SENDER_ID", default="")},
        "TWILIO": {
            "ACCOUNT_SID": env.str("TWILIO_ACCOUNT_SID", default=""),
            "AUTH_TOKEN": secret_from("TWILIO_AUTH_TOKEN"),
            "FROM": env.str("TWILIO_FROM", default=""),
            "ENDPOINT": env.str("TWILIO_ENDPOINT", default="").rstrip("/"),
        },
        "SMS_GUARD": {
            "ALLOWED": _prefixes("POOLHOUSE_SMS_ALLOWED"),
            "BLOCKED": _prefixes("POOLHOUSE_SMS_BLOCKED"),
            "LIMITS": _known_numbers("POOLHOUSE_SMS_LIMITS", SMS_LIMITS),
        },
        "SMS_HTTP": {
            "URL": env.str("SMS_HTTP_URL", default=""),
            "SECRET": secret_from("SMS_HTTP_SECRET"),
            "TOKEN": secret_from("SMS_HTTP_TOKEN"),
        },
    }
    if backend := env.str("SMS_BACKEND", default=""):
        found["SMS_BACKEND"] = SMS_BACKENDS.get(backend, backend)
    return found


def quotas() -> object:
    """Return POOLHOUSE_QUOTAS: `cognito`, `off`, or what its JSON holds; a check judges it."""
    text = env.str("POOLHOUSE_QUOTAS", default="cognito").strip()
    try:
        return json.loads(text)
    except ValueError:
        return text


def argon2() -> dict[str, int]:
    """Return POOLHOUSE_ARGON2 over OWASP's parameters.

    MEMORY_KIB times CONCURRENCY is the most that a login storm takes.
    """
    default = {"TIME_COST": 2, "MEMORY_KIB": 19456, "PARALLELISM": 1, "CONCURRENCY": 2}
    return _changed("POOLHOUSE_ARGON2", default)


def retention() -> dict[str, int]:
    """Return POOLHOUSE_RETENTION over the defaults: seconds that the sweep keeps what is over."""
    day = 86400
    default = {
        "sessions": 7 * day,
        "codes": day,
        "messages": 7 * day,
        "grants": day,
        "auth_events": 90 * day,
        "audit": 400 * day,
        "invocations": 7 * day,
    }
    return _changed("POOLHOUSE_RETENTION", default)


def triggers() -> dict[str, object]:
    """Return who runs customers' functions, and where those of AWS are called."""
    return {
        "TRIGGER_INVOKER": "triggers.invoker.FunctionInvoker",
        "TRIGGER_RUNNERS": {
            "process": "triggers.runners.process.ProcessRunner",
            "http": "triggers.runners.http.HttpRunner",
            "lambda": "triggers.runners.lambda_api.LambdaRunner",
            "python": "triggers.runners.python.PythonRunner",
        },
        "TRIGGER_PROCESSES": env.bool("POOLHOUSE_TRIGGER_PROCESSES", default=False),
        "TRIGGER_USER": env.str("POOLHOUSE_TRIGGER_USER", default=""),
        "LAMBDA_ENDPOINT": env.str(
            "POOLHOUSE_LAMBDA_ENDPOINT", default=env.str("AWS_ENDPOINT_URL_LAMBDA", default="")
        ),
        "KMS_ENDPOINT": env.str("AWS_ENDPOINT_URL_KMS", default=""),
    }


def identity_pools() -> dict[str, object]:
    """Return what identity pools take as logins, and who makes their credentials."""
    return {
        "CREDENTIAL_RESOLVERS": (
            "userpools.access_keys.AccessKeyResolver",
            "identitypools.vendors.local.SessionResolver",
        ),
        "LOGIN_VERIFIERS": (
            "identitypools.logins.UserPoolLogins",
            "identitypools.logins.OidcLogins",
            "identitypools.logins.SignedSocialLogins",
            "identitypools.logins.AmazonLogins",
            "identitypools.logins.FacebookLogins",
        ),
        "CREDENTIAL_VENDOR": one_of("POOLHOUSE_CREDENTIAL_VENDOR", "local", "sts"),
        "STS_ENDPOINT": env.str("POOLHOUSE_STS_ENDPOINT", default="").rstrip("/"),
        "ISSUER_CERTIFICATES": env.bool("POOLHOUSE_ISSUER_CERTIFICATES", default=False),
    }


def _prefixes(name: str) -> tuple[str, ...]:
    """Return beginnings of phone numbers; one that is none must not pass for no rule at all."""
    prefixes = tuple(each.strip() for each in env.list(name, default=[]) if each.strip())
    if not all(PREFIX.fullmatch(each) for each in prefixes):
        raise environ.ImproperlyConfigured(
            f"{name} must be beginnings of phone numbers with commas, such as +49,+1212"
        )
    return prefixes


def _changed(name: str, default: dict[str, int]) -> dict[str, int]:
    return {**default, **_known_numbers(name, tuple(default))}


def _known_numbers(name: str, known: tuple[str, ...]) -> dict[str, int]:
    given = env.json(name, default={})
    usable = isinstance(given, dict) and given.keys() <= set(known)
    if not usable or not all(type(value) is int and value > 0 for value in given.values()):
        raise environ.ImproperlyConfigured(
            f"{name} must be a JSON object of whole numbers above 0, of: {', '.join(known)}"
        )
    return dict(given)
