"""System checks: wrong combinations of settings, found before a user finds them."""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register  # noqa: A004
from django.db import connections
from django.utils.module_loading import import_string

from userpools import aws_targets, limits
from userpools.auth import srp
from userpools.conf import settings
from userpools.messaging import sms as sms_backends
from userpools.messaging import trial
from userpools.messaging.development import is_development_backend
from userpools.messaging.email import NO_EMAIL
from userpools.models.domain import HOST_NAME
from userpools.policies import PolicyError

Check = Callable[..., list[CheckMessage]]
OPEN_TO_OTHERS = 0o077


def check(function: Callable[[], Iterator[CheckMessage]]) -> Check:
    """Register a generator of messages as a check that always runs."""

    def run(app_configs: Sequence[Any] | None = None, **_kwargs: Any) -> list[CheckMessage]:
        return list(function())

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    return register(run, Tags.security)


@check
def master_key() -> Iterator[CheckMessage]:
    """The master key is there, for us alone, and in production apart from the data."""
    if not settings.MASTER_KEYS:
        yield Error(
            "There is no master key, and a database that needs one.",
            hint="Bring master.key back into the data folder, or set POOLHOUSE_MASTER_KEY:"
            " a new key would open nothing that is sealed in this database.",
            id="userpools.E001",
        )
    yield from _key_file()


def _key_file() -> Iterator[CheckMessage]:
    given = settings.MASTER_KEY_FILE or settings.MASTER_KEY_PATH
    if not given or not Path(given).exists():
        return
    path = Path(given).resolve()
    if settings.PRODUCTION and path.is_relative_to(Path(settings.DATA_DIR).resolve()):
        yield Warning(
            "The master key lies in the data folder, so a copy of the data holds its own key.",
            hint="Keep it elsewhere and name it in POOLHOUSE_MASTER_KEY_FILE.",
            id="userpools.W003",
        )
    if path.stat().st_mode & OPEN_TO_OTHERS:
        yield Warning(
            f"Others can read the master key: {path.name} should have mode 0600.",
            id="userpools.W004",
        )


@check
def arithmetic() -> Iterator[CheckMessage]:
    """Powers of secrets take constant time in production."""
    if srp.HAS_CONSTANT_TIME:
        return
    kind = Error if settings.PRODUCTION else Warning
    yield kind(
        "gmpy2 is missing: sign-ins are slow and leak secrets by their timing.",
        hint="pip install gmpy2",
        id="userpools.E005" if settings.PRODUCTION else "userpools.W005",
    )


@check
def delivery() -> Iterator[CheckMessage]:
    """The backends of messages are there, and production's send them somewhere."""
    absent = list(_absent_backends())
    yield from absent
    if not absent and settings.PRODUCTION and is_development_backend():
        yield Error(
            "Messages would go to a development backend, so that codes never reach anybody.",
            hint="Set EMAIL_URL (smtp+tls://user:password@host:587); for texts SMS_BACKEND.",
            id="userpools.E006",
        )


def _absent_backends() -> Iterator[CheckMessage]:
    loaders: dict[str, Callable[[], Any]] = {
        "EMAIL_BACKEND": lambda: import_string(django_settings.EMAIL_BACKEND),
        "SMS_BACKEND": lambda: settings.SMS_BACKEND,
    }
    for name, load in loaders.items():
        try:
            load()
        except ImportError as exc:
            yield Error(
                f"{name} cannot be loaded: {exc}",
                hint="Give the dotted path of a class, and install the package it is in.",
                id="userpools.E014",
            )


@check
def email() -> Iterator[CheckMessage]:
    """Production says where its mail goes."""
    if settings.PRODUCTION and django_settings.EMAIL_BACKEND == NO_EMAIL:
        yield Warning(
            "There is no EMAIL_URL: whatever needs an e-mail is refused.",
            hint="Set EMAIL_URL, smtp://localhost:25 for a mail server on this machine.",
            id="userpools.W011",
        )


@check
def sms() -> Iterator[CheckMessage]:
    """The provider of text messages has been told all it needs."""
    try:
        missing = trial.missing_settings()
    except ImportError:
        return  # `delivery` says so
    if missing:
        yield Error(
            f"SMS_BACKEND needs {', '.join(missing)}.",
            hint="See README, Messages.",
            id="userpools.E015",
        )


