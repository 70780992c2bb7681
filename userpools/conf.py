"""Poolhouse's own settings: the POOLHOUSE dictionary with its defaults, dotted paths imported."""

from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

DEFAULTS: dict[str, object] = {
    "DATA_DIR": Path("var"),
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "MASTER_KEYS": "",
    # The file that `keys rotate-master` may write, and the one that the operator keeps the keys in.
    "MASTER_KEY_FILE": None,
    "MASTER_KEY_PATH": "",
    "ACCOUNT_ID": "000000000000",
    "REGIONS": (),
    "DEFAULT_REGION": "us-east-1",
    "TRUSTED_PROXIES": (),
    # Hosts `<prefix>.<suffix>` serve pools' domains; without it prefixes have no host.
    "AUTH_DOMAIN_SUFFIX": "",
    "QUOTAS": "cognito",
    "REDIS_URL": "",
    "IN_PROCESS_WORKER": False,
    "PRODUCTION": False,
    "CHECK_OUTPUT": False,
    "OUTBOX_DIR": None,
    "SMS_BACKEND": "userpools.messaging.sms.ConsoleSms",
    # What the SMS backends of those names are told; their classes say what each value means.
    "SNS": {"SENDER_ID": ""},
    "TWILIO": {"ACCOUNT_SID": "", "AUTH_TOKEN": "", "FROM": "", "ENDPOINT": ""},
    "SMS_HTTP": {"URL": "", "SECRET": "", "TOKEN": ""},
    # Where text messages may go, by the beginning of the number, and how many may leave: `hour` and
    # `day` of all pools together, `pool_hour` and `pool_day` of each.
    "SMS_GUARD": {"ALLOWED": (), "BLOCKED": (), "LIMITS": {}},
    # Whether `outbound` may call private and loopback addresses wherever they are named.
    "OUTBOUND_PRIVATE": False,
    # ARN patterns that the server's own cloud credentials may be used for.
    "AWS_TARGETS": (),
    "TRIGGER_INVOKER": "userpools.ports.NoTriggers",
    # Kinds of runners by the name that a function record gives; see triggers/runners.
    "TRIGGER_RUNNERS": {},
    # Whether customers' handler files may run here, and under which account when root serves.
    "TRIGGER_PROCESSES": False,
    "TRIGGER_USER": "",
    "LAMBDA_ENDPOINT": "",
    "KMS_ENDPOINT": "",
    "CREDENTIAL_RESOLVERS": ("userpools.access_keys.AccessKeyResolver",),
    # What identity pools accept as a login.
    "LOGIN_VERIFIERS": (),
    # Who makes the credentials of identity pools that say nothing else: `local` or `sts`.
    "CREDENTIAL_VENDOR": "local",
    "STS_ENDPOINT": "",
    # Whether the issuer of identity pools publishes its keys as certificates too.
    "ISSUER_CERTIFICATES": False,
    # OWASP's parameters; MEMORY_KIB times CONCURRENCY is the most that a login storm takes.
    "ARGON2": {"TIME_COST": 2, "MEMORY_KIB": 19456, "PARALLELISM": 1, "CONCURRENCY": 2},
    # How long the sweep keeps what is over, in seconds.
    "RETENTION": {
        "sessions": 7 * 86400,
        "codes": 86400,
        "messages": 7 * 86400,
        "grants": 86400,
        "auth_events": 90 * 86400,
        "audit": 400 * 86400,
        "invocations": 7 * 86400,
    },
}
DOTTED = frozenset({"SMS_BACKEND", "TRIGGER_INVOKER"})
DOTTED_LISTS = frozenset({"CREDENTIAL_RESOLVERS", "LOGIN_VERIFIERS"})
DOTTED_MAPS = frozenset({"TRIGGER_RUNNERS"})


class Settings:
    """Attribute access to POOLHOUSE; values are kept until Django says that a setting changed."""

    def __getattr__(self, name: str) -> Any:
        """Look a setting up once; raise AttributeError for a name without a default."""
        if name not in DEFAULTS:
            raise AttributeError(f"no such Poolhouse setting: {name}")
        value = getattr(django_settings, "POOLHOUSE", {}).get(name, DEFAULTS[name])
        if name in DOTTED and isinstance(value, str):
            value = import_string(value)
        elif name in DOTTED_LISTS:
            value = [import_string(path) if isinstance(path, str) else path for path in value]
        elif name in DOTTED_MAPS:
            value = {key: import_string(path) for key, path in value.items()}
        self.__dict__[name] = value
        return value

    def reload(self) -> None:
        """Forget what was read."""
        self.__dict__.clear()


settings = Settings()


def _reload(*, setting: str, **_: object) -> None:
    if setting == "POOLHOUSE":
        settings.reload()


setting_changed.connect(_reload)
