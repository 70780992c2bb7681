"""The walls around handler files: bubblewrap where it works, another account, or none.

A handler sees its own folder, the system's programs and libraries, and what its function record
configures: neither the server's environment, nor its files, nor its network.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from userpools.conf import settings

CODE: Final = "/var/task"
RUNTIME: Final = "/var/runtime"
# Of all the files that a handler writes, and of one of them.
MOST_WRITTEN: Final = 64 * 1024 * 1024
# A Node process has eleven threads before it does anything, and threads count too. Behind walls the
# limit is each handler's own; without, all handlers of an account share it.
MOST_PROCESSES: Final = 64
MOST_OF_ACCOUNT: Final = 2048
MOST_FILES: Final = 256
PROBE_SECONDS: Final = 10

PROGRAMS: Final = Path(__file__).resolve().parent / "runtime"
# Not by `--unshare-all` alone: where root serves, that leaves the user namespace out.
_NAMESPACES: Final = ("--unshare-all", "--unshare-user")
_SYSTEM: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_CONFIGURATION: Final = (
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl", "/etc/pki",
)  # fmt: skip
_NETWORK: Final = ("/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf")


class Isolation(StrEnum):
    """What stands between a handler file and the server."""

    BUBBLEWRAP = "bubblewrap"
    ACCOUNT = "account"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What one handler process is to be given."""

    command: tuple[str, ...]
    code: Path
    may_use_network: bool


def interpreter() -> str:
    """Return the Python that handlers run under: the server's own, without its packages."""
    return str(Path(getattr(sys, "_base_executable", "") or sys.executable).resolve())


def node() -> str:
    """Return the Node that handlers run under; empty where it is not installed."""
    found = shutil.which("node")
    return str(Path(found).resolve()) if found else ""


def is_root() -> bool:
    """Say whether the server may become other users."""
    return os.geteuid() == 0


def account() -> int | None:
    """Return the user id that handlers run under; None for the server's own.

    Raises LookupError for an account that does not exist.
    """
    name = settings.TRIGGER_USER
    if not name or not is_root():
        return None
    if name.isdecimal():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise LookupError(f"POOLHOUSE_TRIGGER_USER: there is no account {name!r}.") from None


def isolation() -> Isolation:
    """Say which walls there are."""
    if bubblewrap():
        return Isolation.BUBBLEWRAP
    return Isolation.ACCOUNT if account() else Isolation.NONE


def refusal() -> str:
    """Say why handler files must not run in production as things are; empty when they may.

    Raises LookupError for an account that does not exist.
    """
    if isolation() is Isolation.NONE:
        return "Handler files do not run in production without bubblewrap or an account."
    if is_root() and account() is None:
        return (
            "Handler files do not run in production as root, whose number of processes nothing"
            " limits: name an account in POOLHOUSE_TRIGGER_USER."
        )
    return ""


@lru_cache(maxsize=1)
def bubblewrap() -> tuple[str, ...]:
    """Return the command of a bubblewrap that works here, with the options it knows; or nothing.

    In containers it often does not work: making namespaces may be forbidden.
    """
    program = shutil.which("bwrap")
    if not program:
        return ()
    # From version 0.8 on.
    newer = ("--disable-userns",)
    candidates = ((program, *_NAMESPACES, *newer), (program, *_NAMESPACES))
    return next(filter(_works, candidates), ())


def _works(bubblewrap: tuple[str, ...]) -> bool:
    probe = Sandbox((interpreter(), "-I", "-S", "-c", ""), PROGRAMS, may_use_network=False)
    try:
        done = subprocess.run(  # noqa: S603
            walled(probe, bubblewrap),
            capture_output=True,
            env={},
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def limits(memory_mb: int, walls: Isolation) -> dict[str, int]:
    """Return the limits that the launcher sets, by their names in the module `resource`.

    Processes are counted by account, and root's not at all: see `refusal`.
    """
    processes = {Isolation.BUBBLEWRAP: MOST_PROCESSES, Isolation.ACCOUNT: MOST_OF_ACCOUNT}
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_DATA": memory_mb * 1024 * 1024,
        "RLIMIT_FSIZE": MOST_WRITTEN,
        "RLIMIT_NOFILE": MOST_FILES,
        **({"RLIMIT_NPROC": processes[walls]} if walls in processes else {}),
    }


def walled(sandbox: Sandbox, bubblewrap: tuple[str, ...]) -> list[str]:
    """Return the command that runs a handler under bubblewrap."""
    return [
        *bubblewrap,
        *(["--share-net"] if sandbox.may_use_network else []),
        "--die-with-parent",
        *("--cap-drop", "ALL"),
        *_mounts(sandbox),
        *("--chdir", "/tmp"),  # noqa: S108 - the sandbox's own
        *sandbox.command,
    ]


def _mounts(sandbox: Sandbox) -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for path in _SYSTEM:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        else:
            yield from ("--ro-bind-try", path, path)
    for path in (*_CONFIGURATION, *(_NETWORK if sandbox.may_use_network else ())):
        yield from ("--ro-bind-try", path, path)
    for prefix in _prefixes():
        yield from ("--ro-bind", prefix, prefix)
    # Without these, a handler of root's could write /proc/sys: the kernel looks at the user there,
    # not at capabilities. And /dev has no size.
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--remount-ro", "/dev")
    yield from ("--size", str(MOST_WRITTEN), "--tmpfs", "/tmp")  # noqa: S108
    yield from ("--ro-bind", str(sandbox.code), CODE)
    yield from ("--ro-bind", str(PROGRAMS), RUNTIME)
    yield from ("--remount-ro", "/")


def _prefixes() -> Sequence[str]:
    """Return where the interpreters live, if not under /usr."""
    prefixes = {str(Path(sys.base_prefix).resolve())}
    if node():
        prefixes.add(str(Path(node()).parent.parent))
    return sorted(prefix for prefix in prefixes if not Path(prefix).is_relative_to("/usr"))


def forbidden(code: Path) -> str:
    """Say why a folder cannot be shown to a handler; empty when it can.

    The whole folder of a handler file is, so that it may bring its own modules. What every handler
    is shown besides must not hold the server's data either.
    """
    data = Path(settings.DATA_DIR).resolve()
    kept = [data, settings.MASTER_KEY_FILE, settings.MASTER_KEY_PATH]
    secret = [Path(each).resolve() for each in kept if each]
    shown = [code, *map(Path, ("/usr", *_SYSTEM, *_CONFIGURATION, *_prefixes()))]
    if code.is_relative_to(data):
        return f"The folder {code} holds the server's own data, which no handler may see."
    for folder in shown:
        if any(each.is_relative_to(folder) for each in secret):
            return f"The folder {folder} holds the server's own data, which no handler may see."
    return ""
