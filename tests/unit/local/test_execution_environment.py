"""What a function may do in its execution environment, as on AWS: files, memory, and nothing that stays."""

import errno
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.execution_environment import Answer, ExecutionEnvironment, FunctionSpec
from local.runtime_client import make_runtime_client

HANDLER = """
import os, shutil, sqlite3, tempfile, time
from pathlib import Path

HERE, OWN = Path(__file__).parent, Path(tempfile.gettempdir())

def relative():
    os.chdir(HERE)
    os.mkdir("made")

def by_link():
    (OWN / "link").symlink_to(HERE / "linked.txt")
    (OWN / "link").write_text("x")

REFUSED = {
    "write": lambda: (HERE / "new.txt").write_text("x"),
    "change": lambda: open(__file__, "r+"),
    "descriptor": lambda: os.open(HERE / "new.txt", os.O_CREAT | os.O_WRONLY),
    "remove": lambda: os.remove(__file__),
    "rename away": lambda: os.rename(__file__, OWN / "handler.py"),
    "rename to": lambda: ((OWN / "a").touch(), os.rename(OWN / "a", HERE / "a")),
    "folder": lambda: os.makedirs(HERE / "new" / "folder"),
    "relative": relative,
    "mode": lambda: os.chmod(__file__, 0o777),
    "times": lambda: os.utime(__file__),
    "link": lambda: os.symlink(__file__, HERE / "link"),
    "by a link": by_link,
    "up": lambda: (OWN / ".." / "beside.txt").write_text("x"),
    "home": lambda: os.mkdir(os.path.expanduser("~/.cache")),
    "shared": lambda: Path("/tmp/easel-test-of-a-shared-file").write_text("x"),
    "database": lambda: sqlite3.connect(HERE / "new.db"),
    "tree": lambda: shutil.rmtree(HERE),
}

def temporary():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a").write_text("a")
        (Path(folder) / "a").rename(Path(folder) / "b")
        os.symlink(__file__, Path(folder) / "link")
        os.mkdir(Path(folder) / "inner")
    with tempfile.SpooledTemporaryFile(10) as spool:
        spool.write(b"x" * 100)
    Path(os.devnull).write_text("x")
    return [name for name in os.listdir(OWN) if name != "kept"]

def handler(event, context):
    what = event["do"]
    if what == "refused":
        try:
            REFUSED[event["way"]]()
        except OSError as error:
            return error.errno
        return None
    if what == "temporary":
        return temporary()
    if what == "fill":
        (OWN / "large").write_bytes(b"x" * event["bytes"])
        return None
    if what == "hold":
        held = b"x" * event["bytes"]
        if event["then"] == "wait":
            time.sleep(20)
        return len(held)
    if what == "keep":
        (OWN / "kept").touch()
    if what == "exit":
        os._exit(3)
    return {"own": str(OWN), "kept": (OWN / "kept").exists(), "home": os.path.expanduser("~")}
"""
WAYS = (
    *("write", "change", "descriptor", "remove", "rename away", "rename to", "folder", "relative", "mode"),
    *("times", "link", "by a link", "up", "home", "shared", "database", "tree"),
)
MEGABYTE = 1024 * 1024
STORAGE_MEGABYTES = 2
MEMORY_MEGABYTES = 128
TIMEOUT_SECONDS = 15.0
PATIENCE_SECONDS = 10.0

