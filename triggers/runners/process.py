"""Customers' handler files, Node or Python, each in a warm process of its own behind walls.

A process serves one event at a time and is used again while its file and its function's settings
stay as they are. Whatever it does but answer costs it its life: the next event gets a new one.
"""

import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Final, NoReturn

import orjson

from triggers.events import Event
from triggers.models import Function
from triggers.runners import isolation
from triggers.runners.base import (
    LARGEST_ANSWER,
    LONGEST_LOG,
    Answer,
    FunctionError,
    RunnerUnavailable,
    TimedOut,
    UnreadableAnswer,
    message_of,
    too_large,
)
from triggers.runners.isolation import CODE, RUNTIME, Isolation, Sandbox
from userpools.conf import settings

# Processes of one function in this process, and idle ones of all functions.
MOST_OF_FUNCTION: Final = 4
MOST_IDLE: Final = 16
NODE_SUFFIXES: Final = frozenset({".js", ".cjs", ".mjs"})
_PIECE: Final = 64 * 1024
_ENDING_SECONDS: Final = 5
_DENIED: Final = "AccessDeniedException"
_MISSING: Final = "ResourceNotFoundException"
_UNAVAILABLE: Final = "ServiceException"
_BUSY: Final = "TooManyRequestsException"

# A function's settings and its file, as they were when its process started.
Key = tuple[object, int, str, int, int]


class ProcessRunner:
    """Runs the handler named `handler` in the file at `target`."""

    def run(self, function: Function, event: Event, *, timeout: float) -> Answer:
        """Run in a warm process, or in a new one."""
        deadline = time.monotonic() + timeout
        if not settings.TRIGGER_PROCESSES:
            raise RunnerUnavailable(
                _DENIED, "Handler files do not run here: POOLHOUSE_TRIGGER_PROCESSES is off."
            )
        key = _key(function)
        processes = pool()
        child = processes.take(key, deadline)
        try:
            if child is None:
                child = processes.start(function)
            answer = child.call(function, event, deadline)
        except BaseException:
            processes.drop(key, child)
            raise
        processes.give(key, child)
        return answer

    def check(self, function: Function) -> str:
        """Want a handler file whose folder may be shown."""
        path = Path(function.target)
        if not path.is_absolute() or not path.is_file():
            return "There is no file of that absolute path."
        if path.suffix not in {*NODE_SUFFIXES, ".py"}:
            return "A handler file ends in .js, .cjs, .mjs or .py."
        return isolation.forbidden(path.resolve().parent)


def _key(function: Function) -> Key:
    try:
        found = os.stat(function.target)
    except OSError as exc:
        raise RunnerUnavailable(_MISSING, f"The handler file cannot be read: {exc}") from exc
    # Not the time that the file bears: a deployment may set that, and no user can set this one.
    return (function.pk, function.version, function.target, found.st_ino, found.st_ctime_ns)


