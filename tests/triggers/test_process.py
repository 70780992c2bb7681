"""Handler files: both languages, every style of answering, and every way of misbehaving."""

import os
import selectors
import tempfile
import time
from pathlib import Path

import pytest

from triggers.runners import isolation, process
from triggers.runners.base import (
    FunctionError,
    RunnerUnavailable,
    TimedOut,
    UnreadableAnswer,
)
from triggers.runners.isolation import Isolation
from triggers.runners.process import ProcessRunner

EVENT = {
    "userPoolId": "p",
    "triggerSource": "PreSignUp_SignUp",
    "request": {"n": 1},
    "response": {},
}
CONFIRM = {**EVENT, "response": {"autoConfirmUser": True}}
# Long enough to start a process on a busy machine; nothing waits for it but what must hang.
SECONDS = 20.0

STYLES = {
    "callback.js": "exports.handler = (event, context, callback) => {"
    " event.response.autoConfirmUser = true; callback(null, event); }",
    "late.js": "exports.handler = (event, context, callback) => {"
    " setImmediate(() => { event.response.autoConfirmUser = true; callback(null, event); }); }",
    "promise.js": "exports.handler = (event) => {"
    " event.response.autoConfirmUser = true; return Promise.resolve(event); }",
    "async.js": "exports.handler = async (event) => {"
    " event.response.autoConfirmUser = true; return event; }",
    "done.js": "exports.handler = function (event, context) {"
    " event.response = { autoConfirmUser: true }; context.done(null, event); }",
    "succeed.js": "exports.handler = function (event, context) {"
    " event.response.autoConfirmUser = true; context.succeed(event); }",
    "common.cjs": "module.exports = { handler: async (event) => ("
    "{ ...event, response: { autoConfirmUser: true } }) }",
    "module.mjs": "export const handler = async (event) => {"
    " event.response.autoConfirmUser = true; return event; }",
    "awaiting.mjs": "const value = await Promise.resolve(true);"
    "export const handler = async (event) => {"
    " event.response.autoConfirmUser = value; return event; }",
    "plain.py": "def handler(event, context):\n"
    "    event['response']['autoConfirmUser'] = True\n    return event\n",
}

FAILURES = {
    "throws.js": ("exports.handler = () => { throw new Error('no thanks') }", "no thanks"),
    "rejects.js": ("exports.handler = async () => { throw new Error('no thanks') }", "no thanks"),
    "callback.js": ("exports.handler = (e, c, cb) => cb(new Error('no thanks'))", "no thanks"),
    "text.js": ("exports.handler = (e, c, cb) => cb('no thanks')", "no thanks"),
    "fail.js": ("exports.handler = (e, c) => c.fail('no thanks')", "no thanks"),
    "done.js": ("exports.handler = (e, c) => c.done(new Error('no thanks'))", "no thanks"),
    "late.js": (
        "exports.handler = (e, c, cb) => { setImmediate(() => { throw new Error('no thanks') }) }",
        "no thanks",
    ),
    "nothing.js": ("exports.handler = async () => { throw undefined }", "null"),
    "cyclic.js": (
        "exports.handler = async () => { const a = {}; a.a = a; return a }",
        "circular structure",
    ),
    "syntax.js": ("exports.handler = (", "Unexpected end of input"),
    "absent.js": ("exports.other = 1", "handler is undefined or not exported"),
    "exits.js": ("exports.handler = () => process.exit(3)", "exit status 3"),
    "heap.js": (
        "exports.handler = () => { const a = []; for (;;) a.push('x'.repeat(99) + a.length) }",
        "Runtime exited with error",
    ),
    "throws.py": ("def handler(e, c):\n    raise ValueError('no thanks')\n", "no thanks"),
    "syntax.py": ("def handler(:\n", "invalid syntax"),
    "absent.py": ("other = 1\n", "missing on module"),
    "object.py": ("def handler(e, c):\n    return object()\n", "not JSON serializable"),
    "exits.py": ("import os\ndef handler(e, c):\n    os._exit(3)\n", "exit status 3"),
    "leaves.py": ("import sys\ndef handler(e, c):\n    sys.exit(3)\n", "exit status 3"),
    "memory.py": ("def handler(e, c):\n    return bytearray(1 << 30)\n", None),
}