Start = Callable[[], ExecutionEnvironment]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> FunctionSpec:
    """The function."""
    package = tmp_path_factory.mktemp("package")
    (package / "handler.py").write_text(HANDLER)
    return FunctionSpec(
        name="painter",
        arn="arn:aws:lambda:us-east-1:000000000000:function:painter",
        handler="handler.handler",
        runtime="python3.13",
        timeout_seconds=TIMEOUT_SECONDS,
        memory_megabytes=MEMORY_MEGABYTES,
        storage_megabytes=STORAGE_MEGABYTES,
        variables={},
        python_path=(package, make_runtime_client(tmp_path_factory.mktemp("runtime"))),
    )


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What was written to the log."""
    return []


@pytest.fixture(scope="module")
def start(spec: FunctionSpec, lines: list[str]) -> Iterator[Start]:
    """Starts environments of it, which are ended with the tests."""
    started = []

    def make() -> ExecutionEnvironment:
        environment = ExecutionEnvironment(spec, {}, lines.append)
        started.append(environment)
        assert environment.wait_until_ready() is None
        return environment

    yield make
    for environment in started:
        environment.stop()


@pytest.fixture(scope="module")
def environment(start: Start) -> ExecutionEnvironment:
    """One that every test may use which does not end it."""
    return start()


def ask(environment: ExecutionEnvironment, do: str, **event: Any) -> Answer:
    """Invoke with an event of these fields."""
    return environment.invoke("request-7", json.dumps({"do": do, **event}).encode())


def told(answer: Answer) -> Any:
    """The answer of a call that went well."""
    assert not answer.is_error, answer.payload
    return json.loads(answer.payload)


def failure(answer: Answer) -> dict[str, Any]:
    """The error of one that did not."""
    assert answer.is_error, answer.payload
    error: dict[str, Any] = json.loads(answer.payload)
    return error


@pytest.mark.parametrize("way", WAYS)
def test_all_but_the_temporary_folder_is_read_only(
    environment: ExecutionEnvironment, spec: FunctionSpec, way: str
) -> None:
    assert told(ask(environment, "refused", way=way)) == errno.EROFS
    assert [path.name for path in spec.python_path[0].iterdir()] == ["handler.py"]
    assert (spec.python_path[0] / "handler.py").read_text() == HANDLER


def test_the_temporary_folder_is_written_as_any_other(environment: ExecutionEnvironment) -> None:
    left = set(told(ask(environment, "temporary")))
    assert left <= {"a", "link"}  # which the calls that were refused had made there


def test_a_file_above_the_ephemeral_storage_is_refused(environment: ExecutionEnvironment) -> None:
    assert told(ask(environment, "fill", bytes=STORAGE_MEGABYTES * MEGABYTE)) is None
    refused = failure(ask(environment, "fill", bytes=STORAGE_MEGABYTES * MEGABYTE + 1))
    assert refused["errorType"] == "OSError"
    assert "File too large" in refused["errorMessage"]


def test_environments_share_no_folder_and_leave_none(start: Start) -> None:
    first, second = start(), start()
    one = told(ask(first, "keep"))
    assert (one["kept"], told(ask(first, "look"))["kept"]) == (True, True)  # as /tmp is kept on AWS
    other = told(ask(second, "look"))
    assert one["own"] != other["own"]
    assert not other["kept"]
    first.stop()
    ask(second, "exit")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(Path(each["own"]).exists() for each in (one, other)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [each["own"] for each in (one, other) if Path(each["own"]).exists()] == []


def test_there_is_no_home_whose_files_could_change_what_a_function_does(
    environment: ExecutionEnvironment,
) -> None:
    assert not Path(told(ask(environment, "look"))["home"]).exists()


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="looks at memory in /proc")
@pytest.mark.parametrize("then", ["answer", "wait"])
def test_a_function_that_takes_more_than_its_memory_is_killed(
    start: Start, lines: list[str], then: str
) -> None:
    environment = start()
    assert told(ask(environment, "hold", bytes=10 * MEGABYTE, then="answer")) == 10 * MEGABYTE
    started = time.monotonic()
    killed = failure(ask(environment, "hold", bytes=MEMORY_MEGABYTES * MEGABYTE, then=then))
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert killed["errorType"] == "Runtime.OutOfMemory"
    message = "RequestId: request-7 Error: Runtime exited with error: signal: killed"
    assert killed["errorMessage"] == message
    assert message in lines
    assert not environment.alive
