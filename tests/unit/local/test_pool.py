"""The pool of execution environments, with AWS's own runtime client in real processes."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.execution_environment import Answer, FunctionSpec
from local.pool import STARTS, FunctionPool, Pools
from local.runtime_client import make_runtime_client

HANDLER = """
import os, sys, time

class ThrottledError(Exception):
    pass

def handler(event, context):
    what = event.get("do")
    if what == "raise":
        raise ThrottledError("too fast")
    if what == "exit":
        os._exit(3)
    if what == "sleep":
        time.sleep(event["seconds"])
    if what == "import":
        __import__(event["name"])
    if what == "large":
        return "x" * event["bytes"]
    print("a line of the log")
    return {
        "pid": os.getpid(),
        "request_id": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "environment": {name: value for name, value in os.environ.items() if name.startswith(("AWS", "OWN"))},
        "path": sys.path,
    }
"""
TIMEOUT_SECONDS = 30.0

MakePool = Callable[..., FunctionPool]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the runtime client."""
    return make_runtime_client(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def make_pool(tmp_path: Path, runtime: Path) -> Iterator[MakePool]:
    """Makes pools that are stopped in the end."""
    pools = []

    def make(source: str = HANDLER, limit: int = 2, timeout_seconds: float = TIMEOUT_SECONDS) -> FunctionPool:
        package, layer = tmp_path / "package", tmp_path / "layer"
        package.mkdir(exist_ok=True)
        layer.mkdir(exist_ok=True)
        (package / "handler.py").write_text(source)
        (layer / "from_layer.py").write_text("")
        spec = FunctionSpec(
            name="painter",
            arn="arn:aws:lambda:us-east-1:000000000000:function:painter",
            handler="handler.handler",
            runtime="python3.13",
            timeout_seconds=timeout_seconds,
            memory_megabytes=128,
            storage_megabytes=2,
            variables={"OWN_SETTING": "blue"},
            python_path=(package, layer, runtime),
        )
        pool = FunctionPool(spec, lambda: {"AWS_ACCESS_KEY_ID": "of-the-role"}, lambda line: None, limit)
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.stop()


class Held:
    """An environment that answers when it is let."""

    pid, alive, idle_since = 1, True, 0.0

    def __init__(self) -> None:
        self.gate, self.served = threading.Semaphore(0), list[bytes]()

    def wait_until_ready(self) -> None:
        """At once."""

    def invoke(self, _request_id: str, payload: bytes) -> Answer:
        self.served.append(payload)
        self.gate.acquire()
        return Answer(payload, is_error=False)

    def stop(self) -> None:
        """Nothing to stop."""


def ask(pool: FunctionPool, **event: Any) -> Answer:
    """Invoke with an event of these fields."""
    return pool.invoke(json.dumps(event).encode())


def error_type(answer: Answer) -> str:
    """The error's type; fails when the answer is none."""
    assert answer.is_error, answer.payload
    return str(json.loads(answer.payload)["errorType"])


def process_exists(pid: int) -> bool:
    """Whether the process is there; one that ended but was not waited for is not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_function_gets_its_context_settings_and_role(make_pool: MakePool) -> None:
    pool = make_pool()
    answer = pool.invoke(b"{}", "request-7")
    seen = json.loads(answer.payload)
    assert seen["request_id"] == "request-7"
    assert 0 < seen["remaining_ms"] <= TIMEOUT_SECONDS * 1000
    assert seen["environment"]["OWN_SETTING"] == "blue"
    assert seen["environment"]["AWS_ACCESS_KEY_ID"] == "of-the-role"
    assert seen["environment"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert answer.log == "a line of the log"


def test_a_function_sees_its_package_and_layers_and_no_site_packages(make_pool: MakePool) -> None:
    pool = make_pool()
    path = json.loads(ask(pool).payload)["path"]
    assert [Path(folder).name for folder in path[:2]] == ["package", "layer"]
    assert not [folder for folder in path if "site-packages" in folder]
    assert not ask(pool, do="import", name="from_layer").is_error
    assert error_type(ask(pool, do="import", name="pytest")) == "ModuleNotFoundError"


def test_an_exception_keeps_its_own_error_type(make_pool: MakePool) -> None:
    pool = make_pool()
    answer = ask(pool, do="raise")
    assert error_type(answer) == "ThrottledError"
    assert json.loads(answer.payload)["errorMessage"] == "too fast"
    assert not ask(pool).is_error


def test_a_handler_that_cannot_be_imported_reports_why(make_pool: MakePool) -> None:
    pool = make_pool("import nothing_of_that_name")
    assert error_type(ask(pool)) == "Runtime.ImportModuleError"
    assert pool.environments() == []


def test_a_function_that_takes_too_long_is_ended_and_replaced(make_pool: MakePool) -> None:
    pool = make_pool(timeout_seconds=3.0)
    first = json.loads(ask(pool).payload)["pid"]
    started = time.monotonic()
    assert error_type(ask(pool, do="sleep", seconds=30)) == "Sandbox.Timedout"
    assert time.monotonic() - started < 3.0 + 2
    second = json.loads(ask(pool).payload)["pid"]
    assert second != first
    assert not process_exists(first)


def test_a_process_that_exits_is_reported_and_replaced(make_pool: MakePool) -> None:
    pool = make_pool()
    assert error_type(ask(pool, do="exit")) == "Runtime.ExitError"
    assert not ask(pool).is_error


def test_a_process_that_was_killed_while_idle_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool()
    pid = json.loads(ask(pool).payload)["pid"]
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while process_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    answer = ask(pool)
    # Killed a moment ago, it may have been taken as alive: then the invocation reports its end, as on AWS.
    assert not answer.is_error or error_type(answer) == "Runtime.ExitError"
    assert not ask(pool).is_error


def test_an_answer_above_six_megabytes_is_refused(make_pool: MakePool) -> None:
    answer = ask(make_pool(), do="large", bytes=7 * 1024 * 1024)
    assert error_type(answer) == "Function.ResponseSizeTooLarge"


def test_invocations_above_the_limit_wait_their_turn(make_pool: MakePool) -> None:
    pool = make_pool(limit=2)
    answers: list[Answer] = []
    callers = [
        threading.Thread(target=lambda: answers.append(ask(pool, do="sleep", seconds=0.2))) for _ in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert len(answers) == 8
    assert not [answer for answer in answers if answer.is_error]
    assert len({json.loads(answer.payload)["pid"] for answer in answers}) == 2


def test_who_waited_longest_is_served_first(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    monkeypatch.setattr("local.pool.ExecutionEnvironment", lambda *_: held)
    pool = make_pool(limit=1)
    callers = [threading.Thread(target=pool.invoke, args=(str(number).encode(),)) for number in range(8)]
    for place, caller in enumerate(callers):
        caller.start()
        deadline = time.monotonic() + 10
        while len(held.served) + len(pool._turns) <= place and time.monotonic() < deadline:
            time.sleep(0.001)
    held.gate.release(len(callers))
    for caller in callers:
        caller.join(10)
    assert held.served == [str(number).encode() for number in range(8)]


def test_no_function_starts_more_than_the_machine_bears(make_pool: MakePool) -> None:
    pool = make_pool(limit=8)
    with contextlib.ExitStack() as elsewhere:
        while STARTS.acquire(blocking=False):  # all that may start are under way
            elsewhere.callback(STARTS.release)
        caller = threading.Thread(target=ask, args=(pool,))
        caller.start()
        caller.join(0.3)
        assert caller.is_alive()
        assert pool.environments() == []
    caller.join(10)
    assert len(pool.environments()) == 1


def test_many_invocations_leave_no_more_processes(make_pool: MakePool) -> None:
    pool = make_pool()
    pids = {json.loads(ask(pool).payload)["pid"] for _ in range(50)}
    assert len(pids) == 1
    assert pool.environments() == list(pids)


def test_idle_environments_are_ended_but_for_one(make_pool: MakePool) -> None:
    pool = make_pool(limit=2)
    callers = [threading.Thread(target=lambda: ask(pool, do="sleep", seconds=0.4)) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    before = pool.environments()
    assert len(before) == 2
    pool.end_idle(idle_seconds=0)
    assert len(pool.environments()) == 1
    assert not ask(pool).is_error


def test_a_new_deployment_of_a_function_replaces_its_pool(make_pool: MakePool) -> None:
    pools = Pools()
    old = pools.of("arn", "version 1", make_pool)
    assert pools.of("arn", "version 1", make_pool) is old
    pid = json.loads(ask(old).payload)["pid"]
    new = pools.of("arn", "version 2", make_pool)
    assert new is not old
    assert old.environments() == []
    deadline = time.monotonic() + 5
    while process_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process_exists(pid)
