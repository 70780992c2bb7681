"""The test suite: throw-away keys, a file database so that threads share it."""

import tempfile
from pathlib import Path

from userpools.sealing import new_key_text

from .base import *  # noqa: F403
from .base import DATABASES, POOLHOUSE

TEST_DATA_DIR = Path(tempfile.mkdtemp(prefix="poolhouse-test-"))
SECRET_KEY = new_key_text()
POOLHOUSE.update(
    {
        "DATA_DIR": TEST_DATA_DIR,
        "PUBLIC_URL": "http://testserver",
        "MASTER_KEYS": new_key_text(),
        # No test waits for a second to pass; the hourly limits of a user hold here too.
        "QUOTAS": {"*": "off", "UserProfileRead": 1_000_000, "UserProfileWrite": 1_000_000},
        "OUTBOX_DIR": TEST_DATA_DIR / "outbox",
        "SMS_BACKEND": "userpools.messaging.development.OutboxSms",
        "CHECK_OUTPUT": True,
        "IN_PROCESS_WORKER": False,
    }
)
EMAIL_BACKEND = "userpools.messaging.development.OutboxEmailBackend"
ALLOWED_HOSTS = ["*"]
CELERY_BROKER_URL = "memory://"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Every test client has a handler of its own, which would list all static files as it starts.
WHITENOISE_AUTOREFRESH = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Not in memory: tests with threads need one database for several connections.
    DATABASES["default"]["TEST"] = {"NAME": str(TEST_DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF"
    )
