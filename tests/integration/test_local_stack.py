"""`make run`'s program as a person starts and ends it: what it prints, opens, keeps and leaves behind."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.aws_endpoint import AwsEndpoint
from local.build import REPOSITORY
from local.failure import StackError
from local.processes import free_port
from local.stack import LocalStack
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc"),
]

READY = re.compile(r"^ready (http://127\.0\.0\.1:\d+)$", re.MULTILINE)
START_LIMIT_SECONDS = 120.0
END_LIMIT_SECONDS = 30.0
LISTENING = "0A"  # a socket's state in /proc/net/tcp
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1 and ::1, as /proc writes them


@dataclass
class Run:
    """The program, running on a data folder of its own."""

    process: subprocess.Popen[bytes]
    output: Path
    aws_url: str

    def said(self) -> str:
        """All that it printed so far."""
        return self.output.read_text()

    def wait_for(self, words: str) -> str:
        """Wait until it has printed the words; return all that it printed."""
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return self.said()

    @property
    def url(self) -> str:
        """The public API's address, as printed."""
        match = READY.search(self.wait_for("\nready "))
        assert match is not None
        return match[1]

    def end(self, number: signal.Signals) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(END_LIMIT_SECONDS)


def start(data: Path, *arguments: str) -> Run:
    """Start the program on free ports, with sandbox vendors that answer at once."""
    aws_port = free_port()
    output = data.parent / f"{data.name}-{time.monotonic_ns()}.out"
    settings = {
        "EASEL_DATA_DIR": str(data),
        "EASEL_PORT": str(free_port()),
        "EASEL_AWS_PORT": str(aws_port),
        "EASEL_SANDBOX_LATENCY": "0.2",
    }
    environment = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=REPOSITORY,
            env={**environment, **settings},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return Run(process, output, f"http://127.0.0.1:{aws_port}")


def tree(pid: int) -> set[int]:
    """The ids of a process and of all that descend from it."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def running(pids: set[int]) -> set[int]:
    """Those of the processes that still run."""
    alive = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if ") Z " not in Path(f"/proc/{pid}/stat").read_text():
                alive.add(pid)
    return alive


def wait_until_gone(pids: set[int]) -> set[int]:
    """Wait a while for the processes to end; return those that did not."""
    deadline = time.monotonic() + END_LIMIT_SECONDS
    while running(pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return running(pids)


def listening_addresses(pids: set[int]) -> set[str]:
    """The local addresses, in hexadecimal, that the processes listen on."""
    sockets = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets.add(str(file.readlink()))
    rows = [
        line.split()
        for kind in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets}


def socket_on_a_free_port() -> socket.socket:
    """A socket that listens on loopback."""
    return socket.create_server(("127.0.0.1", 0))


def fail_to_start(data: Path, **settings: str) -> str:
    """Start with settings that cannot work; return the one line on standard error."""
    result = subprocess.run(
        [sys.executable, "-m", "local", "--once"],
        cwd=REPOSITORY,
        env={**os.environ, "EASEL_DATA_DIR": str(data), **settings},
        capture_output=True,
        text=True,
        timeout=END_LIMIT_SECONDS,
        check=False,
    )
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of all runs here."""
    return tmp_path_factory.mktemp("run") / "data"


@pytest.fixture(scope="module")
def run(data: Path) -> Iterator[Run]:
    """The program, serving."""
    started = start(data)
    started.wait_for("Serving")
    yield started
    if started.process.poll() is None:
        started.end(signal.SIGTERM)


def test_a_run_makes_a_sample_picture_and_says_where_it_is(run: Run, data: Path) -> None:
    said = run.said()
    picture = re.search(r"picture +(\S+)", said)
    link = re.search(r"URL +(\S+)", said)
    assert picture is not None
    assert link is not None
    kept = Path(picture[1]).read_bytes()
    assert kept.startswith(b"\x89PNG")
    assert urllib.request.urlopen(link[1], timeout=10).read() == kept
    assert (data / "api-key").read_text().strip() in said
    assert "s3://" in said
    assert re.search(r"\d\.\d s  succeeded", said)


def test_nothing_listens_beyond_loopback(run: Run) -> None:
    addresses = listening_addresses(tree(run.process.pid))
    assert addresses
    assert addresses <= LOOPBACK


def test_the_aws_endpoint_shows_table_buckets_and_execution_history(run: Run) -> None:
    aws = AwsEndpoint(run.aws_url)
    tables = aws.client("dynamodb").list_tables()["TableNames"]
    expiry = aws.client("dynamodb").describe_time_to_live(TableName=tables[0])["TimeToLiveDescription"]
    buckets = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
    workflow = aws.client("stepfunctions")
    machines = workflow.list_state_machines()["stateMachines"]
    [machine] = [one for one in machines if one["name"].startswith("easel-generate")]
    [execution] = workflow.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    events = workflow.get_execution_history(executionArn=execution["executionArn"])["events"]
    assert len(tables) == 1
    assert expiry["TimeToLiveStatus"] == "ENABLED"
    assert any("inbox" in name for name in buckets)
    assert execution["status"] == "SUCCEEDED"
    assert events[-1]["type"] == "ExecutionSucceeded"


def test_a_second_stack_on_the_same_data_is_refused(run: Run, data: Path) -> None:
    with pytest.raises(StackError, match="another local stack is running on"):
        LocalStack(stack_settings(data)).start()


def test_sigterm_stops_everything_and_the_next_start_finds_the_data(run: Run, data: Path) -> None:
    key = (data / "api-key").read_text().strip()
    before = EaselCaller(run.url, key).call("GET", "/v1/generations").body["data"]
    processes = tree(run.process.pid)
    assert run.end(signal.SIGTERM) == 0
    assert wait_until_gone(processes) == set()

    left = data / "tmp" / "of-a-function-that-was-killed"
    left.mkdir()
    again = start(data)
    caller = EaselCaller(again.url, key)
    after = caller.call("GET", f"/v1/generations/{before[0]['id']}").body
    assert after["status"] == "succeeded"
    picture = urllib.request.urlopen(after["images"][0]["url"], timeout=10).read()
    assert len(picture) == after["images"][0]["bytes"]
    assert not left.exists()

    processes = tree(again.process.pid)
    again.process.kill()
    again.process.wait(END_LIMIT_SECONDS)
    assert wait_until_gone(processes) == set()


def test_once_ends_after_the_sample_with_status_0(data: Path) -> None:
    once = start(data, "--once")
    assert once.process.wait(START_LIMIT_SECONDS) == 0, once.said()
    assert "succeeded" in once.said()


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with contextlib.closing(socket_on_a_free_port()) as taken:
        port = taken.getsockname()[1]
        answer = fail_to_start(tmp_path, EASEL_PORT=str(port))
    assert answer == f"easel: port {port} is in use; set EASEL_PORT to another one."


def test_a_wrong_setting_is_one_clear_sentence(tmp_path: Path) -> None:
    answer = fail_to_start(tmp_path, EASEL_AWS_PORT="http")
    assert answer == "easel: EASEL_AWS_PORT must be a port number from 1 to 65535, not 'http'."


def test_a_data_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = fail_to_start(tmp_path, EASEL_DATA_DIR=str(tmp_path / "file" / "data"))
    assert answer == f"easel: Not a directory: {tmp_path / 'file' / 'data'}."