@dataclass(slots=True)
class Child:
    """One handler process: `line` carries events and answers, `log` what it prints."""

    process: "subprocess.Popen[bytes]"
    line: socket.socket
    log: int
    folder: str = ""
    # An earlier event's answer came late, so that this process is not used again.
    is_stale: bool = False
    _deadline: float = 0.0
    _received: bytearray = field(default_factory=bytearray)
    _printed: bytearray = field(default_factory=bytearray)

    def call(self, function: Function, event: Event, deadline: float) -> Answer:
        """Send an event and wait for its answer; the process is of no use after an error."""
        call_id = secrets.token_hex(8)
        remaining_ms = max(0.0, deadline - time.monotonic()) * 1000
        call = {
            "id": call_id,
            "functionName": function.name,
            "arn": function.arn,
            "memory": function.memory_mb,
            "deadline": int(time.time() * 1000 + remaining_ms),
            "event": event,
        }
        self._deadline = deadline
        # What was printed after an earlier answer may tell of an earlier event's secrets.
        self._drain(None)
        self._printed.clear()
        text = self._exchange(orjson.dumps(call) + b"\n", call_id, deadline)
        if "error" in text:
            raise FunctionError(message_of(text["error"]), log=self._log())
        return Answer(text.get("result"), self._log())

    def _exchange(self, outgoing: bytes, call_id: str, deadline: float) -> dict[str, Any]:
        waiting = memoryview(outgoing)
        with selectors.DefaultSelector() as selector:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            selector.register(self.line, both)
            selector.register(self.log, selectors.EVENT_READ)
            while True:
                for key, ready in self._ready(selector, deadline):
                    if key.fileobj == self.log:
                        self._drain(selector)
                        continue
                    if ready & selectors.EVENT_WRITE:
                        waiting = self._send(waiting, call_id)
                        if not waiting:
                            selector.modify(self.line, selectors.EVENT_READ)
                    if ready & selectors.EVENT_READ:
                        found = self._receive(call_id)
                        if found is not None:
                            self._drain(selector)
                            return found

    def _ready(
        self, selector: selectors.BaseSelector, deadline: float
    ) -> list[tuple[selectors.SelectorKey, int]]:
        remaining = deadline - time.monotonic()
        ready = selector.select(remaining) if remaining > 0 else []
        if not ready and time.monotonic() >= deadline:
            raise TimedOut("The handler did not answer in time.", log=self._log())
        return ready

    def _send(self, waiting: memoryview, call_id: str) -> memoryview:
        try:
            return waiting[self.line.send(waiting) :]
        except BlockingIOError:
            return waiting
        except OSError:
            self._exited(call_id)

    def _receive(self, call_id: str) -> dict[str, Any] | None:
        """Read what is there; return the answer to this call once it is whole."""
        try:
            piece = self.line.recv(_PIECE)
        except BlockingIOError:
            return None
        except OSError:
            piece = b""
        if not piece:
            self._exited(call_id)
        self._received += piece
        while (end := self._received.find(b"\n")) >= 0:
            text = bytes(self._received[:end])
            del self._received[: end + 1]
            answer = self._parsed(text)
            if answer.get("id") == call_id:
                self.is_stale = self.is_stale or bool(self._received)
                return answer
            self.is_stale = True
        if len(self._received) > LARGEST_ANSWER:
            error = too_large(len(self._received))
            error.log = self._log()
            raise error
        return None

    def _parsed(self, text: bytes) -> dict[str, Any]:
        if len(text) > LARGEST_ANSWER:
            raise too_large(len(text))
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError as exc:
            raise UnreadableAnswer("The answer is no JSON document.", log=self._log()) from exc
        if not isinstance(answer, dict):
            raise UnreadableAnswer("The answer is no JSON object.", log=self._log())
        return answer

    def _exited(self, call_id: str) -> NoReturn:
        """Raise what Lambda says of a process that ended instead of answering."""
        try:
            code = self.process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimedOut("The handler closed its line and went on.", log=self._log()) from None
        self._drain(None)
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        raise FunctionError(
            f"RequestId: {call_id} Error: Runtime exited with error: {how}", log=self._log()
        )

    def _drain(self, selector: selectors.BaseSelector | None) -> None:
        """Read what the handler printed so far; keep the end of it."""
        while True:
            try:
                piece = os.read(self.log, _PIECE)
            except BlockingIOError:
                return
            if not piece:
                # It closed its output: nothing more to wait for.
                if selector is not None and self.log in selector.get_map():
                    selector.unregister(self.log)
                return
            self._printed += piece
            del self._printed[:-LONGEST_LOG]
            if len(piece) < _PIECE:
                return

    def _log(self) -> str:
        return bytes(self._printed).decode("utf-8", "replace")

    @property
    def is_usable(self) -> bool:
        """Whether another event may be sent to it."""
        return not self.is_stale and self.process.poll() is None

    def end(self) -> None:
        """Kill the process with all that it started, and remove its folder."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_ENDING_SECONDS)
        self.line.close()
        with suppress(OSError):
            os.close(self.log)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Pool:
    """The handler processes of this process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._idle: dict[Key, list[Child]] = {}
        self._count: dict[Key, int] = {}
        self._changed = threading.Condition()
        # One thread starts them all and never ends: where bubblewrap ties a process to the life of
        # its parent, the kernel means the thread that made it.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="handlers")

    def take(self, key: Key, deadline: float) -> Child | None:
        """Return an idle process; None where the caller may start one, and is counted for it.

        Raises RunnerUnavailable when all are busy until the deadline.
        """
        ended = []
        try:
            with self._changed:
                ended += self._outdated(key)
                while True:
                    idle = self._idle.get(key, [])
                    while idle:
                        child = idle.pop()
                        if child.is_usable:
                            return child
                        ended.append(child)
                        self._count[key] -= 1
                    if self._count.get(key, 0) < MOST_OF_FUNCTION:
                        self._count[key] = self._count.get(key, 0) + 1
                        return None
                    if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                        raise RunnerUnavailable(_BUSY, "All processes of the function are busy.")
        finally:
            for child in ended:
                child.end()

    def _outdated(self, key: Key) -> list[Child]:
        """Take out idle processes of the same function from before it changed."""
        old = [other for other in self._idle if other[0] == key[0] and other != key]
        ended = []
        for other in old:
            children = self._idle.pop(other)
            self._count[other] -= len(children)
            self._forget_if_empty(other)
            ended += children
        return ended

    def give(self, key: Key, child: Child) -> None:
        """Take a process back; with too many idle ones, the longest idle function's go."""
        if not child.is_usable:
            self.drop(key, child)
            return
        with self._changed:
            # Behind the others: what was used last is given up last.
            idle = self._idle.pop(key, [])
            self._idle[key] = [*idle, child]
            ended = self._surplus()
            self._changed.notify()
        for each in ended:
            each.end()

    def _surplus(self) -> list[Child]:
        ended = []
        for key in list(self._idle):
            while self._idle[key] and sum(map(len, self._idle.values())) > MOST_IDLE:
                ended.append(self._idle[key].pop(0))
                self._count[key] -= 1
            self._forget_if_empty(key)
        return ended

    def _forget_if_empty(self, key: Key) -> None:
        if not self._count.get(key) and not self._idle.get(key):
            self._count.pop(key, None)
            self._idle.pop(key, None)

    def drop(self, key: Key, child: Child | None) -> None:
        """End a process, or note that none was started."""
        with self._changed:
            self._count[key] -= 1
            self._forget_if_empty(key)
            self._changed.notify()
        if child is not None:
            child.end()

    def start(self, function: Function) -> Child:
        """Start a process for a function; raise RunnerUnavailable where that cannot be."""
        try:
            return self._starter.submit(_start, function).result()
        except (OSError, LookupError, RuntimeError) as exc:
            raise RunnerUnavailable(_UNAVAILABLE, f"The handler did not start: {exc}") from exc

    def close(self) -> None:
        """End all idle processes; busy ones end with this process."""
        with self._changed:
            children = []
            for key, idle in list(self._idle.items()):
                children += idle
                self._count[key] -= len(idle)
                self._idle[key] = []
                self._forget_if_empty(key)
        for child in children:
            child.end()


