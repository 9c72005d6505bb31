"""One Lambda execution environment: a process with AWS's runtime client, and the Runtime API that it asks.

Nothing that a function leaves behind reaches another one: the process is its own, and so is the folder for
temporary files, which goes with it (on AWS /tmp; here TMPDIR names it). All else is read-only to it
(confinement.py).

The Runtime API is AWS's published one (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, 2025):
GET invocation/next, POST invocation/ID/response, invocation/ID/error and init/error. Every process has a
server of its own, since the client takes a host and port without a path.
"""

import collections
import contextlib
import http.server
import json
import os
import queue
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

CONFINEMENT, LEASH = Path(__file__).with_name("confinement.py"), Path(__file__).with_name("leash.py")
# Of the user that functions have on AWS (https://docs.rs/run-command-on-aws-lambda, 2022); nothing is there.
NO_HOME = "/home/sbx_user1051"
# Where AWS kills a function for its memory, Python's (https://github.com/DataDog/datadog-lambda-extension/pull/776,
# 2025).
OUT_OF_MEMORY = "Runtime.OutOfMemory"
# AWS allows 10 s; here several start at once on few cores.
INIT_TIMEOUT_SECONDS = 60.0
# Of a synchronous answer: 6 MB, and 100 bytes that its error messages tell of
# (https://github.com/DataBiosphere/azul/issues/8258, 2026).
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024 + 100
MEMORY_LOOK_SECONDS = 0.25  # between two looks at how much memory a function takes
LOG_SECONDS_MAX = 0.5  # for the log to catch up with an answer
READ_BYTES = 64 * 1024
LOG_LINES_KEPT = 200


@dataclass(frozen=True)
class FunctionSpec:
    """A deployed function as its processes need it.

    `python_path` holds the folders in the order of the deployed layout: package, layers, runtime client.
    """

    name: str
    arn: str
    handler: str
    runtime: str
    timeout_seconds: float
    memory_megabytes: int
    storage_megabytes: int
    variables: Mapping[str, str]
    python_path: tuple[Path, ...]


@dataclass(frozen=True)
class Answer:
    """What an invocation gave: the payload (JSON), whether it is an error, the lines written."""

    payload: bytes
    is_error: bool
    log: str = ""


def error_answer(error_type: str, message: str) -> Answer:
    """Return an error in Lambda's shape; Retry and Catch of a state machine go by `errorType`."""
    body = json.dumps({"errorType": error_type, "errorMessage": message})
    return Answer(body.encode(), is_error=True)


