"""What the environment may say, and what it may not."""

import pytest
from django.utils.module_loading import import_string
from environ import ImproperlyConfigured

from config.settings import environment


@pytest.mark.parametrize(
    "text", ["[1]", '{"days": 1}', '{"audit": 0}', '{"audit": "7"}', '{"audit": true}']
)
def test_a_wrong_retention_is_refused(monkeypatch, text):
    monkeypatch.setenv("POOLHOUSE_RETENTION", text)
    with pytest.raises(ImproperlyConfigured, match="POOLHOUSE_RETENTION must be a JSON object"):
        environment.retention()


def test_what_is_not_named_keeps_its_default(monkeypatch):
    monkeypatch.setenv("POOLHOUSE_RETENTION", '{"audit": 60}')
    monkeypatch.setenv("POOLHOUSE_ARGON2", '{"TIME_COST": 3}')
    assert environment.retention()["audit"] == 60
    assert environment.retention()["messages"] == 7 * 86400
    assert environment.argon2() == {
        "TIME_COST": 3,
        "MEMORY_KIB": 19456,
        "PARALLELISM": 1,
        "CONCURRENCY": 2,
    }


def test_a_secret_file_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE cannot be read"):
        environment.secret_from("SECRET_KEY")
    (tmp_path / "none").write_text("value\n")
    assert environment.secret_from("SECRET_KEY") == "value"


def test_only_the_databases_that_are_tested_are_taken(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://root@127.0.0.1/db")
    with pytest.raises(ImproperlyConfigured, match="SQLite or PostgreSQL"):
        environment.database()


@pytest.mark.parametrize(
    ("text", "quotas"),
    [
        ("off", "off"),
        (' {"UserRead": 5} ', {"UserRead": 5}),
        ('{"UserRead": 5', '{"UserRead": 5'),
        ("[1]", [1]),
    ],
)
def test_quotas_that_are_no_json_are_left_to_the_check(monkeypatch, text, quotas):
    monkeypatch.setenv("POOLHOUSE_QUOTAS", text)
    assert environment.quotas() == quotas


def test_quotas_are_cognitos_by_default(monkeypatch):
    monkeypatch.delenv("POOLHOUSE_QUOTAS", raising=False)
    assert environment.quotas() == "cognito"


@pytest.fixture
def mail(monkeypatch):
    """Set the variables of e-mail, and no others."""
    for name in ("EMAIL_URL", "EMAIL_URL_FILE", "EMAIL_BACKEND", "ANYMAIL", "ANYMAIL_FILE"):
        monkeypatch.delenv(name, raising=False)
    return lambda **changes: [monkeypatch.setenv(*each) for each in changes.items()]


def test_without_a_word_on_mail_the_settings_module_decides(mail):
    assert environment.email() == {}


def test_a_mail_server_is_a_url(mail):
    mail(EMAIL_URL="smtp+tls://user:pass%40word@mail.example.com:587")
    found = environment.email()
    assert found["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("user", "pass@word")
    assert found["EMAIL_USE_TLS"] is True


def test_a_provider_s_backend_gets_its_settings(mail):
    mail(
        EMAIL_BACKEND="anymail.backends.postmark.EmailBackend",
        ANYMAIL='{"POSTMARK_SERVER_TOKEN": "secret"}',
    )
    assert environment.email() == {
        "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
        "ANYMAIL": {"POSTMARK_SERVER_TOKEN": "secret"},
    }


@pytest.mark.parametrize("text", ["secret", '["secret"]', '"secret"', "7"])
def test_a_provider_s_settings_are_an_object_and_not_quoted(mail, text):
    mail(ANYMAIL=text)
    with pytest.raises(ImproperlyConfigured) as caught:
        environment.email()
    assert str(caught.value) == "ANYMAIL must be a JSON object"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("console", "userpools.messaging.sms.ConsoleSms"),
        ("sns", "userpools.messaging.sms.SnsSms"),
        ("twilio", "userpools.messaging.sms.TwilioSms"),
        ("http", "userpools.messaging.sms.HttpSms"),
        ("mine.Backend", "mine.Backend"),
    ],
)
def test_a_backend_of_texts_has_a_short_name_or_a_path(monkeypatch, given, path):
    monkeypatch.setenv("SMS_BACKEND", given)
    assert environment.sms()["SMS_BACKEND"] == path


@pytest.mark.parametrize("path", environment.SMS_BACKENDS.values())
def test_every_short_name_is_a_backend(path):
    assert hasattr(import_string(path), "send")


def test_without_a_word_on_texts_the_settings_module_decides(monkeypatch):
    monkeypatch.delenv("SMS_BACKEND", raising=False)
    assert "SMS_BACKEND" not in environment.sms()


def test_a_word_that_is_not_known_is_refused(monkeypatch):
    monkeypatch.setenv("POOLHOUSE_OUTBOUND_PRIVATE", "yes")
    with pytest.raises(ImproperlyConfigured, match="POOLHOUSE_OUTBOUND_PRIVATE must be one of"):
        environment.one_of("POOLHOUSE_OUTBOUND_PRIVATE", "deny", "allow")
    monkeypatch.delenv("POOLHOUSE_OUTBOUND_PRIVATE")
    assert environment.one_of("POOLHOUSE_OUTBOUND_PRIVATE", "deny", "allow") == "deny"


@pytest.mark.parametrize("text", ["49", "+", "+0", "+49 +1", "+49,DE", "+1234567890123456"])
def test_a_beginning_of_numbers_that_is_none_is_no_absent_rule(monkeypatch, text):
    monkeypatch.setenv("POOLHOUSE_SMS_BLOCKED", text)
    with pytest.raises(ImproperlyConfigured, match="POOLHOUSE_SMS_BLOCKED must be beginnings"):
        environment.sms()


@pytest.mark.parametrize("text", ['{"week": 1}', '{"day": 0}', '{"day": "5"}', "[]"])
def test_a_wrong_limit_of_text_messages_is_refused(monkeypatch, text):
    monkeypatch.setenv("POOLHOUSE_SMS_LIMITS", text)
    with pytest.raises(ImproperlyConfigured, match="POOLHOUSE_SMS_LIMITS must be a JSON object"):
        environment.sms()


def test_text_messages_are_bounded_as_the_environment_says(monkeypatch):
    assert environment.sms()["SMS_GUARD"] == {"ALLOWED": (), "BLOCKED": (), "LIMITS": {}}
    monkeypatch.setenv("POOLHOUSE_SMS_ALLOWED", "+49, +1")
    monkeypatch.setenv("POOLHOUSE_SMS_BLOCKED", "+1876")
    monkeypatch.setenv("POOLHOUSE_SMS_LIMITS", '{"day": 500, "pool_hour": 20}')
    assert environment.sms()["SMS_GUARD"] == {
        "ALLOWED": ("+49", "+1"),
        "BLOCKED": ("+1876",),
        "LIMITS": {"day": 500, "pool_hour": 20},
    }
