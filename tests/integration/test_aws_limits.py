"""AWS's limits hold at the local AWS endpoint and the public address, for functions made for these tests."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

from local import gateway
from local.gateway import Gateway
from local.stack import STACK, LocalStack
from tests.integration.account_caller import AccountCaller

pytestmark = pytest.mark.stack

HANDLER = """
import json, os, time
import boto3
from botocore.exceptions import ClientError

put = boto3.client("s3").put_object  # made here: the time-out is not that of a start

def handler(event, context):
    what = event.get("do") or event.get("rawPath", "/")[1:]
    if what == "echo":
        return event["text"]
    if what == "answer":
        return "x" * (event["bytes"] - 2)
    if what == "large":
        return {"statusCode": 200, "body": "x" * 6_300_000}
    if what == "sleep":
        time.sleep(20)
    if what == "raise":
        raise ValueError("a secret of the function's")
    if what == "rights":
        def may(call):
            try:
                call()
            except ClientError as error:
                return "AccessDenied" not in error.response["Error"]["Code"]
            return True
        keys = [name for name in event["names"]
                if may(lambda: put(Bucket=event["bucket"], Key=f"probe/{name}/x", Body=b"x"))]
        return {"may": keys, "variables": dict(os.environ)}
    return {"statusCode": 200, "body": "fine"}
"""
NAMES = ("one", "other")
MEGABYTE = 1024 * 1024
STATE_BYTES = 256 * 1024
ITEM_BYTES = 400 * 1024
TIMEOUT_SECONDS = 3
TOO_LARGE = "States.DataLimitExceeded"


@dataclass(frozen=True)
class Probes:
    """Functions made for these tests; two differ in environment and role only."""

    stack: LocalStack
    bucket: str

    def invoke(self, name: str, payload: bytes, kind: str = "RequestResponse") -> tuple[bool, Any]:
        """Whether the function failed, and its answer."""
        answer = self.stack.aws.client("lambda").invoke(
            FunctionName=name, InvocationType=kind, Payload=payload
        )
        text = answer["Payload"].read()
        return "FunctionError" in answer, json.loads(text) if text else None

    def ask(self, name: str, **event: Any) -> tuple[bool, Any]:
        """The same, with an event of these fields."""
        return self.invoke(name, json.dumps(event).encode())


@pytest.fixture(scope="module")
def probes(stack: LocalStack) -> Probes:
    """The functions `one` and `other`, each of which may put objects of its own."""
    lambdas, bucket = stack.aws.client("lambda"), stack.outputs["ImageBucketName"]
    cloudformation = stack.aws.client("cloudformation")
    layers = [
        one["PhysicalResourceId"]
        for one in cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        if one["LogicalResourceId"].startswith("EaselLayer")
    ]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr("handler.py", HANDLER)
    for name in NAMES:
        lambdas.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="handler.handler",
            Role=role_of(stack, name, f"arn:aws:s3:::{bucket}/probe/{name}/*"),
            Code={"ZipFile": code.getvalue()},
            Layers=layers,
            Timeout=TIMEOUT_SECONDS,
            MemorySize=192,
            Environment={"Variables": {"OWN_SETTING": name, f"ONLY_{name.upper()}": "yes"}},
        )
    return Probes(stack, bucket)


def role_of(stack: LocalStack, name: str, objects: str) -> str:
    """Make a function's role, which may put these objects; its ARN."""
    iam = stack.aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=f"probe-{name}", AssumeRolePolicyDocument=document)["Role"]
    right = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": objects}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [right]})
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="own", PolicyDocument=policy)
    arn: str = role["Arn"]
    return arn


