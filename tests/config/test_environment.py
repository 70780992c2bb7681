"""What the environment may say, and what it may not."""

import pytest
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