@check
def sms_cost() -> Iterator[CheckMessage]:
    """Something bounds what text messages may cost in production."""
    guard = settings.SMS_GUARD
    if not settings.PRODUCTION or guard["LIMITS"] or guard["ALLOWED"]:
        return
    try:
        is_paid = sms_backends.is_usable()
    except ImportError:
        return  # `delivery` says so
    if is_paid:
        yield Warning(
            "Nothing bounds how many text messages leave, nor where they go.",
            hint="Set POOLHOUSE_SMS_LIMITS or POOLHOUSE_SMS_ALLOWED: numbers of costly ranges sign"
            " up by the thousand. See README, Messages.",
            id="userpools.W017",
        )


@check
def cloud_targets() -> Iterator[CheckMessage]:
    """The ARN patterns can be read."""
    try:
        aws_targets.allows("arn:aws:sns:us-east-1:000000000000:sms")
    except PolicyError as exc:
        yield Error(
            f"POOLHOUSE_AWS_TARGETS: {exc}",
            hint="A list of ARN patterns with commas, such as arn:aws:sns:eu-*:*:sms.",
            id="userpools.E016",
        )


@check
def trusted_proxies() -> Iterator[CheckMessage]:
    """Proxies are listed by address."""
    for proxy in settings.TRUSTED_PROXIES:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            yield Error(
                f"POOLHOUSE_TRUSTED_PROXIES: {proxy!r} is no address or network.",
                hint="List addresses or networks, such as 10.0.0.0/8: names are not looked up.",
                id="userpools.E012",
            )


@check
def quotas() -> Iterator[CheckMessage]:
    """Rates are Cognito's, off, or above 0; a user's limits are whole numbers and never off."""
    wrong = limits.wrong_quotas(settings.QUOTAS)
    if wrong:
        yield Error(
            f"POOLHOUSE_QUOTAS: {', '.join(wrong)}; in its place Cognito's figure counts.",
            hint='`cognito`, `off`, or a JSON object with rates above 0 or "off" of: '
            f"{limits.EVERY_RATE} (all rates), {', '.join(limits.COGNITO_RATES)}; and with whole"
            f" numbers of: {', '.join(limits.USER_LIMITS)}.",
            id="userpools.E013",
        )


@check
def public_url() -> Iterator[CheckMessage]:
    """Tokens, links and cookies name an https address in production."""
    if not settings.PRODUCTION:
        return
    if django_settings.DEBUG:
        yield Error("DEBUG is on in production.", id="userpools.E007")
    if not settings.PUBLIC_URL.startswith("https://"):
        yield Warning(
            f"PUBLIC_URL is {settings.PUBLIC_URL}: passwords and tokens would travel unencrypted.",
            hint="Put a proxy with TLS in front and set PUBLIC_URL to its https address.",
            id="userpools.W008",
        )


@check
def shared_state() -> Iterator[CheckMessage]:
    """Several web processes share request rates and work through Redis."""
    if not settings.PRODUCTION or settings.REDIS_URL:
        return
    if connections["default"].vendor == "postgresql":
        yield Info(
            "There is no REDIS_URL: one web process is all that may run.",
            hint="Set REDIS_URL to run more of them, and `manage.py worker` beside them.",
            id="userpools.I009",
        )


@check
def saml_libraries() -> Iterator[CheckMessage]:
    """The libraries of SAML load: both bundle libxml2 and refuse each other's other versions."""
    try:
        import xmlsec  # noqa: F401, PLC0415 - a failure here must not stop the server
    except Exception as exc:  # xmlsec raises an error class of its own, from C
        yield Warning(
            f"SAML cannot work: {exc}",
            hint="Install xmlsec and lxml in the versions that pyproject.toml pins.",
            id="userpools.W010",
        )


@check
def auth_domain_suffix() -> Iterator[CheckMessage]:
    """The suffix of pools' domains is a host name."""
    suffix = settings.AUTH_DOMAIN_SUFFIX
    if suffix and not HOST_NAME.fullmatch(suffix):
        yield Error(
            f"POOLHOUSE_AUTH_DOMAIN_SUFFIX is no host name: {suffix}",
            hint="Give the name that stands behind each pool's prefix, such as auth.example.com.",
            id="userpools.E017",
        )
