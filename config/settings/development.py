"""A laptop: SQLite, secrets made once into the data folder, messages written to its outbox."""

import os
from pathlib import Path

from userpools.sealing import new_key_text

from .base import *  # noqa: F403
from .base import DATABASES, POOLHOUSE
from .environment import DATA_DIR, email, env, secret_from


def generated(path: Path, make: str) -> str:
    """Return the secret in `path`, writing `make` there with mode 0600 when it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(make + "\n")
    return make


def master_keys() -> str:
    """Return the key-encryption keys; a new one is never made beside old data."""
    given = secret_from("POOLHOUSE_MASTER_KEY")
    path = DATA_DIR / "master.key"
    if given or path.exists():
        return given or path.read_text(encoding="ascii").strip()
    database = str(DATABASES["default"].get("NAME", ""))
    if database.endswith(".sqlite3") and Path(database).exists():
        # Not an exception here: `manage.py help` must still work; checks.py refuses the start.
        return ""
    return generated(path, new_key_text())


POOLHOUSE["MASTER_KEYS"] = master_keys()
if not secret_from("POOLHOUSE_MASTER_KEY"):
    POOLHOUSE["MASTER_KEY_FILE"] = DATA_DIR / "master.key"
SECRET_KEY = secret_from("SECRET_KEY") or generated(DATA_DIR / "secret.key", new_key_text())

ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *ALLOWED_HOSTS]  # noqa: F405

# Nobody starts a worker beside the quickstart.
POOLHOUSE["IN_PROCESS_WORKER"] = env.bool("POOLHOUSE_IN_PROCESS_WORKER", default=True)
POOLHOUSE["OUTBOX_DIR"] = DATA_DIR / "outbox"
EMAIL_BACKEND = "userpools.messaging.development.OutboxEmailBackend"
vars().update(email())
POOLHOUSE.setdefault("SMS_BACKEND", "userpools.messaging.development.OutboxSms")