def _start(function: Function) -> Child:
    file = Path(function.target).resolve()
    walls = isolation.isolation()
    if settings.PRODUCTION and (problem := isolation.refusal()):
        raise RunnerUnavailable(_DENIED, problem)
    if problem := isolation.forbidden(file.parent):
        raise RunnerUnavailable(_DENIED, problem)
    ours, theirs = socket.socketpair()
    log, their_log = os.pipe()
    folder = ""
    try:
        if walls is not Isolation.BUBBLEWRAP:
            folder = _folder()
        process = subprocess.Popen(  # noqa: S603
            _command(function, file, theirs.fileno(), walls),
            stdin=subprocess.DEVNULL,
            stdout=their_log,
            stderr=their_log,
            pass_fds=(theirs.fileno(),),
            cwd=folder or "/",
            env=_environment(function, folder),
            start_new_session=True,
            user=isolation.account(),
            group=isolation.account(),
            extra_groups=[] if isolation.account() else None,
        )
    except BaseException:
        ours.close()
        os.close(log)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        theirs.close()
        os.close(their_log)
    ours.setblocking(False)
    os.set_blocking(log, False)
    return Child(process, ours, log, folder)


def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="poolhouse-function-")
    uid = isolation.account()
    if uid is not None:
        os.chown(folder, uid, uid)
    return folder


def _environment(function: Function, folder: str) -> dict[str, str]:
    """Return all that the handler finds in its environment."""
    home = folder or "/tmp"  # noqa: S108 - the sandbox's own
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        **function.environment,
    }


def _command(function: Function, file: Path, descriptor: int, walls: Isolation) -> list[str]:
    has_walls = walls is Isolation.BUBBLEWRAP
    runtime = RUNTIME if has_walls else str(isolation.PROGRAMS)
    shown = f"{CODE}/{file.name}" if has_walls else str(file)
    arguments = (str(descriptor), shown, function.handler)
    program: tuple[str, ...]
    if file.suffix in NODE_SUFFIXES:
        node = isolation.node()
        if not node:
            raise RunnerUnavailable(_UNAVAILABLE, "Node is not installed here.")
        heap = max(32, function.memory_mb * 3 // 4)
        program = (node, f"--max-old-space-size={heap}", f"{runtime}/child.mjs", *arguments)
    else:
        program = (isolation.interpreter(), "-I", "-B", f"{runtime}/child.py", *arguments)
    bounds = isolation.limits(function.memory_mb, walls)
    launcher = (isolation.interpreter(), "-I", "-S", f"{runtime}/launch.py")
    command = (*launcher, orjson.dumps(bounds).decode(), *program)
    if not has_walls:
        return list(command)
    sandbox = Sandbox(command, file.parent, function.may_use_network)
    return isolation.walled(sandbox, isolation.bubblewrap())


class _Process:
    """The pool of this process, and which process that was: a fork has none of its children."""

    pool: Pool | None = None
    lock = threading.Lock()


def pool() -> Pool:
    """Return this process's pool."""
    with _Process.lock:
        if _Process.pool is None or _Process.pool.pid != os.getpid():
            _Process.pool = Pool()
            Finalize(None, _Process.pool.close, exitpriority=10)
        return _Process.pool
