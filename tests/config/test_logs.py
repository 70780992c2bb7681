"""Log lines: one JSON object each, whatever is in it, without secrets."""

import json

import pytest
import structlog


@pytest.fixture
def lines(capsys):
    def read():
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return read


def test_a_line_is_one_json_object(lines):
    structlog.get_logger("poolhouse.test").info("hello", count=1, name="line\nbreak é")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("hello", "info", "poolhouse.test")
    assert (line["count"], line["name"]) == (1, "line\nbreak é")
    assert "timestamp" in line


def test_lines_below_the_level_are_dropped(lines):
    structlog.get_logger("poolhouse.test").debug("unheard")
    assert lines() == []


@pytest.mark.parametrize("value", ["\ud800", 2**70, {5: "\udfff"}, object(), b"x", float("nan")])
def test_no_value_keeps_a_line_from_being_written(lines, value):
    structlog.get_logger("poolhouse.test").warning("odd", value=value)
    (line,) = lines()
    assert line["event"] == "odd"


def test_secrets_are_redacted_at_any_depth(lines):
    secret = {"Password": "hunter2", "inner": {"access_token": "abc", "n": 1}}
    structlog.get_logger("poolhouse.test").info("x", password="hunter2", given=secret)
    (line,) = lines()
    assert "hunter2" not in str(line)
    assert line["given"]["inner"] == {"access_token": "[redacted]", "n": 1}


def test_an_exception_is_told(lines):
    try:
        raise ValueError("reason")
    except ValueError:
        structlog.get_logger("poolhouse.test").exception("failed")
    (line,) = lines()
    assert line["level"] == "error"
    assert "ValueError: reason" in line["exception"]