FORKS = """
import os, time

def handler(e, c):
    made = 0
    try:
        while made < 1000:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            made += 1
    except OSError:
        return made
    return made
"""

HANGS = {
    "loop.js": "exports.handler = () => { for (;;) {} }",
    "silent.js": "exports.handler = (e, c, cb) => {}",
    "loop.py": "def handler(e, c):\n    while True:\n        pass\n",
    "orphan.py": "import os, time\ndef handler(e, c):\n    os.fork() or os.setsid()\n"
    "    time.sleep(600)\n",
}


def run(function, event=EVENT, timeout=SECONDS):
    return ProcessRunner().run(function, event, timeout=timeout)


@pytest.mark.parametrize("name", STYLES)
def test_each_style_of_answering_is_understood(handler, name):
    function = handler(name, STYLES[name])
    for _ in range(2):  # a new process and a warm one
        assert run(function).value == CONFIRM


@pytest.mark.parametrize("waits", [False, True])
def test_a_package_s_type_makes_a_file_a_module(handler, waits):
    value = "await Promise.resolve('module')" if waits else "'module'"
    function = handler(
        "index.js", f"const value = {value};\nexport const handler = async () => value;"
    )
    Path(function.target).with_name("package.json").write_text('{"type": "module"}')
    assert run(function).value == "module"


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_the_function_s_and_the_next_call_is_served(handler, name):
    source, text = FAILURES[name]
    function = handler(name, source, memory_mb=128)
    for _ in range(2):
        with pytest.raises(FunctionError, match=text):
            run(function)


@pytest.mark.parametrize("name", HANGS)
def test_a_handler_that_hangs_is_killed(handler, processes, name):
    function = handler(name, HANGS[name])
    started = time.monotonic()
    with pytest.raises(TimedOut):
        run(function, timeout=0.8)
    assert time.monotonic() - started < 5
    assert not processes._idle.get(process._key(function))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("large.js", "exports.handler = async () => 'x'.repeat(10 << 20)"),
        ("large.py", "def handler(e, c):\n    return 'x' * (10 << 20)\n"),
    ],
)
def test_an_answer_of_ten_megabytes_is_refused(handler, name, source):
    with pytest.raises(FunctionError, match="exceeded maximum allowed payload size"):
        run(handler(name, source))


@pytest.mark.parametrize("value", ["null", "undefined", "7", "'text'", "[]"])
def test_an_answer_that_is_no_event_comes_back_as_it_is(handler, value):
    answer = run(handler("odd.js", f"exports.handler = async () => ({value})")).value
    assert answer == {"null": None, "undefined": None, "7": 7, "'text'": "text", "[]": []}[value]


@pytest.mark.parametrize("garbage", [b"garbage\n", b"[]\n", b"\xff\xfe\n"])
def test_garbage_on_the_line_is_no_answer(handler, garbage):
    source = f"import os, sys\ndef handler(e, c):\n    os.write(int(sys.argv[1]), {garbage!r})\n"
    with pytest.raises(UnreadableAnswer):
        run(handler("garbage.py", source))


def test_an_answer_to_another_call_is_passed_over(handler, processes):
    source = (
        "import os, sys\ndef handler(e, c):\n"
        '    os.write(int(sys.argv[1]), b\'{"id": "other", "result": 1}\\n\')\n    return 2\n'
    )
    function = handler("forged.py", source)
    assert run(function).value == 2
    # It is not trusted with another event.
    assert not processes._idle.get(process._key(function))


def test_a_handler_that_forks_is_answered_once(handler):
    source = "import os\ndef handler(e, c):\n    os.fork()\n    return os.getpid()\n"
    function = handler("forks.py", source)
    for _ in range(3):
        assert isinstance(run(function).value, int)


def test_output_is_the_log_and_its_end_is_kept(handler):
    function = handler(
        "prints.py",
        "import sys\ndef handler(e, c):\n    print('x' * (4 << 20))\n    print('out')\n"
        "    print('err', file=sys.stderr)\n    return e\n",
    )
    log = run(function).log
    assert log.endswith("xout\nerr\n".replace("x", "x\n", 1))
    assert len(log) <= 16 * 1024


