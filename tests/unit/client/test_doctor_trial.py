"""`easel doctor --aws --trial`: what is told where a step, a workflow or the API does not answer well."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from easel_client.command import doctor_trial
from easel_client.command.account import Account
from easel_client.command.findings import Finding, Verdict
from tests.unit.client.deployment import (
    CREATE,
    IMAGE,
    LOOK,
    PNG,
    Deployment,
    failure,
    generation,
    money,
    problem,
)
from tests.unit.client.test_models_usage import route

STEPS = ("Submit", "Poll", "Persist", "Settle", "Deliver", "Prepare", "Feed", "Collect")


class Aws:
    """Lambda, Step Functions and CloudFormation of a stack whose steps and executions end as told."""

    def __init__(self, error: str | None = "NotFoundError", *executions: dict[str, str]) -> None:
        self.error, self.executions = error, list(executions)
        self.invoked: dict[str, Any] = {}

    def get_paginator(self, _: str) -> "Aws":
        return self

    def paginate(self, **_: str) -> list[Any]:
        kind = "AWS::Lambda::Function"
        return [{"StackResourceSummaries": [
            {"ResourceType": kind, "LogicalResourceId": f"{step}Function", "PhysicalResourceId": f"f-{step}"}
            for step in STEPS
        ]}]  # fmt: skip

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.invoked[asked["FunctionName"]] = json.loads(asked["Payload"])
        told = {"errorType": self.error} if self.error else {"id": "gen_1"}
        return {"Payload": io.BytesIO(json.dumps(told).encode())}

    def start_execution(self, **asked: str) -> dict[str, str]:
        assert json.loads(asked["input"]) == {"request": {}}
        return {"executionArn": "arn:1"}

    def describe_execution(self, **_: str) -> dict[str, str]:
        return self.executions.pop(0) if len(self.executions) > 1 else self.executions[0]


def found(aws: Aws, check: str, url: str = "") -> list[Finding]:
    account = Account(
        lambda _: aws, "easel-dev", "us-east-1", outputs={"ApiUrl": url, "GenerateStateMachineArn": "arn"}
    )
    return list(doctor_trial.CHECKS[check](account))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_trial, "LOOK_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ("NotFoundError", "ok"),
        ("Runtime.ImportModuleError", "fail"),
        ("SettingsError", "fail"),
        (None, "fail"),
    ],
)
def test_step_that_starts_says_that_there_is_no_such_thing(error: str | None, verdict: str) -> None:
    aws = Aws(error)
    told = found(aws, "step")
    assert [one.verdict.value for one in told] == [verdict] * len(STEPS)
    assert all((error or "gen_1") in one.text for one in told if one.verdict is Verdict.FAIL)
    assert {kind: given["id"][:4] for kind, given in aws.invoked.items()} == {
        "f-Submit": "gen_", "f-Poll": "gen_", "f-Persist": "gen_", "f-Settle": "gen_", "f-Deliver": "msg_",
        "f-Prepare": "bat_", "f-Feed": "bat_", "f-Collect": "bat_",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("executions", "verdict"),
    [
        ([{"status": "RUNNING"}, {"status": "FAILED", "error": "Easel.InvalidRequest"}], "ok"),
        ([{"status": "FAILED", "error": "States.Runtime"}], "fail"),
        ([{"status": "SUCCEEDED"}], "fail"),
    ],
)
def test_workflow_refuses_what_is_no_request(executions: list[dict[str, str]], verdict: str) -> None:
    (told,) = found(Aws(None, *executions), "workflow")
    assert told.verdict.value == verdict


def test_workflow_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_trial, "WORKFLOW_SECONDS", 0.01)
    (told,) = found(Aws(None, {"status": "RUNNING"}), "workflow")
    assert (told.verdict.value, told.text) == ("fail", "still runs after 0 s")


def test_every_model_that_is_ready_is_planned_for_and_none_is_bought(deployment: Deployment) -> None:
    models = [{"id": name, "routes": [route(f"a/{name}", ready=name != "c")]} for name in ("a", "b", "c")]
    deployment.answers("GET /v1/models", {"data": models, "next_cursor": None})
    plan = {"model": "a", "routes": [{"route": "a/a", "estimated_usd": None}], "refused": []}
    refusal = (422, problem(422, "invalid_request", "No."))
    deployment.answers("POST /v1/generations", plan, refusal)
    told = found(Aws(), "dry runs", deployment.url)
    assert [(one.verdict.value, one.text.partition(":")[0]) for one in told] == [("ok", "a"), ("fail", "b")]
    assert told[1].advice
    sent = [one.json() for one in deployment.calls("POST /v1/generations")]
    assert {one["dry_run"] for one in sent} == {True}
    assert [sorted({"images", "lora"} & set(one)) for one in sent] == [[], [], ["images"], ["lora"]]


def test_key_of_another_address_is_told(deployment: Deployment) -> None:
    deployment.answers("GET /v1/models", {"data": [], "next_cursor": None})
    (told,) = found(Aws(), "dry runs", "https://api.example")
    assert (told.verdict, deployment.url in told.text) == (Verdict.WARN, True)


SANDBOX = {"id": "sandbox", "routes": [route("sandbox/picture")]}
OTHER = {"id": "a", "routes": [route("a/a")]}


def drawn(deployment: Deployment, *models: dict[str, Any]) -> Finding:
    """What is told of the picture where the deployment has these models."""
    deployment.answers("GET /v1/models", {"data": models or [OTHER, SANDBOX], "next_cursor": None})
    (told,) = found(Aws(), "picture", deployment.url)
    return told


def test_picture_of_the_sandbox_is_waited_for_loaded_and_verified(deployment: Deployment) -> None:
    deployment.answers(CREATE, (202, generation("queued")))
    ended = deployment.succeeded() | {"receipt": {"usd": {"billed": money("0")}}}
    deployment.answers(LOOK, generation("processing"), ended, **{"Retry-After": "0"})
    deployment.answers(IMAGE, PNG)
    told = drawn(deployment)
    expected = f"made in 4.2 s for $0.00: 64x48, {len(PNG)} bytes as announced"
    assert (told.verdict, told.text) == (Verdict.OK, expected)
    (asked,) = deployment.calls(CREATE)
    assert asked.json() == {"model": "sandbox", "prompt": doctor_trial.PROMPT}
    assert len(deployment.calls(IMAGE)) == 1


@pytest.mark.parametrize(
    "models", [[OTHER], [OTHER, SANDBOX | {"routes": [route("sandbox/picture", ready=False)]}]]
)
def test_picture_is_asked_of_nobody_where_there_is_no_sandbox_route(
    deployment: Deployment, models: list[dict[str, Any]]
) -> None:
    deployment.draws()
    told = drawn(deployment, *models)
    assert (told.verdict, "SandboxRoute=on" in told.advice) == (Verdict.WARN, True)
    assert deployment.calls(CREATE) == []


def refused(deployment: Deployment) -> None:
    deployment.answers(CREATE, (403, problem(403, "forbidden", "It may not generate.")))


def failed(deployment: Deployment) -> None:
    deployment.answers(CREATE, (202, generation("queued")))
    deployment.answers(LOOK, generation("failed", error=failure("config")))


def broken(deployment: Deployment) -> None:
    deployment.draws(picture=PNG[:-1] + b"x")


def endless(deployment: Deployment) -> None:
    deployment.answers(CREATE, (202, generation("queued")))
    deployment.answers(LOOK, generation("processing"), **{"Retry-After": "0"})


@pytest.mark.parametrize("lay", [refused, failed, broken, endless])
def test_picture_that_does_not_come_is_told_with_what_to_do(
    deployment: Deployment, lay: Callable[[Deployment], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_trial, "PICTURE_SECONDS", 0.3)
    lay(deployment)
    told = drawn(deployment)
    assert (told.verdict, bool(told.advice)) == (Verdict.FAIL, True)
