"""The system checks: what fires each of them, and that a sound server fires none."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from userpools import checks, sealing

ROOT = Path(__file__).resolve().parent.parent.parent
SMTP = "django.core.mail.backends.smtp.EmailBackend"
PRODUCTION = {
    "PRODUCTION": True,
    "PUBLIC_URL": "https://auth.example.com",
    "SMS_BACKEND": "userpools.messaging.sms.NoSms",
    "REDIS_URL": "redis://localhost",
}


@pytest.fixture
def production(settings):
    """Change Poolhouse's settings to those of a sound server, and what a test names."""

    def change(**changes):
        settings.POOLHOUSE = {**settings.POOLHOUSE, **PRODUCTION, **changes}
        settings.EMAIL_BACKEND = changes.pop("EMAIL_BACKEND", SMTP)

    return change


def ids(*found):
    return [message.id.partition(".")[2] for messages in found for message in messages]


def test_a_sound_server_has_nothing_to_mend(production):
    production()
    every = (
        checks.master_key, checks.arithmetic, checks.delivery, checks.public_url,
        checks.shared_state, checks.saml_libraries,
    )  # fmt: skip
    assert ids(*(check() for check in every)) == []


def test_no_master_key_beside_old_data(production):
    production(MASTER_KEYS="")
    assert ids(checks.master_key()) == ["E001"]


def test_a_master_key_in_the_data_folder(production, tmp_path):
    path = tmp_path / "master.key"
    path.write_text(sealing.new_key_text())
    path.chmod(0o644)
    production(DATA_DIR=tmp_path, MASTER_KEY_PATH=str(path))
    assert ids(checks.master_key()) == ["W003", "W004"]
    path.chmod(0o600)
    production(DATA_DIR=tmp_path / "data", MASTER_KEY_PATH=str(path))
    assert ids(checks.master_key()) == []


@pytest.mark.parametrize("in_production", [True, False])
def test_sign_ins_without_gmpy2(production, monkeypatch, in_production):
    monkeypatch.setattr("userpools.auth.srp.HAS_CONSTANT_TIME", False)
    production(PRODUCTION=in_production)
    assert ids(checks.arithmetic()) == ["E005" if in_production else "W005"]


@pytest.mark.parametrize(
    "change",
    [
        {"EMAIL_BACKEND": "userpools.messaging.development.OutboxEmailBackend"},
        {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"},
        {"SMS_BACKEND": "userpools.messaging.development.OutboxSms"},
    ],
)
def test_a_development_outbox_in_production(production, change):
    production(**change)
    assert ids(checks.delivery()) == ["E006"]


def test_production_without_a_way_for_mail(production):
    production(EMAIL_BACKEND="userpools.messaging.email.NoEmail")
    assert ids(checks.email()) == ["W011"]
    production()
    assert ids(checks.email()) == []


@pytest.mark.parametrize(
    "change",
    [{"EMAIL_BACKEND": "no.such.EmailBackend"}, {"SMS_BACKEND": "userpools.messaging.sms.Absent"}],
)
def test_a_backend_that_is_not_there(production, change):
    production(**change)
    assert ids(checks.delivery(), checks.sms()) == ["E014"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"ACCOUNT_SID": "AC1", "AUTH_TOKEN": "secret", "FROM": "+15550009999"}, []),
        ({"ACCOUNT_SID": "AC1", "AUTH_TOKEN": "secret", "FROM": ""}, ["E015"]),
    ],
)
def test_a_provider_of_texts_that_was_not_told_enough(production, options, found):
    production(SMS_BACKEND="userpools.messaging.sms.TwilioSms", TWILIO=options)
    assert ids(checks.sms()) == found


@pytest.mark.parametrize(
    ("targets", "found"),
    [((), []), (("arn:aws:sns:eu-*:*:sms",), []), (("sns",), ["E016"])],
)
def test_cloud_targets_are_arn_patterns(production, targets, found):
    production(AWS_TARGETS=targets)
    assert ids(checks.cloud_targets()) == found


@pytest.mark.parametrize(
    ("suffix", "found"),
    [("", []), ("auth.example.com", []), ("https://x", ["E017"]), ("a b", ["E017"])],
)
def test_the_suffix_of_domains_is_a_host_name(production, suffix, found):
    production(AUTH_DOMAIN_SUFFIX=suffix)
    assert ids(checks.auth_domain_suffix()) == found