class ExecutionEnvironment:
    """Starts the process at once; answers one invocation at a time."""

    def __init__(
        self, spec: FunctionSpec, credentials: Mapping[str, str], sink: Callable[[str], None]
    ) -> None:
        """Start. `credentials` are the role's AWS_... variables; `sink` gets each line written."""
        self.spec = spec
        self.idle_since = time.monotonic()
        self._sink = sink
        self._log_lock = threading.Lock()
        self._log: collections.deque[str] = collections.deque(maxlen=LOG_LINES_KEPT)
        self._work: queue.SimpleQueue[tuple[str, bytes, float] | None] = queue.SimpleQueue()
        self._stopped = False
        self._request_id = ""
        self._pending: Future[Answer] = Future()  # of the init phase first, then of each invocation
        self._lock = threading.Lock()
        self._server = _RuntimeApiServer(self)
        self._scratch = tempfile.mkdtemp(prefix=f"{spec.name}-")
        self._process = self._start(credentials)
        threading.Thread(target=self._server.serve_forever, name="runtime-api", daemon=True).start()
        threading.Thread(target=self._follow_output, name="function-output", daemon=True).start()

    def _start(self, credentials: Mapping[str, str]) -> subprocess.Popen[bytes]:
        task_root = self.spec.python_path[0]
        variables = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": NO_HOME,
            "TMPDIR": self._scratch,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            **({"SSL_CERT_FILE": os.environ["SSL_CERT_FILE"]} if "SSL_CERT_FILE" in os.environ else {}),
            **self.spec.variables,
            **credentials,
            # What is told to this machine stays on it; on AWS nothing sets this.
            "EASEL_LOOPBACK_WEBHOOKS": "1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.spec.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.spec.memory_megabytes),
            "AWS_LAMBDA_FUNCTION_NAME": self.spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "LAMBDA_TASK_ROOT": str(task_root),
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in self.spec.python_path),
            "_HANDLER": self.spec.handler,
        }
        # -S and -s: no site-packages of this machine; -P: not the folder of these files either.
        interpreter = getattr(sys, "_base_executable", sys.executable)
        confined = [str(CONFINEMENT), self._scratch, str(self.spec.storage_megabytes), str(LEASH)]
        return subprocess.Popen(
            [interpreter, "-S", "-s", "-P", "-u", *confined, "awslambdaric", self.spec.handler],
            cwd=task_root,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs and can take work."""
        return not self._stopped and self._process.poll() is None

    def wait_until_ready(self) -> Answer | None:
        """Wait for the end of the init phase; return its error, or None when the function is ready."""
        try:
            answer = self._pending.result(INIT_TIMEOUT_SECONDS)
        except TimeoutError:
            self.stop()
            return error_answer(
                "Sandbox.Timedout", f"init took longer than {INIT_TIMEOUT_SECONDS:.0f} seconds"
            )
        return answer if answer.is_error else None

    def invoke(self, request_id: str, payload: bytes) -> Answer:
        """Give the event to the function and wait for its answer, at most the function's time-out."""
        limit = self.spec.timeout_seconds
        deadline = time.time() + limit
        with self._lock:
            self._log.clear()
            self._request_id = request_id
            self._pending = Future()
        if not self.alive:  # it died while idle, so that nothing else will report it
            self._report_exit()
        self._work.put((request_id, payload, deadline))
        answer = self._answer_by(deadline)
        if self._takes_too_much_memory():
            answer = self._end(OUT_OF_MEMORY, "Runtime exited with error: signal: killed")
        elif answer is None:
            answer = self._end("Sandbox.Timedout", f"Task timed out after {limit:.2f} seconds")
        self._let_log_catch_up()
        self.idle_since = time.monotonic()
        return Answer(answer.payload, answer.is_error, "\n".join(self._log))

    def _answer_by(self, deadline: float) -> Answer | None:
        """Wait for the answer, or for the end of what the function may have: memory or time."""
        while (seconds := deadline - time.time()) > 0:
            with contextlib.suppress(TimeoutError):
                return self._pending.result(min(seconds, MEMORY_LOOK_SECONDS))
            if self._takes_too_much_memory():
                break
        return None

    def _takes_too_much_memory(self) -> bool:
        """Whether ever more of the process was resident than the function's memory. Only where there is a
        /proc; a limit of addresses would count what is never touched."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return False
        peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return peak is not None and int(peak[1]) > self.spec.memory_megabytes * 1024

    def _end(self, error_type: str, message: str) -> Answer:
        """End the process, as AWS does, and return what it tells of that, which stands in the log too."""
        self.stop()
        told = f"RequestId: {self._request_id} Error: {message}"
        self._sink(told)
        return error_answer(error_type, told)

    def _let_log_catch_up(self) -> None:
        """What the function wrote before its answer lies in the pipe; who reads it may be a moment behind."""
        assert self._process.stdout is not None
        ends = time.monotonic() + LOG_SECONDS_MAX
        while time.monotonic() < ends:
            with self._log_lock:
                try:
                    if not _readable(self._process.stdout.fileno(), wait=False):
                        return
                except (OSError, ValueError):
                    return  # the process has ended, and its pipe is closed: all of it was read
            time.sleep(0.001)

    def stop(self) -> None:
        """End the process and its server at once; harmless when repeated."""
        self._stopped = True
        self._process.kill()
        self._work.put(None)

    def next_invocation(self) -> tuple[str, bytes, float] | None:
        """Block until there is work for the runtime client; None ends it. The init phase is over by then."""
        if not self._request_id:
            self._settle(Answer(b"null", is_error=False))
        return self._work.get()

    def take_answer(self, request_id: str, payload: bytes, is_error: bool) -> bool:
        """Take what the runtime client posted; False when it is not for the invocation under way."""
        if request_id != (self._request_id or "init"):
            return False
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            message = (
                f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT_BYTES} bytes)."
            )
            self._settle(error_answer("Function.ResponseSizeTooLarge", message))
        else:
            self._settle(Answer(payload, is_error))
        return True

    def _settle(self, answer: Answer) -> None:
        with self._lock:
            if not self._pending.done():
                self._pending.set_result(answer)

    def _report_exit(self) -> None:
        status = self._process.returncode
        message = f"RequestId: {self._request_id} Error: Runtime exited with error: exit status {status}"
        self._settle(error_answer("Runtime.ExitError", message))

    def _follow_output(self) -> None:
        assert self._process.stdout is not None
        pipe, data, rest = self._process.stdout.fileno(), b"\n", b""
        while data:
            _readable(pipe, wait=True)
            with self._log_lock:  # what is no longer in the pipe is in the log
                data = os.read(pipe, READ_BYTES)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines if data else filter(None, [rest]):
                    text = line.decode(errors="replace").rstrip()
                    self._log.append(text)
                    self._sink(text)
        self._process.wait()
        self._report_exit()
        self._work.put(None)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._server.shutdown()
        self._server.server_close()


def _readable(pipe: int, *, wait: bool) -> bool:
    """Whether there is something to read, or the end. Not by select(), which knows descriptors below 1024
    only: a burst of environments has more."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(None if wait else 0))


class _RuntimeApiServer(http.server.ThreadingHTTPServer):
    """The Runtime API of one environment, on a free loopback port."""

    daemon_threads = True

    def __init__(self, environment: ExecutionEnvironment) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.environment = environment


class _RuntimeApiHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _RuntimeApiServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is the library's)
        """Write nothing: the emulator logs the invocation."""

    def handle(self) -> None:
        # The client's process was ended, at a time-out for instance; its environment reports that.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer invocation/next, as soon as there is one."""
        work = self.server.environment.next_invocation()
        if work is None:
            self.close_connection = True
            return
        request_id, payload, deadline = work
        self._reply(
            HTTPStatus.OK,
            payload,
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.environment.spec.arn,
            },
        )

    def do_POST(self) -> None:
        """Take an answer or an error: .../invocation/ID/response, .../invocation/ID/error, .../init/error."""
        *_, request_id, kind = self.path.split("/")
        taken = self.server.environment.take_answer(request_id, self._read_body(), kind == "error")
        self._reply(HTTPStatus.ACCEPTED if taken else HTTPStatus.BAD_REQUEST, b'{"status":"OK"}', {})

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().strip(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _reply(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
