"""What the scenes of `policy_scenario` are played with: tenants, images to edit, batches, broken-off work."""

import base64
import json
import time
import uuid
from datetime import timedelta
from functools import cached_property
from typing import Any

import urllib3
from botocore.exceptions import ClientError

from easel.aws.batches import DynamoBatches
from easel.aws.deliveries import DynamoDeliveries
from easel.aws.items import error_code
from easel.aws.keys import put_api_key
from easel.aws.table import DynamoGenerations
from easel.domain.batch import Batch, BatchStatus, Source, chunk_key
from easel.domain.ids import batch_id_of, new_key_id
from easel.domain.tenancy import ApiKey, new_secret, visible
from easel.errors import VersionConflictError
from easel.runtime import SystemClock
from local.stack import STACK, LocalStack
from tests.fakes.http_server import LocalServer
from tests.fakes.pictures import picture
from tests.integration.account_caller import AccountCaller, Inbox, listed, until
from tests.integration.easel_caller import EaselCaller

EDIT = "qwen-image-edit-max"
POLLED = {"model": "qwen-image-max", "route": "mulerouter/qwen-image-max"}
AT_ONCE = {"model": "qwen-image", "route": "aimlapi/qwen-image"}
PICTURE = picture("png", 640, 480)
DATA_URL = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
LIMITS = {"usd_per_day": "5", "usd_per_month": "50", "concurrency": 20}
LONG_REPORT_BYTES = 9 * 1024 * 1024  # more than one part of an upload has
TURNS_MAX = 20