def test_a_failure_keeps_what_was_printed(handler):
    function = handler(
        "prints.js", "exports.handler = () => { console.log('before'); process.exit(1) }"
    )
    with pytest.raises(FunctionError) as caught:
        run(function)
    assert "before" in caught.value.log


def test_a_process_is_used_again(handler):
    function = handler("pid.py", "import os\nn = [0]\ndef handler(e, c):\n    n[0] += 1\n"
                       "    return n[0]\n")  # fmt: skip
    assert [run(function).value for _ in range(3)] == [1, 2, 3]


def test_a_changed_file_is_loaded(handler):
    function = handler("value.py", "def handler(e, c):\n    return 1\n")
    assert run(function).value == 1
    Path(function.target).write_text("def handler(e, c):\n    return 22\n")
    assert run(function).value == 22


def test_a_killed_process_is_replaced(handler, processes):
    function = handler("pid.py", "def handler(e, c):\n    return 1\n")
    assert run(function).value == 1
    (child,) = processes._idle[process._key(function)]
    os.killpg(child.process.pid, 9)
    child.process.wait()
    assert run(function).value == 1


def test_a_file_put_in_place_with_the_old_one_s_time_and_size_is_loaded(handler):
    function = handler("value.py", "def handler(e, c):\n    return 1\n")
    assert run(function).value == 1
    file = Path(function.target)
    then, newer = file.stat(), file.with_name("newer")
    newer.write_text("def handler(e, c):\n    return 2\n")
    os.utime(newer, ns=(then.st_atime_ns, then.st_mtime_ns))
    newer.replace(file)
    assert run(function).value == 2


def test_what_is_printed_after_an_answer_is_in_no_other_call_s_log(handler, processes):
    function = handler(
        "after.js",
        "exports.handler = (e, c, cb) => { console.log('during', e.request.n); cb(null, e);"
        " setTimeout(() => console.log('after', e.request.n), 300); }",
    )
    run(function)
    (child,) = processes._idle[process._key(function)]
    with selectors.DefaultSelector() as printed:
        printed.register(child.log, selectors.EVENT_READ)
        assert printed.select(SECONDS)
    log = run(function, {**EVENT, "request": {"n": 2}}).log
    assert log.startswith("during 2")
    assert "after 1" not in log


def test_a_handler_that_hangs_up_and_stays_has_no_more_time(handler):
    source = (
        "import os, sys, time\ndef handler(e, c):\n"
        "    os.close(int(sys.argv[1]))\n    time.sleep(600)\n"
    )
    function = handler("hangs_up.py", source)
    started = time.monotonic()
    with pytest.raises(TimedOut):
        run(function, timeout=1.0)
    assert time.monotonic() - started < 4


def test_a_handler_that_ends_after_its_answer_does_no_harm(handler):
    function = handler(
        "ends.js",
        "exports.handler = async (e) => { setImmediate(() => process.exit(0)); return e }",
    )
    answers = []
    for _ in range(4):
        try:
            answers.append(run(function).value)
        except FunctionError as exc:
            assert "exit status 0" in str(exc)  # noqa: PT017
    assert answers


def test_the_longest_idle_process_makes_room(handler, processes, monkeypatch):
    monkeypatch.setattr(process, "MOST_IDLE", 1)
    source = "def handler(e, c):\n    return 1\n"
    old, new = handler("old.py", source), handler("new.py", source)
    run(old)
    (child,) = processes._idle[process._key(old)]
    run(new)
    assert list(processes._idle) == list(processes._count) == [process._key(new)]
    assert child.process.returncode == -9


def test_a_missing_file_is_a_missing_function(handler):
    function = handler("gone.py", "def handler(e, c):\n    return e\n")
    Path(function.target).unlink()
    with pytest.raises(RunnerUnavailable) as caught:
        run(function)
    assert caught.value.reason == "ResourceNotFoundException"


def test_nothing_runs_unless_the_operator_says_so(handler, settings):
    function = handler("plain.py", STYLES["plain.py"])
    settings.POOLHOUSE = {**settings.POOLHOUSE, "TRIGGER_PROCESSES": False}
    with pytest.raises(RunnerUnavailable) as caught:
        run(function)
    assert caught.value.reason == "AccessDeniedException"


