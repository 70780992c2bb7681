"""A pytest plugin for runs in which nothing may be skipped: POOLHOUSE_NO_SKIPS=1.

On a developer's machine a test whose program is absent is skipped by name. Where the programs were
just installed, the same skip would hide that a check no longer runs. `.ci/run` loads it by `-p`.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest

NO_SKIPS = os.environ.get("POOLHOUSE_NO_SKIPS", "") not in {"", "0"}


def _fail_if_skipped(report: Any) -> None:
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
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
