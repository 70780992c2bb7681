"""What `check` says of handler files."""

import pytest

from triggers import checks
from triggers.runners import isolation


@pytest.fixture
def said(settings, monkeypatch):
    base = settings.POOLHOUSE

    def run(*, walls=("bwrap",), root=False, **changes):
        monkeypatch.setattr(isolation, "bubblewrap", lambda: walls)
        monkeypatch.setattr(isolation, "is_root", lambda: root)
        settings.POOLHOUSE = {**base, "TRIGGER_PROCESSES": True, **changes}
        return [message.id for message in checks.handler_files()]

    return run


def test_nothing_is_said_where_handler_files_are_off(said):
    assert said(walls=(), TRIGGER_PROCESSES=False, PRODUCTION=True) == []


def test_production_without_walls_is_an_error(said):
    assert said(walls=(), PRODUCTION=True) == ["triggers.E002"]
    assert said(walls=()) == ["triggers.W002"]


def test_walls_are_enough_unless_root_serves(said):
    assert said(PRODUCTION=True) == []
    assert said(root=True) == ["triggers.W003"]
    assert said(root=True, TRIGGER_USER="65534") == []


def test_production_as_root_without_an_account_is_an_error(said):
    assert said(root=True, PRODUCTION=True) == ["triggers.E003"]
    assert said(root=True, TRIGGER_USER="65534", PRODUCTION=True) == []


def test_another_account_alone_is_a_warning(said):
    assert said(walls=(), root=True, TRIGGER_USER="65534") == ["triggers.W004"]
    # Who is not root cannot become another account.
    assert said(walls=(), TRIGGER_USER="65534", PRODUCTION=True) == ["triggers.E002"]


def test_an_account_that_does_not_exist_is_an_error(said):
    assert said(walls=(), root=True, TRIGGER_USER="no-such-account") == ["triggers.E001"]
