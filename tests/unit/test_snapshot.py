"""SnapStart: copies that wake from one picture of memory share nothing that must be their own, and what is
dead by then is made anew."""

import importlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from easel import snapshot
from easel.aws import clients
from tests.fakes.http_server import Exchange, LocalServer, serving
from tests.unit.test_wiring import VALUES, environment

READ_TIMEOUT_SECONDS = 10.0  # of a client: how long a read on a dead connection would take
TOKEN = "of-this-environment"
STANDING_SECONDS = 60  # of credentials: botocore renews them ten minutes before their end, so at each call


class AwsOfASnapshot:
    """DynamoDB, gone without a word from connections of before the picture, and what gives credentials."""

    def __init__(self) -> None:
        self._connected: list[object] = []
        self._dead: list[object] = []
        self.given = 0
        self.signed_by: list[str] = []
        self.asked_at_start: set[str] = set()

    def respond(self, exchange: Exchange) -> None:
        """One answer."""
        if exchange.path == "/credentials":
            self._give(exchange)
        elif exchange.path == "/picture":
            self._dead = self._connected
            exchange.reply()
        elif exchange.connection not in self._dead:  # else nobody answers, and nobody hangs up
            self._connected = [*self._connected, exchange.connection]
            if not self._dead:
                self.asked_at_start.add(exchange.headers["x-amz-target"])
            self.signed_by.append(exchange.headers["authorization"].split("Credential=")[1].split("/")[0])
            exchange.reply(body={})

    def _give(self, exchange: Exchange) -> None:
        assert exchange.headers["authorization"] == TOKEN
        self.given += 1
        ends = datetime.now(UTC) + timedelta(seconds=STANDING_SECONDS)
        exchange.reply(body={
            "AccessKeyId": f"KEY{self.given}", "SecretAccessKey": "s", "Token": "t",
            "Expiration": ends.isoformat(),
        })  # fmt: skip


@dataclass
class Woken:
    """What copies drew and read, and what the server saw."""

    copies: list[dict[str, Any]]
    aws: AwsOfASnapshot
    reads: int


@pytest.fixture(scope="module", params=["ApiFunction", "McpFunction"])
def woken(request: pytest.FixtureRequest) -> Woken:
    """Two copies of a function."""
    aws = AwsOfASnapshot()
    with serving(aws.respond) as server:
        copies = wake(request.param, server)
        return Woken(copies, aws, sum(one.path == "/" for one in server.asked))


def wake(function: str, server: LocalServer) -> list[dict[str, Any]]:
    variables = {name: VALUES.get(name, "some-name") for name in environment(function)} | {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_ENDPOINT_URL": server.url,
        # With SnapStart there are no keys in the environment, but this:
        # https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN,
    }
    program = [
        sys.executable,
        "-m",
        "tests.fakes.snapshot_copies",
        f"functions.{function[:3].lower()}.handler",
    ]
    said = subprocess.run(program, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode == 0, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines() if line.startswith('{"id"')]


def test_copies_draw_what_is_their_own(woken: Woken) -> None:
    one, other = woken.copies
    assert one["id"] != other["id"]
    assert one["secret"] != other["secret"]
    assert one["pause"] != other["pause"]


def test_copy_reads_at_once_though_the_connections_of_the_start_are_dead(woken: Woken) -> None:
    assert all(copy["seconds"] < READ_TIMEOUT_SECONDS / 2 for copy in woken.copies)
    assert woken.reads == len(woken.aws.signed_by)  # none was asked twice


def test_copy_signs_with_credentials_of_its_own(woken: Woken) -> None:
    *start, one, other = woken.aws.signed_by
    assert not {one, other} & set(start)


def test_nothing_that_is_remembered_for_a_while_is_read_at_the_start(woken: Woken) -> None:
    # By a clock that stood still in between, a secret of days ago would count as fresh.
    assert woken.aws.asked_at_start == {"DynamoDB_20120810.GetItem"}


def test_connection_that_was_hung_up_while_nothing_ran_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way for a connection to die: an environment stands still between two requests."""

    def respond(exchange: Exchange) -> None:
        exchange.reply(body={})
        exchange.close()

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with serving(respond) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        clients.client.cache_clear()
        dynamodb = clients.client("dynamodb")
        clients.client.cache_clear()
        for _ in range(3):
            dynamodb.get_item(TableName="table", Key={"pk": {"S": "none"}})
            time.sleep(0.05)  # the end of the connection comes by itself
    assert len(server.asked) == 3
    assert {one.headers["amz-sdk-request"] for one in server.asked} == {"attempt=1"}


def test_tls_draws_anew_too(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = importlib.import_module("snapshot_restore_py")
    acts: list[Any] = []
    mixed: list[bytes] = []
    monkeypatch.setattr(hooks, "register_after_restore", acts.append)
    monkeypatch.setattr("ssl.RAND_add", lambda seed, entropy: mixed.append(seed))
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    snapshot.draw_anew_after_snapshot()
    for _ in range(2):
        acts[0]()
    assert [len(seed) for seed in mixed] == [snapshot.SEED_BYTES] * 2
    assert mixed[0] != mixed[1]


def test_no_hook_is_told_where_no_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = importlib.import_module("snapshot_restore_py")
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    before = hooks.get_before_snapshot()[:], hooks.get_after_restore()[:]
    snapshot.draw_anew_after_snapshot()
    snapshot.before_snapshot(print)
    assert (hooks.get_before_snapshot(), hooks.get_after_restore()) == before
