"""Uploads on the local stack: what the presigned form puts there and what not, and what becomes of it."""

import json
import time
import uuid
from typing import Any

import pytest
import urllib3

from easel.aws.keys import put_api_key
from easel.domain.tenancy import ApiKey
from local.stack import LocalStack
from tests.fakes.pictures import picture
from tests.integration.easel_caller import PATIENCE_SECONDS, EaselCaller, sandbox_tasks

pytestmark = pytest.mark.stack

PICTURE = picture("png", 800, 600)
# Its data URI would be longer than DashScope takes: a vendor gets a link to it.
LARGE = picture("png", 1700, 1700, compress_level=0)
EDIT = {"model": "qwen-image-edit-max", "prompt": "make it night"}


def offered(caller: EaselCaller, length: int, content_type: str = "image/png") -> dict[str, Any]:
    """A place for an upload."""
    answer = caller.call("POST", "/v1/uploads", {"content_type": content_type, "bytes": length})
    assert answer.status == 201, answer.body
    upload: dict[str, Any] = answer.body
    return upload


def posted(upload: dict[str, Any], data: bytes, **changed: str) -> urllib3.BaseHTTPResponse:
    """What S3 says to the form with this file; some fields may be other ones."""
    fields = {**upload["fields"], **{name.replace("_", "-"): value for name, value in changed.items()}}
    form = {**fields, "file": ("a.png", data)}
    return urllib3.request("POST", upload["url"], fields=form, timeout=10.0, retries=False)


def uploaded(caller: EaselCaller, data: bytes) -> str:
    """The name of an upload that holds this."""
    upload = offered(caller, len(data))
    assert posted(upload, data).status == 204
    return f"upload:{upload['id']}"


def test_upload_serves_several_requests_and_rows_of_a_batch(caller: EaselCaller, stack: LocalStack) -> None:
    prompt = f"make it night {uuid.uuid4()}"
    request = {**EDIT, "prompt": prompt, "images": [uploaded(caller, PICTURE)]}
    rows = [request, {**request, "images": ["upload:upl_" + "0" * 26]}]
    batch = caller.call("POST", "/v1/batches", {"rows": rows}).body
    routes = ("mulerouter/qwen-image-edit-max", "dashscope-intl/qwen-image-edit-max")
    made = [caller.create({**request, "route": route})["id"] for route in routes]
    for generation_id in made:
        generation = caller.ended(generation_id)
        assert generation["status"] == "succeeded", generation["error"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while batch["ended_at"] is None:
        assert time.monotonic() < deadline, batch
        time.sleep(0.3)
        batch = caller.call("GET", f"/v1/batches/{batch['id']}").body
    assert (batch["rows"]["succeeded"], batch["rows"]["refused"]) == (1, 1)
    (line,) = urllib3.request("GET", batch["files"]["errors.jsonl"], timeout=10.0).data.splitlines()
    assert json.loads(line)["error"]["field"] == "images.0"
    bought = [task for task in sandbox_tasks(stack.sandbox_url) if task["prompt"] == prompt]
    assert len(bought) == 3


def test_image_too_large_for_a_data_uri_reaches_the_vendor_as_a_link(
    caller: EaselCaller, stack: LocalStack
) -> None:
    assert 7_900_000 < len(LARGE) < 10 * 1024 * 1024
    request = {**EDIT, "images": [uploaded(caller, LARGE)], "route": "dashscope-intl/qwen-image-edit-max"}
    generation = caller.ended(caller.create(request)["id"])
    assert generation["status"] == "succeeded", generation["error"]
    log = "\n".join(file.read_text(errors="replace") for file in stack.settings.data.glob("*.log"))
    assert "X-Amz-Signature" not in log


def test_form_puts_nothing_but_what_was_announced(caller: EaselCaller, stack: LocalStack) -> None:
    upload = offered(caller, 1000)
    key = upload["fields"]["key"]
    assert posted(upload, b"x" * 1001).status == 400
    assert posted(upload, b"").status == 400
    assert posted(upload, b"x" * 1000, Content_Type="text/html").status == 403
    assert posted(upload, b"x" * 1000, key=key.replace("default", "other")).status == 403
    assert posted(upload, b"x" * 1000, key="images/gen_1/0.png").status == 403
    assert posted(upload, b"x" * 1000, x_amz_signature="0" * 64).status == 403
    bucket = stack.outputs["ImageBucketName"]
    listed = stack.aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="uploads/")
    assert upload["id"] not in str(listed.get("Contents"))
    assert posted(upload, b"x" * 1000).status == 204


def test_another_tenants_upload_is_refused_as_one_that_is_not_there(
    caller: EaselCaller, stack: LocalStack
) -> None:
    key = ApiKey(id="key_uploads", tenant="uploads-other", prefix="ezl_uploads")
    put_api_key(stack.aws.client("dynamodb"), stack.outputs["TableName"], "ezl_uploads", key)
    other = EaselCaller(stack.url, "ezl_uploads")
    names = (uploaded(caller, PICTURE), "upload:upl_" + "0" * 26)
    answers = [other.call("POST", "/v1/generations", {**EDIT, "images": [name]}) for name in names]
    assert [answer.status for answer in answers] == [422, 422]
    assert answers[0].body["errors"] == answers[1].body["errors"]
    assert answers[0].body["errors"][0]["field"] == "images.0"


def test_what_is_no_input_image_or_not_public_is_refused_before_a_vendor_is_asked(
    caller: EaselCaller, stack: LocalStack
) -> None:
    prompt = f"never asked for {uuid.uuid4()}"
    wrong = [uploaded(caller, data) for data in (picture("png", 100, 100), b"%PDF-1.7", PICTURE[:-20])]
    for image in (*wrong, "https://169.254.169.254/latest/meta-data/"):
        body = {**EDIT, "prompt": prompt, "images": [image]}
        answer = caller.call("POST", "/v1/generations", body)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, "images.0")
    assert prompt not in [task["prompt"] for task in sandbox_tasks(stack.sandbox_url)]
