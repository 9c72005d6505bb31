"""The whole local stack: sandbox vendors, AWS emulator with the deployed template, and the public address."""

import contextlib
import fcntl
import json
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoApiKeys, put_api_key
from easel.domain.tenancy import ALL_SCOPES, ApiKey, visible
from easel.ports import Clock
from easel.runtime import SystemClock
from local.aws_endpoint import REGION, AwsEndpoint
from local.build import REPOSITORY, build
from local.deploy import deploy
from local.failure import StackError
from local.gaps import GAPS
from local.gateway import Gateway
from local.processes import LeashedProcess, free_port, port_is_free
from local.runtime_client import make_runtime_client
from local.settings import Settings, keep_api_key, keep_webhook_secret

STACK = "easel"
STAGE = "local"
DEFAULT_TENANT = "default"
OWN_KEY_ID = "key_local"  # of the key in the data folder or in EASEL_API_KEY
NEEDED_MEGABYTES = 300  # the packages, unpacked and zipped, and some images
START_TIMEOUT_SECONDS = 60.0


class LocalStack:
    """Starts everything with `start` (or as a context manager) and ends it, data kept, with `stop`.

    Afterwards `url` is the public API, `aws` the AWS endpoint, `outputs` the stack's outputs, `api_key` the
    key of the default tenant and `sandbox_url` the sandbox vendors' address (empty
    when none is used). Every fault is a StackError.
    """

    def __init__(self, settings: Settings, report: Callable[[str], None] = lambda line: None) -> None:
        """Start nothing yet. `report` receives a line for each step done."""
        self.settings = settings
        self._report = report
        self._stops: contextlib.ExitStack = contextlib.ExitStack()
        self.outputs: dict[str, str] = {}
        self.api_key = ""
        self.url = ""
        self.sandbox_url = ""
        self.aws: AwsEndpoint

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all of it; on a fault what was started is stopped again."""
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise StackError(f"{error.strerror or error}: {error.filename or self.settings.data}.") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything that was started, in reverse order; the emulator writes its state then."""
        self._stops.close()

    def processes(self) -> list[LeashedProcess]:
        """The processes that were started."""
        return [self._emulator, *([self._sandbox] if self._sandbox else [])]

    def _start(self) -> None:
        data = self.settings.data
        self._prepare(data)
        aws_port = self._port("EASEL_AWS_PORT", self.settings.aws_port)
        port = self._port("EASEL_PORT", self.settings.port)
        self.api_key = self.settings.api_key or keep_api_key(data)
        self._sandbox = self._start_sandbox(data) if self._needs_sandbox() else None
        self._report("building the packages, unless nothing changed")
        with self._step("packages built"):
            built = build()
        self._forget_other_code(data, built.fingerprint)
        self._emulator = self._start_emulator(data, aws_port)
        with self._step("AWS emulator and sandbox vendors started"):
            self._wait_for_processes(aws_port)
        with self._step("template deployed"):
            self.outputs = deploy(self.aws, built, STACK, self._parameters(), GAPS)
            self._put_vendor_keys()
            self._put_webhook_secret()
            put_own_key(self.aws.client("dynamodb"), self.outputs["TableName"], self.api_key, SystemClock())
        with self._step("API answers"):
            self._open_gateway(port, aws_port)

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._report(f"{name} ({time.monotonic() - started:.1f} s)")

    def _prepare(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(data).free // 1_000_000
        if free < NEEDED_MEGABYTES:
            raise StackError(
                f"no room on disk: {NEEDED_MEGABYTES} MB are needed in {data}, {free} MB are free."
            )
        lock: IO[str] = self._stops.enter_context((data / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(f"another local stack is running on {data}; set EASEL_DATA_DIR.") from error
        shutil.rmtree(data / "tmp", ignore_errors=True)  # of functions that were killed with their emulator

    def _forget_other_code(self, data: Path, fingerprint: str) -> None:
        """Remove what earlier versions of the packages were unpacked to, of 50 MB each."""
        mark = data / "aws" / "code" / "fingerprint"
        if not mark.is_file() or mark.read_text() != fingerprint:
            shutil.rmtree(mark.parent, ignore_errors=True)
            mark.parent.mkdir(parents=True)
            mark.write_text(fingerprint)

    def _port(self, setting: str, port: int) -> int:
        if port and not port_is_free(port):
            raise StackError(f"port {port} is in use; set {setting} to another one.")
        return port or free_port()

    def _needs_sandbox(self) -> bool:
        return any(vendor.sandboxed for vendor in self.settings.vendors.values())

    def _start_sandbox(self, data: Path) -> LeashedProcess:
        # The same port each time: deployed base URLs need no deployment, links that were given out work on.
        file = data / "sandbox-port"
        port = int(file.read_text()) if file.exists() else free_port()
        if not port_is_free(port):
            port = free_port()
        file.write_text(str(port))
        self.sandbox_url = f"http://127.0.0.1:{port}"
        latency = self.settings.sandbox_latency
        variables = {**_basic_variables(data), **({"EASEL_SANDBOX_LATENCY": latency} if latency else {})}
        module = ["local.sandbox", "--port", str(port), "--keep", str(data / "sandbox-state.json")]
        return self._leashed("sandbox", module, variables, data)

    def _start_emulator(self, data: Path, port: int) -> LeashedProcess:
        self.aws = AwsEndpoint(f"http://127.0.0.1:{port}")
        home = data / "aws"
        variables = {
            **_basic_variables(data),
            "AUTH": "true",  # every function has its own role's permissions only
            "AWS_ENDPOINT_URL": self.aws.url,  # for the functions
            "BIND_HOST": "127.0.0.1",  # every interface otherwise
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "MINISTACK_WORKER_THREADS": "128",  # a request that waits holds one
            "LOG_LEVEL": "WARNING",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(home / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(home / "s3"),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "EASEL_EMULATOR_CODE": str(home / "code"),
            "EASEL_EMULATOR_RUNTIME": str(make_runtime_client(home)),
            **({"EASEL_EMULATOR_CALLS": str(data / "calls")} if self.settings.keep_calls else {}),
            **({"EASEL_EMULATOR_DUPLICATES": "1"} if self.settings.duplicates else {}),
        }
        return self._leashed("emulator", ["local.emulator"], variables, data)

    def _leashed(self, name: str, module: list[str], variables: dict[str, str], data: Path) -> LeashedProcess:
        process = LeashedProcess(name, module, variables, data / f"{name}.log", REPOSITORY)
        self._stops.callback(process.stop)
        return process

    def _wait_for_processes(self, aws_port: int) -> None:
        self._emulator.wait_until(
            lambda: _answers(f"http://127.0.0.1:{aws_port}/_ministack/health"), START_TIMEOUT_SECONDS
        )
        if self._sandbox is not None:
            sandbox = self._sandbox
            sandbox.wait_until(lambda: self.sandbox_url in sandbox.output(), START_TIMEOUT_SECONDS)

    def _parameters(self) -> dict[str, str]:
        urls = {
            name: f"{self.sandbox_url}/{name}" if vendor.sandboxed else vendor.base_url
            for name, vendor in self.settings.vendors.items()
            if vendor.sandboxed or vendor.base_url
        }
        return {
            "Stage": STAGE,
            "VendorBaseUrls": json.dumps(urls),
            "VendorLimits": self.settings.limits,
            "RoutingPolicy": self.settings.routing_policy.value,
            **({"SandboxRoute": "on"} if self.settings.sandbox_route else {}),
            **({"WebhookSchedule": schedule} if (schedule := self.settings.webhook_schedule) else {}),
        }

    def _put_vendor_keys(self) -> None:
        keys = json.dumps({name: vendor.key for name, vendor in self.settings.vendors.items()})
        self._put_secret("VendorKeysSecretArn", keys)

    def _put_webhook_secret(self) -> None:
        secret = self.settings.webhook_secret or keep_webhook_secret(self.settings.data)
        self._put_secret("WebhookSecretArn", secret)

    def _put_secret(self, output: str, text: str) -> None:
        secrets, secret = self.aws.client("secretsmanager"), self.outputs[output]
        if secrets.get_secret_value(SecretId=secret)["SecretString"] != text:
            secrets.put_secret_value(SecretId=secret, SecretString=text)

    def _open_gateway(self, port: int, aws_port: int) -> None:
        api_id = self.outputs["ApiUrl"].split("//")[-1].split(".")[0]
        gateway = Gateway(port, aws_port, api_id)
        gateway.start()
        self._stops.callback(gateway.stop)
        self.url = gateway.url
        (self.settings.data / "url").write_text(self.url + "\n")  # for the command `easel`
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _answers(f"{self.url}/healthz"):
            if time.monotonic() > deadline:
                raise StackError(f"the API does not answer: {self._emulator.last_lines()}")
            time.sleep(0.2)


def put_own_key(client: Any, table: str, secret: str, clock: Clock) -> None:
    """Let the key that the stack is called with work, and administer; what else was set for it stays."""
    key, now = DynamoApiKeys(client, table).find(secret), clock.now()
    if key is None or not key.works_at(now):
        known = ApiKey(
            id=OWN_KEY_ID,
            tenant=DEFAULT_TENANT,
            prefix=visible(secret),
            scopes=ALL_SCOPES,
            created_at=now,
        )
        put_api_key(client, table, secret, known)
    elif key.scopes != ALL_SCOPES:
        book = DynamoKeyBook(client, table, clock)
        book.change(key.id, lambda known: known.model_copy(update={"scopes": ALL_SCOPES}))


def _basic_variables(data: Path) -> dict[str, str]:
    scratch = data / "tmp"
    scratch.mkdir(exist_ok=True)
    names = ("PATH", "LANG", "SSL_CERT_FILE")
    return {
        **{name: os.environ[name] for name in names if name in os.environ},
        "HOME": str(data),
        "TMPDIR": str(scratch),
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            status: Any = answer.status
            return bool(status == 200)
    except OSError:
        return False