@pytest.mark.parametrize(
    ("proxies", "found"),
    [((), []), (("10.0.0.0/8", "::1"), []), (("proxy.example.com", "10.0.0.0/33"), ["E012"] * 2)],
)
def test_proxies_are_addresses(production, proxies, found):
    production(TRUSTED_PROXIES=proxies)
    assert ids(checks.trusted_proxies()) == found


@pytest.mark.parametrize(
    ("quotas", "found"),
    [
        ("cognito", []),
        ("off", []),
        ({"UserAuthentication": 0.5}, []),
        ({"*": "off", "OperationPerPool": 9, "GetId": "off", "UserProfileRead": 99}, []),
        ({"ConfirmSignUp": 3}, []),
        ("", ["E013"]),
        ([1], ["E013"]),
        (5, ["E013"]),
        ({"UserAuthentication": "on"}, ["E013"]),
        ({"UserAuthentication": True}, ["E013"]),
        ({"UserAuthentication": float("inf")}, ["E013"]),
        ({"UserAuthentication": float("nan")}, ["E013"]),
        ({"ChangePassword": "off"}, ["E013"]),
        ({"ChangePassword": 0.5}, ["E013"]),
        ({"UserProfileRead": 2.5}, ["E013"]),
        ("none", ["E013"]),
        ({"UserAuthentication": 0}, ["E013"]),
        ({"UserAuthentication": "9"}, ["E013"]),
        ({"Everything": 9}, ["E013"]),
    ],
)
def test_rates_are_known_and_above_zero(production, quotas, found):
    production(QUOTAS=quotas)
    assert ids(checks.quotas()) == found


def test_an_unencrypted_public_url(production):
    production(PUBLIC_URL="http://auth.example.com")
    assert ids(checks.public_url()) == ["W008"]


def test_debug_in_production(production, settings):
    production()
    settings.DEBUG = True
    assert ids(checks.public_url()) == ["E007"]


def test_postgresql_without_redis(production, monkeypatch):
    production(REDIS_URL="")
    monkeypatch.setattr("userpools.checks.connections", {"default": Vendor()})
    assert ids(checks.shared_state()) == ["I009"]


class Vendor:
    vendor = "postgresql"


def test_a_saml_library_that_does_not_load(monkeypatch):
    monkeypatch.setitem(sys.modules, "xmlsec", None)
    assert ids(checks.saml_libraries()) == ["W010"]


def manage(*arguments, **environment):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.fixture
def environment(tmp_path):
    """What a sound production server is told."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "POOLHOUSE_DATA_DIR": str(tmp_path),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "POOLHOUSE_MASTER_KEY": sealing.new_key_text(),
        "PUBLIC_URL": "https://auth.example.com",
        "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
        "REDIS_URL": "redis://localhost:6379",
    }


def test_production_settings_pass_djangos_deployment_checks(environment):
    done = manage("check", "--deploy", "--fail-level", "INFO", **environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"POOLHOUSE_MASTER_KEY": ""}, "POOLHOUSE_MASTER_KEY"),
        ({"POOLHOUSE_MASTER_KEY": "short"}, "new-master"),
        ({"EMAIL_URL": "consolemail://"}, "E006"),
    ],
)
def test_production_does_not_start_with(environment, change, says):
    environment |= change
    done = manage("serve", **environment)
    assert done.returncode != 0
    assert says in done.stderr


@pytest.mark.parametrize(
    ("guard", "found"),
    [
        ({}, ["W017"]),
        ({"BLOCKED": ("+881",)}, ["W017"]),
        ({"ALLOWED": ("+49",)}, []),
        ({"LIMITS": {"day": 100}}, []),
    ],
)
def test_nothing_bounds_text_messages(production, guard, found):
    default = {"ALLOWED": (), "BLOCKED": (), "LIMITS": {}}
    production(SMS_BACKEND="userpools.messaging.sms.SnsSms", SMS_GUARD={**default, **guard})
    assert ids(checks.sms_cost()) == found
    production(SMS_GUARD=default)
    assert ids(checks.sms_cost()) == []
