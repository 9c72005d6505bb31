"""Calls ahead of the first request: they are made in Lambda's init phase, and nothing depends on them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from easel import runtime
from easel.aws import ahead, clients
from easel.errors import SettingsError
from tests.fakes.http_server import Exchange, LocalServer, serving

LOG = logging.getLogger("ahead")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """AWS, which knows of nothing."""

    def answer(exchange: Exchange) -> None:
        exchange.reply(200, {})

    with serving(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("EASEL_TABLE", "table")
        monkeypatch.setattr(ahead, "WAIT_SECONDS", 60.0)  # the first call of a slow machine may take long
        clients.client.cache_clear()
        yield server
        clients.client.cache_clear()


def test_in_lambda_the_table_is_read_before_the_first_request(
    aws: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "submit")
    called: list[str] = []
    provided = runtime.Provided(lambda: "step", [lambda: called.append("keys")])
    assert called == ["keys"]
    (asked,) = aws.asked
    assert asked.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert asked.json()["TableName"] == "table"
    assert provided.get() == "step"
    clients.client("dynamodb").get_item(TableName="table", Key={})
    assert asked.connection is aws.asked[1].connection


def test_elsewhere_nothing_is_called(aws: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    called: list[str] = []
    assert runtime.Provided(lambda: "step", [lambda: called.append("keys")]).get() == "step"
    assert called == []
    assert aws.asked == []


@pytest.mark.parametrize(
    "fault",
    [
        EndpointConnectionError(endpoint_url="https://nowhere"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetItem"),
        SettingsError("the vendor keys' secret is not JSON"),
    ],
)
def test_call_that_fails_is_logged_and_fails_nothing(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise fault

    ahead.call_ahead([fail], LOG)
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "a call ahead failed")
    assert record.__dict__["reason"] == str(fault)


def test_call_that_takes_long_is_left_to_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ahead, "WAIT_SECONDS", 0.1)
    over, done = threading.Event(), []
    calls: list[Callable[[], object]] = [over.wait, lambda: done.append(1)]
    began = time.monotonic()
    ahead.call_ahead(calls, LOG)
    assert time.monotonic() - began < 5.0
    over.set()
    assert done == [1]
    assert [record.message for record in caplog.records] == ["a call ahead takes long"]
