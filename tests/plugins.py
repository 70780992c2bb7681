"""A pytest plugin for runs in which nothing may be skipped: `-p tests.plugins` and POOLHOUSE_NO_SKIPS.

On a developer's machine a test whose program is absent is skipped by name. Where the programs were
just installed, the same skip would hide that a check no longer runs.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest

NO_SKIPS = os.environ.get("POOLHOUSE_NO_SKIPS", "") not in {"", "0"}
MAY_SKIP = os.environ.get("POOLHOUSE_MAY_SKIP", "")


def _fail_if_skipped(report: Any) -> None:
    if not NO_SKIPS or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not MAY_SKIP or not reason.removeprefix("Skipped: ").startswith(MAY_SKIP):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: nothing may be skipped in this run ({reason})"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module skipped as a whole into a failed one."""
    report = yield
    _fail_if_skipped(report)
    return report
