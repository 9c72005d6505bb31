"""A caller inside the AWS account, who never speaks HTTP to Easel: files, events, executions, queues.

It makes the calls that the AWS CLI makes for the same commands.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from local.stack import STACK, LocalStack

PATIENCE_SECONDS = 120.0  # for one answer, on a machine of two busy cores
LOOK_SECONDS = 0.5
QUEUE_WAIT_SECONDS = 2

Message = dict[str, Any]
Found = TypeVar("Found")


class Inbox:
    """Easel's inbox bucket, and which files were put into it here."""

    def __init__(self, stack: LocalStack) -> None:
        self.bucket = stack.outputs["InboxBucketName"]
        self.put_keys: set[str] = set()
        self._s3 = stack.aws.client("s3")

    def drop(self, key: str, data: bytes | str, **metadata: str) -> str:
        """Put a file; its ETag."""
        self.put_keys.add(key)
        body = data.encode() if isinstance(data, str) else data
        names = {name.replace("_", "-"): value for name, value in metadata.items()}
        answer = self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=names)
        etag: str = answer["ETag"]
        return etag.strip('"')

    def keys(self) -> set[str]:
        """What lies there."""
        return set(listed(self._s3, self.bucket, ""))


class AccountCaller:
    """Puts events on Easel's bus, starts its state machine, reads what it keeps and tells."""

    def __init__(self, stack: LocalStack) -> None:
        self._outputs = stack.outputs
        self._s3, self._sqs = stack.aws.client("s3"), stack.aws.client("sqs")
        self._bus, self._workflows = stack.aws.client("events"), stack.aws.client("stepfunctions")
        self._lambda, self._stacks = stack.aws.client("lambda"), stack.aws.client("cloudformation")
        self._roles = stack.aws.client("iam")
        self._dead: list[Message] = []

    def publish(
        self, detail: Mapping[str, Any] | str, detail_type: str = "Image Generation Requested"
    ) -> str:
        """Put an event on Easel's bus; its id."""
        entry = {
            "EventBusName": self._outputs["EventBusName"],
            "Source": "shop",
            "DetailType": detail_type,
            "Detail": detail if isinstance(detail, str) else json.dumps(detail),
        }
        answer = self._bus.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer
        event_id: str = answer["Entries"][0]["EventId"]
        return event_id

    def execute(
        self, given: Mapping[str, Any], machine: str | None = None, name: str | None = None
    ) -> Message:
        """Start an execution, of Easel's public state machine unless another is given; how it ended."""
        more = {"name": name} if name else {}
        machine = machine or self._outputs["GenerateStateMachineArn"]
        started = self._workflows.start_execution(stateMachineArn=machine, input=json.dumps(given), **more)
        arn = started["executionArn"]

        def ended() -> Message | None:
            execution: Message = self._workflows.describe_execution(executionArn=arn)
            return execution if execution["status"] != "RUNNING" else None

        return until(ended, f"{arn} is still running")

    def make_workflow(self, name: str, definition: Mapping[str, Any]) -> str:
        """Create a state machine of the caller's own; its ARN."""
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "states.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = self._roles.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        made = self._workflows.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=role, type="STANDARD"
        )
        arn: str = made["stateMachineArn"]
        return arn

    def take_in(self, event: Mapping[str, Any]) -> str | None:
        """Deliver an event to the function behind the inbox and the bus once more; what it became."""
        resource = self._stacks.describe_stack_resource(StackName=STACK, LogicalResourceId="IntakeFunction")
        function = resource["StackResourceDetail"]["PhysicalResourceId"]
        answer = self._lambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        made = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, made
        made_id: str | None = made["id"]
        return made_id

    def kept(self, s3_uri: str) -> bytes:
        """An object that Easel kept."""
        bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
        data: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def batch_file(self, batch_id: str, name: str) -> bytes:
        """One of a batch's files."""
        return self.kept(f"s3://{self._outputs['ImageBucketName']}/batches/{batch_id}/{name}")

    def put_beside_images(self, key: str, data: bytes) -> None:
        """Put an object where Easel keeps its own."""
        self._s3.put_object(Bucket=self._outputs["ImageBucketName"], Key=key, Body=data)

    def batches(self) -> set[str]:
        """The batches that have left anything in the image bucket."""
        keys = listed(self._s3, self._outputs["ImageBucketName"], "batches/")
        return {key.split("/")[1] for key in keys}

    def dead_letter(self, wanted: Callable[[Message], bool]) -> Message:
        """The one that is wanted, once it lies in the queue of what could not be taken."""

        def look() -> Message | None:
            self._dead += received(self._sqs, self._outputs["DeadLettersUrl"])
            return next((one for one in self._dead if wanted(one)), None)

        return until(look, "no such dead letter has come")


class Answers:
    """What Easel tells on its bus, from now on."""

    def __init__(self, stack: LocalStack, name: str) -> None:
        self._sqs, bus = stack.aws.client("sqs"), stack.aws.client("events")
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        rule = {"Name": name, "EventBusName": stack.outputs["EventBusName"]}
        bus.put_rule(**rule, EventPattern=json.dumps({"source": ["easel"]}))
        target = {"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}
        bus.put_targets(Rule=name, EventBusName=rule["EventBusName"], Targets=[target])
        self._heard: list[Message] = []

    def wait_for(self, detail_type: str, wanted: Callable[[Message], bool]) -> Message:
        """The detail of the first event of the type that is wanted, once it has come."""

        def look() -> Message | None:
            known = self.heard(detail_type, wanted)
            if not known:
                self._heard += received(self._sqs, self._queue)
            return next(iter(known or self.heard(detail_type, wanted)), None)

        return until(look, f"no {detail_type} as wanted has come")

    def generation(self, prompt: str, end: str = "Succeeded") -> Message:
        """The generation of a prompt, as the event of its end tells it."""
        return self.wait_for(f"Image Generation {end}", lambda one: one["request"]["prompt"] == prompt)

    def all_heard(self) -> list[Message]:
        """All events that came so far."""
        while more := received(self._sqs, self._queue):
            self._heard += more
        return self._heard

    def heard(self, detail_type: str, wanted: Callable[[Message], bool]) -> list[Message]:
        """The details of all such events that came so far; one that came twice is the same event."""
        events = {one["id"]: one for one in self._heard}
        return [
            one["detail"]
            for one in events.values()
            if one["detail-type"] == detail_type and wanted(one["detail"])
        ]


def until(look: Callable[[], Found | None], otherwise: str) -> Found:
    """What `look` finds, once it finds something."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < limit, otherwise
        time.sleep(LOOK_SECONDS)
    return found


def received(sqs: Any, queue: str) -> list[Message]:
    """The bodies of the next messages of a queue, which are taken off it."""
    wait = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": QUEUE_WAIT_SECONDS}
    messages = sqs.receive_message(QueueUrl=queue, **wait).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def listed(s3: Any, bucket: str, prefix: str) -> list[str]:
    """All keys below a prefix."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def sha256(data: bytes) -> str:
    """As the generation's images have it."""
    return hashlib.sha256(data).hexdigest()