def test_production_runs_nothing_without_walls(handler, settings, monkeypatch):
    function = handler("plain.py", STYLES["plain.py"])
    monkeypatch.setattr(isolation, "bubblewrap", tuple)
    settings.POOLHOUSE = {**settings.POOLHOUSE, "PRODUCTION": True}
    with pytest.raises(RunnerUnavailable, match="production"):
        run(function)


def test_production_runs_nothing_as_root_whose_processes_nothing_limits(
    handler, settings, monkeypatch
):
    function = handler("plain.py", STYLES["plain.py"])
    monkeypatch.setattr(isolation, "is_root", lambda: True)
    monkeypatch.setattr(isolation, "bubblewrap", lambda: ("bwrap",))
    settings.POOLHOUSE = {**settings.POOLHOUSE, "PRODUCTION": True}
    with pytest.raises(RunnerUnavailable, match="POOLHOUSE_TRIGGER_USER"):
        run(function)


def test_all_processes_busy_is_too_many_requests(handler, monkeypatch):
    monkeypatch.setattr(process, "MOST_OF_FUNCTION", 0)
    with pytest.raises(RunnerUnavailable) as caught:
        run(handler("plain.py", STYLES["plain.py"]), timeout=0.1)
    assert caught.value.reason == "TooManyRequestsException"


def test_the_environment_is_the_function_s_alone(handler, monkeypatch):
    monkeypatch.setenv("POOLHOUSE_MASTER_KEY", "never")
    function = handler(
        "environment.py",
        "import os\ndef handler(e, c):\n    return dict(os.environ)\n",
        environment={"API_URL": "https://example.com"},
    )
    found = run(function).value
    assert found["API_URL"] == "https://example.com"
    assert set(found) - {"PWD", "LC_CTYPE"} == {
        "PATH", "HOME", "TMPDIR", "LANG", "TZ", "API_URL",
    }  # fmt: skip


def test_without_bubblewrap_handlers_run_in_a_folder_of_their_own(handler, monkeypatch):
    monkeypatch.setattr(isolation, "bubblewrap", tuple)
    function = handler("folder.py", "import os\ndef handler(e, c):\n    return os.getcwd()\n")
    folder = run(function).value
    assert folder == os.path.realpath(folder)
    assert "poolhouse-function-" in folder
    process.pool().close()
    assert not Path(folder).exists()


@pytest.fixture
def of_nobody(processes, make_function, monkeypatch, settings):
    """Handlers of another account, under an interpreter that everybody may use."""
    system = Path("/usr/bin/python3").resolve()
    if not isolation.is_root() or not system.exists():
        pytest.skip("only root may become another account, and needs an interpreter for it")
    monkeypatch.setattr(isolation, "interpreter", lambda: str(system))
    monkeypatch.setattr(isolation, "_prefixes", list)
    settings.POOLHOUSE = {**settings.POOLHOUSE, "TRIGGER_USER": "65534"}
    # Not below pytest's own folder, which each session closes to other accounts.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)

        def make(name, source):
            file = Path(folder, name)
            file.write_text(source)
            return make_function("process", str(file))

        yield make


@pytest.mark.parametrize("walls", ["bubblewrap", "account"])
def test_an_account_limits_how_often_a_handler_forks(of_nobody, monkeypatch, walls):
    if walls == "account":
        monkeypatch.setattr(isolation, "bubblewrap", tuple)
        monkeypatch.setattr(isolation, "MOST_OF_ACCOUNT", 100)
    elif not isolation.bubblewrap():
        pytest.skip("bubblewrap does not work here")
    assert 0 < run(of_nobody("forks.py", FORKS)).value < 1000


def test_handlers_of_one_account_do_not_use_up_each_other_s_processes(of_nobody, monkeypatch):
    monkeypatch.setattr(isolation, "bubblewrap", tuple)
    threads = (
        "import threading, time\nfor _ in range(11):\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "def handler(e, c):\n    return 1\n"
    )
    functions = [of_nobody(f"threads{number}.py", threads) for number in range(8)]
    assert [run(function).value for function in functions] == [1] * 8


