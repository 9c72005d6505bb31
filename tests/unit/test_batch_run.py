"""A batch's own file, run by moto's interpreter: the map over chunks in S3, its children, and the one exit.

The functions are played by a script; what the real steps do with a batch is tested in `tests/unit/steps`.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from easel.errors import VersionConflictError
from tests.fakes.workflow_machine import PATIENCE_SECONDS, REGION, ROLE
from tests.state_machines import BATCH

BUCKET = "images"
ID = "bat_1"
CHUNKS = 3


@dataclass
class Script:
    """Says what each function answers, and notes what it was given. A chunk is done at its second look."""

    broken_chunk: str = ""
    broken_step: str = ""
    given: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def invoke(self, parameters: dict[str, Any], **_: object) -> dict[str, Any]:
        name, event = parameters["FunctionName"].rpartition(":")[2], json.loads(parameters["Payload"])
        seen = self.given.setdefault(name, [])
        seen.append(event)
        if name == self.broken_step or (name == "Feed" and event.get("key") == self.broken_chunk):
            told = {"errorType": VersionConflictError.__name__, "errorMessage": "raced"}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": told}
        return {"StatusCode": 200, "Payload": self.answer(name, event, len(seen))}

    def answer(self, name: str, event: dict[str, Any], times: int) -> dict[str, Any]:
        if name == "Prepare":
            prefix = f"batches/{ID}/work/rows/"
            return {"id": ID, "next": "run" if times == 2 else "prepare", "prefix": prefix, "max_chunks": 2}
        if name == "Feed":
            looks = sum(one["key"] == event["key"] for one in self.given["Feed"])
            return {"id": ID, "key": event["key"], "done": looks == 2, "wait_seconds": 30}
        return {"id": ID}

    def wait(self, env: object, wait_seconds: float) -> None:
        self.waits.append(wait_seconds)


Carry = Callable[[Script], str]


@pytest.fixture
def carry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Carry]:
    """Runs a batch of three chunks to its end; how it ended."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None))
    function = rf"arn:aws:lambda:{REGION}:123456789012:function:\1"
    text = re.sub(r"\$\{(\w+)FunctionArn\}", function, BATCH.text).replace("${ImageBucketName}", BUCKET)
    text = text.replace("Percentage: 100", "Percentage: 100.0")  # the interpreter's grammar wants the point
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        s3, client = boto3.client("s3", REGION), boto3.client("stepfunctions", REGION)
        s3.create_bucket(Bucket=BUCKET)
        for kind, number in (*(("rows", n) for n in range(CHUNKS)), ("reports", 0)):
            s3.put_object(Bucket=BUCKET, Key=f"batches/{ID}/work/{kind}/{number:04}.jsonl", Body=b"{}")
        machine = client.create_state_machine(
            name="batch", definition=json.dumps(yaml.safe_load(text)), roleArn=ROLE
        )

        def run(script: Script) -> str:
            monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", script.invoke)
            monkeypatch.setattr(WaitFunction, "_wait_interval", script.wait)
            arn = machine["stateMachineArn"]
            started = client.start_execution(stateMachineArn=arn, input=json.dumps({"id": ID}))
            limit = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < limit:
                told = client.describe_execution(executionArn=started["executionArn"])
                if told["status"] != "RUNNING":
                    return told.get("error") or told["status"]
                time.sleep(0.02)
            raise AssertionError("the execution does not end")

        yield run


def keys(script: Script) -> set[str]:
    """The chunks that were looked at."""
    return {one["key"].rpartition("/")[2] for one in script.given["Feed"]}


def test_every_chunk_is_looked_at_until_it_is_done_and_then_the_results_are_collected(carry: Carry) -> None:
    script = Script()
    assert carry(script) == "SUCCEEDED"
    assert keys(script) == {"0000.jsonl", "0001.jsonl", "0002.jsonl"}
    assert len(script.given["Feed"]) == 2 * CHUNKS
    assert script.waits == [30] * CHUNKS
    assert len(script.given["Prepare"]) == 2
    assert len(script.given["Collect"]) == 1


def test_chunk_that_cannot_be_fed_neither_stops_the_others_nor_the_results(carry: Carry) -> None:
    script = Script(broken_chunk=f"batches/{ID}/work/rows/0001.jsonl")
    assert carry(script) == "SUCCEEDED"
    assert len(keys(script)) == CHUNKS
    assert len(script.given["Feed"]) == 9 + 2 * (CHUNKS - 1), "tried again eight times"
    assert len(script.given["Collect"]) == 1


def test_batch_that_cannot_be_prepared_goes_to_the_one_exit_with_what_was_caught(carry: Carry) -> None:
    script = Script(broken_step="Prepare")
    assert carry(script) == "SUCCEEDED"
    assert "Feed" not in script.given
    (collected,) = script.given["Collect"]
    assert collected["fault"]["Error"] == "VersionConflictError"


def test_results_that_cannot_be_written_fail_the_execution_by_its_name(carry: Carry) -> None:
    script = Script(broken_step="Collect")
    assert carry(script) == "Easel.NotCollected"
    assert len(script.given["Collect"]) == 9