def refused(call: Callable[[], Any]) -> tuple[int, str, str]:
    """Status, code and message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"],
    )


def event_of(size: int) -> bytes:
    """An event of so many bytes."""
    frame = len(json.dumps({"do": "look", "text": ""}))
    return json.dumps({"do": "look", "text": "x" * (size - frame)}).encode()


def test_an_event_of_a_function_has_6_megabytes(probes: Probes) -> None:
    assert not probes.invoke("one", event_of(6 * MEGABYTE))[0]
    assert refused(lambda: probes.invoke("one", event_of(6 * MEGABYTE + 1))) == (
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )


def test_an_asynchronous_event_of_a_function_has_1_megabyte(probes: Probes) -> None:
    probes.invoke("one", event_of(MEGABYTE), "Event")
    assert refused(lambda: probes.invoke("one", event_of(MEGABYTE + 1), "Event")) == (
        413,
        "RequestEntityTooLargeException",
        "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
    )


def test_an_answer_of_a_function_has_6_megabytes_and_100_bytes(probes: Probes) -> None:
    failed, answer = probes.ask("one", do="answer", bytes=6 * MEGABYTE + 100)
    assert (failed, len(answer)) == (False, 6 * MEGABYTE + 98)
    failed, error = probes.ask("one", do="answer", bytes=6 * MEGABYTE + 101)
    assert (failed, error["errorType"]) == (True, "Function.ResponseSizeTooLarge")
    assert (
        error["errorMessage"]
        == "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    )


def test_a_function_is_ended_at_its_time_out(probes: Probes) -> None:
    failed, error = probes.ask("one", do="sleep")
    assert (failed, error["errorType"]) == (True, "Sandbox.Timedout")
    assert error["errorMessage"].endswith("Error: Task timed out after 3.00 seconds")


def test_each_function_has_its_own_variables_and_role(probes: Probes) -> None:
    for name in NAMES:
        failed, each = probes.ask(name, do="rights", bucket=probes.bucket, names=NAMES)
        assert (failed, each["may"]) == (False, [name])
        variables = each["variables"]
        assert (variables["OWN_SETTING"], variables["AWS_LAMBDA_FUNCTION_NAME"]) == (name, name)
        assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "192"
        assert [key for key in variables if key.startswith("ONLY_")] == [f"ONLY_{name.upper()}"]
        assert not [key for key in variables if key.startswith("EASEL_") and key != "EASEL_LOOPBACK_WEBHOOKS"]


def test_the_entries_of_one_put_events_have_less_than_1_megabyte(stack: LocalStack) -> None:
    bus, source, kind = stack.aws.client("events"), "shop", "Large"
    frame = len(source + kind) * 2 + len('{"text": ""}') * 2
    half = (MEGABYTE - frame) // 2

    def put(more: int) -> Any:
        texts = ("x" * half, "é" * (half // 2) + "x" * (half % 2 + more))  # two bytes each
        details = (json.dumps({"text": text}, ensure_ascii=False) for text in texts)
        entry = {"Source": source, "DetailType": kind, "EventBusName": stack.outputs["EventBusName"]}
        return bus.put_events(Entries=[{**entry, "Detail": detail} for detail in details])

    assert put(-1)["FailedEntryCount"] == 0
    message = "Total size of the entries in the request is over the limit."
    assert refused(lambda: put(0)) == (400, "ValidationException", message)


def test_a_request_on_the_bus_as_large_as_may_be_is_kept_with_its_reason(stack: LocalStack) -> None:
    account = AccountCaller(stack)
    frame = len("shop" + "Image Generation Requested" + '{"model": "nobody", "prompt": ""}')
    event_id = account.publish({"model": "nobody", "prompt": "x" * (MEGABYTE - 1 - frame)})
    letter = account.dead_letter(lambda one: one.get("event", {}).get("id") == event_id)
    assert letter["event"]["detail"] is None  # the message would be longer than a queue takes
    assert letter["reason"]["errors"][0]["field"] == "prompt"


@pytest.fixture(scope="module")
def workflow(probes: Probes) -> Callable[..., dict[str, Any]]:
    """Runs states, of which the first is called `First`, on an input."""
    account = AccountCaller(probes.stack)
    made: dict[str, str] = {}

    def run(states: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        definition = {"StartAt": "First", "States": states}
        name = json.dumps(definition)
        if name not in made:
            made[name] = account.make_workflow(f"limits-{len(made)}", definition)
        return account.execute(given, made[name])

    return run


def probe_task(stack: LocalStack, **more: Any) -> dict[str, Any]:
    """A state that asks the function `one`; it goes on to `Caught` with any error that a Catch may have."""
    function = stack.aws.client("lambda").get_function(FunctionName="one")["Configuration"]["FunctionArn"]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    return {"Type": "Task", "Resource": function, "Catch": catch, "End": True, **more}


CAUGHT = {"Caught": {"Type": "Pass", "Result": "caught", "End": True}}


def test_a_tasks_result_has_256_kilobytes_and_no_catch_of_all_errors_gets_more(
    probes: Probes, workflow: Callable[..., dict[str, Any]]
) -> None:
    states = {"First": probe_task(probes.stack), **CAUGHT}
    ended = workflow(states, {"do": "answer", "bytes": STATE_BYTES})
    assert (ended["status"], len(ended["output"])) == ("SUCCEEDED", STATE_BYTES)
    ended = workflow(states, {"do": "answer", "bytes": STATE_BYTES + 1})
    assert (ended["status"], ended["error"]) == ("FAILED", TOO_LARGE)
    assert "returned a result with a size exceeding the maximum number of bytes" in ended["cause"]
    assert workflow(states, {"do": "raise"})["output"] == '"caught"'


def test_it_is_caught_by_its_own_name(probes: Probes, workflow: Callable[..., dict[str, Any]]) -> None:
    catch = [{"ErrorEquals": [TOO_LARGE], "Next": "Caught"}]
    states = {"First": probe_task(probes.stack, Catch=catch), **CAUGHT}
    assert workflow(states, {"do": "answer", "bytes": STATE_BYTES + 1})["output"] == '"caught"'


@pytest.mark.parametrize("kind", ["Pass", "Parallel", "Map", "Task"])
def test_what_goes_into_a_task_or_out_of_a_state_has_256_kilobytes(
    probes: Probes, workflow: Callable[..., dict[str, Any]], kind: str
) -> None:
    doubled = {"do": "look", "text": "", "first.$": "$.text", "second.$": "$.text"}
    inner = {"StartAt": "Same", "States": {"Same": {"Type": "Pass", "End": True}}}
    states: dict[str, dict[str, Any]] = {
        "Pass": {"Type": "Pass", "Parameters": doubled, "End": True},
        "Parallel": {"Type": "Parallel", "Branches": [inner, inner], "End": True},
        "Map": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"text.$": "$.text"},
            "ItemProcessor": inner,
            "End": True,
        },
        "Task": probe_task(probes.stack, Parameters=doubled),
    }
    both = {"First": states[kind], **CAUGHT}
    small = {"text": "x" * 120_000, "items": [1, 2]}
    large = {"text": "x" * 140_000, "items": [1, 2]}
    assert workflow(both, small)["status"] == "SUCCEEDED"
    assert workflow(both, large)["error"] == TOO_LARGE


def test_an_executions_input_has_256_kilobytes(
    stack: LocalStack, workflow: Callable[..., dict[str, Any]]
) -> None:
    states = {"First": {"Type": "Pass", "Result": "taken", "End": True}}
    frame = len('{"text": ""}')
    assert workflow(states, {"text": "x" * (STATE_BYTES - frame)})["output"] == '"taken"'
    status, code, message = refused(lambda: workflow(states, {"text": "x" * (STATE_BYTES - frame + 1)}))
    assert (status, code) == (400, "ValidationException")
    assert message.endswith("Member must have length less than or equal to 262144")


@pytest.mark.parametrize("way", ["put", "update", "transaction"])
def test_an_item_has_400_kilobytes(stack: LocalStack, way: str) -> None:
    table, dynamodb = stack.outputs["TableName"], stack.aws.client("dynamodb")
    names = [one["AttributeName"] for one in dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
    key = {name: {"S": f"limit-{way}"} for name in names}
    frame = sum(len(name) + len(value["S"]) for name, value in key.items()) + len("text")

    def write(size: int) -> Any:
        text = {"S": "x" * (size - frame)}
        if way == "put":
            return dynamodb.put_item(TableName=table, Item={**key, "text": text})
        change = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": "SET #text = :text",
            "ExpressionAttributeNames": {"#text": "text"},
            "ExpressionAttributeValues": {":text": text},
        }
        if way == "update":
            return dynamodb.update_item(**change)
        return dynamodb.transact_write_items(TransactItems=[{"Update": change}])

    write(ITEM_BYTES)
    status, _, message = refused(lambda: write(ITEM_BYTES + 1))
    assert status == 400
    assert "size" in message or "ValidationError" in message
    dynamodb.delete_item(TableName=table, Key=key)


@pytest.fixture(scope="module")
def address(probes: Probes) -> Iterator[str]:
    """The address of an HTTP API in front of the function `one`."""
    aws = probes.stack.aws
    function = aws.client("lambda").get_function(FunctionName="one")["Configuration"]["FunctionArn"]
    api = aws.client("apigatewayv2")
    api_id = api.create_api(Name="limits", ProtocolType="HTTP")["ApiId"]
    integration = api.create_integration(
        ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )
    target = f"integrations/{integration['IntegrationId']}"
    api.create_route(ApiId=api_id, RouteKey="$default", Target=target)
    api.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
    served = Gateway(0, int(aws.url.rsplit(":", 1)[1]), api_id)
    served.start()
    yield served.url
    served.stop()


def test_the_public_address_tells_nothing_of_a_functions_error(address: str) -> None:
    assert urllib3.request("GET", f"{address}/fine", retries=False, timeout=10.0).data == b"fine"
    for path in ("raise", "sleep"):  # the latter ends at the function's time-out
        answer = urllib3.request("GET", f"{address}/{path}", retries=False, timeout=TIMEOUT_SECONDS * 2)
        assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


def test_the_public_address_gives_a_function_up_after_30_seconds(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gateway.INTEGRATION_TIMEOUT_SECONDS == 30
    monkeypatch.setattr(gateway, "INTEGRATION_TIMEOUT_SECONDS", TIMEOUT_SECONDS / 3)
    answer = urllib3.request("GET", f"{address}/sleep", retries=False, timeout=10.0)
    assert (answer.status, answer.json()) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize(
    ("size", "status"), [(4 * MEGABYTE, 200), (6 * MEGABYTE, 413), (10 * MEGABYTE + 1, 413)]
)
def test_the_public_address_takes_what_a_function_can_be_given(address: str, size: int, status: int) -> None:
    answer = urllib3.request("POST", f"{address}/fine", body=b"x" * size, retries=False, timeout=10.0)
    assert answer.status == status


def test_the_public_address_gives_500_for_an_answer_that_no_function_may_give(
    address: str,
) -> None:
    answer = urllib3.request("GET", f"{address}/large", retries=False, timeout=10.0)
    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})