needs_walls = pytest.mark.skipif(
    not isolation.bubblewrap(), reason="bubblewrap is not installed or may not make namespaces"
)


@needs_walls
def test_behind_walls_nothing_of_the_server_is_seen(handler, settings):
    data = Path(settings.POOLHOUSE["DATA_DIR"])
    (data / "master.key").write_text("secret")
    keys = str(Path.home() / ".ssh")
    source = (
        "import os\ndef handler(e, c):\n"
        f"    return [os.path.exists({str(data)!r}), os.path.exists({keys!r}),\n"
        "        os.path.exists('/etc/shadow'), len(os.listdir('/proc/1/task')) > 0,\n"
        "        [p for p in os.listdir('/proc') if p.isdigit()]]\n"
    )
    data_seen, home_seen, shadow_seen, _own, processes = run(handler("looks.py", source)).value
    assert (data_seen, home_seen, shadow_seen) == (False, False, False)
    assert len(processes) <= 3


@needs_walls
@pytest.mark.parametrize(
    "path", ["/var/task/x", "/usr/x", "/x", "/etc/x", "/dev/x", "/dev/shm/x", "/proc/x"]
)
def test_behind_walls_only_the_working_folder_can_be_written(handler, path):
    source = f"def handler(e, c):\n    open('/tmp/mine', 'w').close()\n    open({path!r}, 'w')\n"
    with pytest.raises(FunctionError, match=r"Read-only|Permission denied|No such file"):
        run(handler("writes.py", source))


@needs_walls
@pytest.mark.parametrize("name", ["core_pattern", "hostname", "domainname"])
def test_behind_walls_no_setting_of_the_kernel_can_be_written(handler, name):
    # Opened alone: what is written to the first of them would be run by the machine's own root.
    path = f"/proc/sys/kernel/{name}"
    source = f"def handler(e, c):\n    open({path!r}).close()\n    open({path!r}, 'r+')\n"
    with pytest.raises(FunctionError, match="Read-only"):
        run(handler("sets.py", source))


@needs_walls
def test_behind_walls_there_is_no_network_unless_the_record_says_so(handler, loopback):
    source = (
        "import socket\ndef handler(e, c):\n"
        f"    socket.create_connection(('127.0.0.1', {loopback.port}), 2).close()\n    return 1\n"
    )
    with pytest.raises(FunctionError):
        run(handler("calls.py", source))
    assert run(handler("calls.py", source, may_use_network=True)).value == 1


@pytest.mark.parametrize("suffix", [".txt", ""])
def test_only_handler_files_are_accepted(handler, suffix):
    from userpools.errors import InvalidParameterException  # noqa: PLC0415

    with pytest.raises(InvalidParameterException, match="ends in"):
        handler(f"file{suffix}", "x")


def test_a_folder_with_the_server_s_data_is_never_shown(handler, settings, tmp_path):
    from userpools.errors import InvalidParameterException  # noqa: PLC0415

    settings.POOLHOUSE = {**settings.POOLHOUSE, "DATA_DIR": tmp_path / "code" / "var"}
    with pytest.raises(InvalidParameterException, match="own data"):
        handler("inside.py", "def handler(e, c):\n    return e\n")


@pytest.mark.parametrize(
    "folder", ["/usr/local/var/poolhouse", "/etc/ssl/private", "/opt/node/var"]
)
def test_nothing_runs_where_what_every_handler_sees_holds_the_server_s_data(
    handler, settings, monkeypatch, folder
):
    function = handler("plain.py", STYLES["plain.py"])
    monkeypatch.setattr(isolation, "node", lambda: "/opt/node/bin/node")
    settings.POOLHOUSE = {**settings.POOLHOUSE, "DATA_DIR": Path(folder)}
    with pytest.raises(RunnerUnavailable, match="own data"):
        run(function)


def test_an_account_without_walls_is_named_by_its_user(settings, monkeypatch):
    monkeypatch.setattr(isolation, "bubblewrap", tuple)
    monkeypatch.setattr(isolation, "is_root", lambda: True)
    settings.POOLHOUSE = {**settings.POOLHOUSE, "TRIGGER_USER": "65534"}
    assert (isolation.isolation(), isolation.account()) == (Isolation.ACCOUNT, 65534)
