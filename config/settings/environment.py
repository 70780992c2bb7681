"""What the environment says, read once for every settings module."""

from pathlib import Path
from typing import Any

import environ

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(env.str("POOLHOUSE_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()

# SQLite and PostgreSQL are the engines that the tests cover.
SUPPORTED_ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")


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


def quotas() -> str | dict[str, object]:
    """Return POOLHOUSE_QUOTAS: `cognito`, `off`, or a JSON object of rates by category."""
    text = env.str("POOLHOUSE_QUOTAS", default="cognito")
    return dict(env.json("POOLHOUSE_QUOTAS")) if text.startswith("{") else text


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
    }
    return _changed("POOLHOUSE_RETENTION", default)


def _changed(name: str, default: dict[str, int]) -> dict[str, int]:
    given = env.json(name, default={})
    known = isinstance(given, dict) and given.keys() <= default.keys()
    if not known or not all(type(value) is int and value > 0 for value in given.values()):
        raise environ.ImproperlyConfigured(
            f"{name} must be a JSON object of whole numbers above 0, of: {', '.join(default)}"
        )
    return {**default, **given}
