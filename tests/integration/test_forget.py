"""`make forget`: of a tenant that had everything nothing is left, and of its neighbours all."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local import forget
from local.stack import LocalStack
from tests.integration.account_caller import AccountCaller, Inbox, until
from tests.integration.easel_caller import EaselCaller

pytestmark = pytest.mark.stack

SYNC = {"model": "qwen-image", "route": "aimlapi/qwen-image", "prompt": "an owl"}  # answers at once
ROWS = '{"model": "qwen-image", "route": "aimlapi/qwen-image", "prompt": "a row"}\n'


class Tenant:
    """A tenant with a key, limits, a generation with a webhook, two batches, inbox files, an upload."""

    def __init__(self, stack: LocalStack, caller: EaselCaller, inbox: Inbox) -> None:
        self.name = f"gone-{uuid.uuid4().hex[:8]}"
        made = caller.call("POST", "/v1/keys", {"tenant": self.name, "limits": {"usd_per_day": 5}})
        caller.call("PATCH", f"/v1/tenants/{self.name}", {"limits": {"usd_per_month": 50}})
        self.caller = EaselCaller(stack.url, made.body["secret"])
        hook = "http://127.0.0.1:9/nobody"
        asked = self.caller.create(SYNC | {"webhook": hook}, **{"Idempotency-Key": "k"})
        self.generation = self.caller.ended(asked["id"])
        rows = self.caller.call("POST", "/v1/batches", ROWS, headers={"Content-Type": "application/jsonl"})
        inbox.drop(f"requests/{self.name}.jsonl", ROWS, tenant=self.name)
        inbox.drop(f"tenants/{self.name}/own.jsonl", ROWS)
        upload = self.caller.call("POST", "/v1/uploads", {"content_type": "image/png", "bytes": 9}).body
        stack.aws.client("s3").put_object(
            Bucket=stack.outputs["ImageBucketName"], Key=upload["fields"]["key"], Body=b"123456789"
        )
        until(lambda: len(self._listed()) == 2, "not both batches have come")
        self.batches = [one["id"] for one in self._listed()]
        assert rows.body["id"] in self.batches
        until(lambda: all(one["ended_at"] for one in self._listed()), "not both batches have ended")
        until(lambda: not self._moving(stack), "something of it moves yet")

    def _moving(self, stack: LocalStack) -> list[str]:
        return [one for one in left(stack, self.name, *self.batches) if "'open_pk'" in one]

    def _listed(self) -> list[dict[str, Any]]:
        batches: list[dict[str, Any]] = self.caller.call("GET", "/v1/batches").body["data"]
        return batches


def left(stack: LocalStack, *words: str) -> list[str]:
    """Every record, and every object by its key, in which one of these words is to be found."""
    dynamodb, s3 = stack.aws.client("dynamodb"), stack.aws.client("s3")
    pages = dynamodb.get_paginator("scan").paginate(TableName=stack.outputs["TableName"])
    found = [str(item) for page in pages for item in page["Items"]]
    for bucket in (stack.outputs["ImageBucketName"], stack.outputs["InboxBucketName"]):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        found += [one["Key"] for page in pages for one in page.get("Contents", ())]
    return [one for one in found if any(word in one for word in words)]


def test_nothing_of_a_tenant_is_left_and_all_of_another(
    stack: LocalStack, caller: EaselCaller, inbox: Inbox, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("EASEL_AWS_PORT", stack.aws.url.rpartition(":")[2])
    with ThreadPoolExecutor(2) as threads:
        goes, stays = threads.map(lambda _: Tenant(stack, caller, inbox), range(2))
    before, others = left(stack, goes.name, *goes.batches), left(stack, stays.name, *stays.batches)
    assert len(before) > 20
    assert forget.main(["--tenant", goes.name]) == 0
    assert left(stack, goes.name, *goes.batches) == before
    counted = capsys.readouterr().out
    until(lambda: forget.main(["--tenant", goes.name, "--sure"]) == 0, "something is at work yet")
    assert goes.caller.call("GET", f"/v1/generations/{goes.generation['id']}").status in (401, 404)
    (key_of_a_day,) = left(stack, goes.name, goes.generation["id"], *goes.batches)
    assert "'idem#" in key_of_a_day
    assert left(stack, stays.name, *stays.batches) == others
    image = stays.generation["images"][0]["s3_uri"]
    assert AccountCaller(stack).kept(image)
    assert "would go" in counted
    for what in (
        "objects in images/",
        "objects in batches/",
        "uploads",
        "inbox files",
        "generations",
        "keys",
    ):
        assert f"  {what}\n" in counted