class Stage:
    """A running stack, and a webhook's receiver that takes everything."""

    def __init__(self, stack: LocalStack, receiver: LocalServer) -> None:
        self.stack, self.receiver, self.clock = stack, receiver, SystemClock()
        self.administrator = EaselCaller(stack.url, stack.api_key)
        self.account, self.inbox = AccountCaller(stack), Inbox(stack)
        self.bucket = stack.outputs["ImageBucketName"]
        self.s3, self.lambdas = stack.aws.client("s3"), stack.aws.client("lambda")
        self.records = stack.aws.client("dynamodb"), stack.outputs["TableName"]
        self.batches = DynamoBatches(*self.records, 1, self.clock)
        self.deliveries = DynamoDeliveries(*self.records, 1, self.clock)
        self.generations = DynamoGenerations(*self.records, 1, self.clock)

    def prepare(self) -> None:
        """Make what several scenes use."""
        self.own, self.dropped  # noqa: B018

    def limited(self, **limits: str) -> str:
        """A tenant with budgets and a webhook."""
        name = new_name()
        settings = {"limits": {**LIMITS, **limits}, "webhook": f"{self.receiver.url}/{name}"}
        asked(self.administrator, "PATCH", f"/v1/tenants/{name}", settings)
        return name

    def team(self, **limits: str) -> EaselCaller:
        """A caller of such a tenant, whose calls are counted."""
        asks = {"tenant": self.limited(**limits), "limits": {"per_minute": 1000}}
        return EaselCaller(self.stack.url, asked(self.administrator, "POST", "/v1/keys", asks)["secret"])

    def buyer(self) -> EaselCaller:
        """A caller of the administrator's tenant, whose key the index has had for long."""
        secret, made = new_secret(), self.clock.now() - timedelta(hours=1)
        key = ApiKey(id=new_key_id(made), tenant="default", prefix=visible(secret), created_at=made)
        put_api_key(*self.records, secret, key)
        return EaselCaller(self.stack.url, secret)

    def told(self, caller: EaselCaller, generation_id: str, count: int) -> None:
        """Wait until a generation's webhook was told so often."""
        path = f"/v1/generations/{generation_id}/deliveries"

        def delivered() -> bool:
            return [one["status"] for one in asked(caller, "GET", path)["data"]] == ["delivered"] * count

        until(delivered, f"the webhook of {generation_id} was not told")

    def fetch_told(self, generation_id: str) -> None:
        """Read the images that its webhook was told of."""
        messages = [json.loads(one.body)["data"] for one in self.receiver.asked]
        told = next(one for one in messages if one["id"] == generation_id)
        for image in told["images"]:
            fetch(image["url"])

    def images(self) -> list[list[str]]:
        """Images of the administrator's tenant to edit, by each name that a caller over HTTP may use."""
        form = asked(
            self.administrator, "POST", "/v1/uploads", {"content_type": "image/png", "bytes": len(PICTURE)}
        )
        fields = {**form["fields"], "file": ("a.png", PICTURE)}
        posted = urllib3.request("POST", form["url"], fields=fields, timeout=10.0, retries=False)
        assert posted.status == 204, posted.data
        return [[DATA_URL, f"upload:{form['id']}"], [self.uri(key) for key in self.own]]

    @cached_property
    def own(self) -> list[str]:
        """The keys of an input image, of the picture that was made of it, and of a picture of a batch."""
        edit = {"model": EDIT, "prompt": "make it night", "images": [DATA_URL]}
        rows = {"rows": [{**AT_ONCE, "prompt": "a fox"}]}
        made = self.administrator.create(edit)["id"]
        batch = self.batch_of(self.administrator, rows)
        assert self.administrator.ended(made)["status"] == "succeeded"
        places = (f"inputs/{made}/", f"images/{made}/", f"batches/{batch['id']}/images/")
        return [listed(self.s3, self.bucket, place)[0] for place in places]

    @cached_property
    def dropped(self) -> str:
        """An image in the inbox."""
        self.inbox.drop("pictures/fox.png", PICTURE)
        return f"s3://{self.inbox.bucket}/pictures/fox.png"

    def uri(self, key: str) -> str:
        """An object of the image bucket."""
        return f"s3://{self.bucket}/{key}"

    def tool(self, caller: EaselCaller, name: str, given: dict[str, Any], *, wrong: bool = False) -> Any:
        """What a tool of the assistants' door gives."""
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": name, "arguments": given},
        }
        accept = {"Accept": "application/json, text/event-stream"}
        result = caller.call("POST", "/mcp", call, headers=accept).body["result"]
        assert result.get("isError", False) == wrong, result
        return result if wrong else result["structuredContent"]

    def take(self, request: dict[str, Any]) -> str | None:
        """What Intake makes of a request on the bus."""
        event = {"id": str(uuid.uuid4()), "source": "shop", "detail": request}
        return self.account.take_in({**event, "detail-type": "Image Generation Requested"})

    def batch_of(self, caller: EaselCaller, body: dict[str, Any]) -> dict[str, Any]:
        """A batch, ended."""
        return self.ended_batch(caller, asked(caller, "POST", "/v1/batches", body)["id"])

    def ended_batch(self, caller: EaselCaller, batch_id: str) -> dict[str, Any]:
        """The batch once it has ended."""

        def look() -> dict[str, Any] | None:
            batch: dict[str, Any] = asked(caller, "GET", f"/v1/batches/{batch_id}")
            return batch if batch["ended_at"] else None

        return until(look, f"{batch_id} has not ended")

    def begun_batch(self) -> str:
        """A batch whose one row is at work for a while."""
        rows = [{**POLLED, "prompt": "a well [sandbox: slow-task=6]"}]
        batch_id: str = asked(self.administrator, "POST", "/v1/batches", {"rows": rows})["id"]

        def running() -> int:
            counts: dict[str, int] = asked(self.administrator, "GET", f"/v1/batches/{batch_id}")["rows"]
            return counts["running"]

        until(running, f"no row of {batch_id} was begun")
        return batch_id

    def broken_batch(self, carrier: int) -> Batch:
        """A batch without an execution: a long report, one that cannot be read, and a chunk without one."""
        now, source = self.clock.now(), Source(bucket=self.bucket, key=f"{new_name()}.jsonl", etag="0")
        batch = Batch(
            id=batch_id_of("default", source.key), tenant="default", source=source, created_at=now,
            updated_at=now, status=BatchStatus.RUNNING, prepared=True, rows=1, chunks=3, carrier=carrier,
        )  # fmt: skip
        # The record last: Reconcile comes each minute, and when an execution has ended, and would go on.
        self.put_reports(batch, b"what is this\n")
        row: dict[str, Any] = {"row": 1, "custom_id": None, "tenant": "default", "request": {}}
        self.put(chunk_key(batch.id, "rows", 3), json.dumps(row).encode())
        if carrier:
            self.spent("BatchStateMachineArn", f"{batch.id}-{carrier}")
        self.batches.create(batch)
        return batch

    def put_reports(self, batch: Batch, second: bytes) -> None:
        """What is said of its first two chunks."""
        line = {"error": {"error": {"code": "moderation", "message": "a" * 1_000_000}}}
        lines = (json.dumps(line).encode() + b"\n") * (LONG_REPORT_BYTES // 1_000_000)
        for number, report in ((1, lines), (2, second)):
            self.put(chunk_key(batch.id, batch.report_kind, number), report)

    def put(self, key: str, data: bytes) -> None:
        """An object in the image bucket."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def abandoned(self, machine: str, execution: str) -> None:
        """Stop an execution."""
        place = self.stack.outputs[machine].replace(":stateMachine:", ":execution:")
        self.stack.aws.client("stepfunctions").stop_execution(executionArn=f"{place}:{execution}")

    def spent(self, machine: str, execution: str) -> None:
        """Let there have been an execution of this name, which carried nothing."""
        self.stack.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.stack.outputs[machine], name=execution, input='{"id": "nothing"}'
        )
        try:
            self.abandoned(machine, execution)
        except ClientError as error:
            if error_code(error) != "ValidationException":  # it has ended by itself
                raise

    def worn_out(self, generation_id: str) -> None:
        """Let as many executions have carried a generation as may."""
        self.spent("GenerateStateMachineArn", f"{generation_id}-10")
        for _ in range(TURNS_MAX):
            generation = self.generations.get(generation_id)
            assert generation
            try:
                return self.generations.save(generation.carried_by(10, self.clock.now()))
            except VersionConflictError:  # a step is still at work
                continue
        raise AssertionError(f"{generation_id} moves too fast")

    def look_after(self, carried_id: str, *, wrong: bool = False) -> None:
        """What Reconcile does when an execution ended badly; it may meet itself, since it is told of that."""
        failed, given = self._given_alone("ReconcileFunction", {"detail": {"name": carried_id}})
        assert failed == wrong, given

    def collect(self, batch_id: str, *, wrong: bool = False) -> Any:
        """What Collect gives, which may meet the batch's own execution."""
        failed, given = self._given_alone("CollectFunction", {"id": batch_id})
        assert failed == wrong, given
        return given

    def _given_alone(self, function: str, event: dict[str, Any]) -> tuple[bool, Any]:
        """As `given`, once nobody else moves the same record at the same moment."""
        for _ in range(TURNS_MAX):
            failed, given = self.given(function, event)
            if not failed or given["errorType"] != "VersionConflictError":
                break
            time.sleep(0.2)
        return failed, given

    def invoke(self, function: str, event: dict[str, Any], *, wrong: bool = False) -> Any:
        """What a function gives; `wrong`: it fails."""
        failed, given = self.given(function, event)
        assert failed == wrong, given
        return given

    def given(self, function: str, event: dict[str, Any]) -> tuple[bool, Any]:
        """Whether a function fails, and what it gives."""
        found = self.stack.aws.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId=function
        )
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        answer = self.lambdas.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return "FunctionError" in answer, json.loads(answer["Payload"].read())


def new_name() -> str:
    """A name that nobody has."""
    return f"scene-{uuid.uuid4().hex[:12]}"


def asked(caller: EaselCaller, method: str, path: str, body: Any = None) -> Any:
    """What the API says to a call that goes well."""
    answer = caller.call(method, path, body)
    assert answer.status < 300, answer.body
    return answer.body


def fetch(link: str) -> None:
    """Read what lies behind a signed link."""
    assert urllib3.request("GET", link, timeout=10.0, retries=False).status == 200
