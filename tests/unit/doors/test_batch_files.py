"""Batches over HTTP whose body is the file itself: JSON Lines and CSV, bounds in the query."""

import gzip
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Batch
from tests.fakes.batch_run import errors, jsonl, row, rows, run
from tests.fakes.scene import TENANT
from tests.unit.doors.calls import Answer, Api

PATH = "/v1/batches"
LINES, CSV = "application/jsonl", "text/csv"
TABLE = (
    "custom_id,model,prompt,metadata.shop\r\n"
    'a,qwen-image-max,"a fox, in snow",17\r\n'
    "b,qwen-image-max,\u72d0\u72f8,18\r\n"
)


def post(
    api: Api, data: str | bytes, media: str = LINES, query: Mapping[str, str] | None = None, **headers: str
) -> Answer:
    """POST /v1/batches of a file."""
    return api.call("POST", PATH, raw=data, query=query, content_type=media, **headers)


def only(api: Api) -> Batch:
    (batch,) = api.scene.batches.records.values()
    return batch


def prompts(api: Api) -> list[str]:
    """Of all generations, in order."""
    return [one.request.prompt for one in api.scene.store.records.values()]


def assert_refused(api: Api, answer: Answer, status: int, code: str, *fields: str) -> None:
    assert (answer.status, answer.body["code"]) == (status, code)
    assert [error["field"] for error in answer.body.get("errors", [])] == list(fields)
    assert api.scene.batches.records == {}
    assert api.scene.buckets == {}
    assert api.scene.batch_workflow.ids == []


@pytest.mark.parametrize("media", [LINES, "application/x-ndjson", "Application/JSONL; charset=UTF-8"])
def test_json_lines_are_a_batch_whose_rows_run(media: str) -> None:
    api = Api()
    answer = post(api, jsonl(*rows(3)), media)  # API Gateway gives what is no text as base64
    batch = only(api)
    assert (answer.status, answer.headers["location"]) == (202, f"{PATH}/{batch.id}")
    assert (batch.tenant, batch.trusted) == (TENANT, False)
    assert run(api.scene, batch)["rows"]["succeeded"] == 3
    assert prompts(api) == ["picture 1", "picture 2", "picture 3"]


@pytest.mark.parametrize("media", [CSV, "text/csv; header=present", 'TEXT/CSV;charset="utf-8"'])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_is_a_batch_whose_rows_run_with_a_byte_order_mark_or_without(media: str, mark: str) -> None:
    api = Api()
    assert post(api, mark + TABLE, media).status == 202
    assert run(api.scene, only(api))["rows"]["succeeded"] == 2
    assert prompts(api) == ["a fox, in snow", "\u72d0\u72f8"]
    assert [one.request.metadata["shop"] for one in api.scene.store.records.values()] == ["17", "18"]


def test_text_may_come_as_base64_too_as_a_proxy_may_send_it() -> None:
    api = Api()
    post(api, TABLE.encode(), CSV)
    assert run(api.scene, only(api))["rows"]["succeeded"] == 2


def test_file_is_kept_as_it_came_under_its_form() -> None:
    for media, data, ending in ((LINES, jsonl(*rows(2)), ".jsonl"), (CSV, TABLE.encode(), ".csv")):
        api = Api()
        post(api, data, media)
        source = only(api).source
        assert source.key.startswith(f"batches/{only(api).id}/work/input-")
        assert source.key.endswith(ending)
        stored = api.scene.buckets[source.bucket, source.key]
        assert (stored.data, stored.content_type) == (data, media)


@pytest.mark.parametrize(
    ("media", "data"),
    [
        (LINES, b'{"prompt": 7}\n{\n\n' + jsonl(row(4))),
        (CSV, "model,prompt\nqwen-image-max,\n,x\n,\nqwen-image-max,y"),
    ],
    ids=["lines", "csv"],
)
def test_wrong_rows_are_taken_and_told_in_the_batchs_errors(media: str, data: str | bytes) -> None:
    api = Api()
    assert post(api, data, media).status == 202
    assert run(api.scene, only(api))["rows"] == {
        "total": 3, "queued": 0, "running": 0, "succeeded": 1, "failed": 0, "refused": 2,
    }  # fmt: skip
    assert [line["row"] for line in errors(api.scene, only(api))] == [1, 2]


@pytest.mark.parametrize(
    ("media", "data"),
    [
        (CSV, "model,colour\na,b\n"),
        (CSV, "model,prompt\n"),
        (CSV, "\ufeffmodel,prompt\na,b\n".encode("utf-16-le")),
        (LINES, b" \n\n"),
        (LINES, gzip.compress(jsonl(row(1)), mtime=0)),
    ],
)
def test_file_that_cannot_be_read_is_a_batch_that_fails_as_a_dropped_one_does(
    media: str, data: str | bytes
) -> None:
    api = Api()
    assert post(api, data, media).status == 202
    assert run(api.scene, only(api))["rows"]["succeeded"] == 0
    assert errors(api.scene, only(api))[0]["error"]["message"]


def test_two_posts_without_a_key_are_two_batches_and_with_one_they_are_the_same() -> None:
    api = Api()
    first = post(api, TABLE, CSV)
    api.scene.clock.sleep(0.001)
    assert post(api, TABLE, CSV).body["id"] != first.body["id"]
    keyed = [post(api, TABLE, CSV, idempotency_key="k") for _ in range(2)]
    assert keyed[0].body["id"] == keyed[1].body["id"]
    other = post(api, TABLE + "c,qwen-image-max,x,1\n", CSV, idempotency_key="k")
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")


def test_bounds_stand_in_the_query() -> None:
    api = Api()
    query = {"max_concurrency": "3", "tolerated_failures": "0", "max_cost_usd": "12.50"}
    answer = post(api, TABLE, CSV, query)
    bounds = only(api).bounds
    assert (bounds.max_concurrency, bounds.tolerated_failures) == (3, 0)
    assert bounds.max_cost_usd == Decimal("12.50")
    assert answer.body["max_cost_usd"] == "12.50"


def test_query_bounds_a_json_body_too_whose_own_bounds_come_first() -> None:
    api = Api()
    body = {"rows": rows(1), "max_concurrency": 9, "tolerated_failures": None}
    query = {"max_concurrency": "3", "tolerated_failures": "1", "max_cost_usd": "2"}
    api.call("POST", PATH, body=body, query=query)
    bounds = only(api).bounds
    assert (bounds.max_concurrency, bounds.tolerated_failures) == (9, None)
    assert bounds.max_cost_usd == Decimal(2)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"max_concurrency": "0"}, "max_concurrency"),
        ({"tolerated_failures": "-1"}, "tolerated_failures"),
        ({"max_cost_usd": "much"}, "max_cost_usd"),
        ({"max_cost_usd": ""}, "max_cost_usd"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"dryrun": "true"}, "dryrun"),
    ],
)
@pytest.mark.parametrize("media", [CSV, "application/json"])
def test_wrong_word_in_the_query_is_named_and_nothing_is_made(
    query: dict[str, str], field: str, media: str
) -> None:
    api = Api()
    data = TABLE if media == CSV else json.dumps({"rows": rows(1)})
    assert_refused(api, post(api, data, media, query), 422, "invalid_request", field)


@pytest.mark.parametrize(
    "media",
    ["text/plain", "application/octet-stream", "multipart/form-data", "application/jsonlines", "", "x"],
)
def test_body_of_another_type_is_415_and_told_which_there_are(media: str) -> None:
    api = Api()
    answer = post(api, "{}", media)
    assert_refused(api, answer, 415, "unsupported_media_type")
    for told in ("application/json", LINES, "application/x-ndjson", CSV):
        assert told in answer.body["detail"]


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "windows-1252"])
def test_file_that_says_that_it_is_in_another_encoding_is_415(charset: str) -> None:
    api = Api()
    assert_refused(api, post(api, TABLE, f"{CSV}; charset={charset}"), 415, "unsupported_media_type")


def test_empty_body_is_400() -> None:
    api = Api()
    assert_refused(api, post(api, "", CSV), 400, "malformed_request")


def test_rows_of_a_file_may_name_neither_tenants_nor_images_of_the_inbox_whoever_sends_them() -> None:
    api = Api()
    edit: dict[str, Any] = {"model": "qwen-image-edit-max", "route": "mulerouter/qwen-image-edit-max"}
    own = "s3://images/images/gen_01ARYZ6S410000000000000000/0.png"  # whose it is is seen when the row starts
    lines = [row(1, tenant="other"), row(2, **edit, images=["s3://inbox/secret.png"]), row(3)]
    plan = post(api, jsonl(*lines, row(4, **edit, images=[own])), query={"dry_run": "true"}).body
    assert [one["row"] for one in plan["data"] if one["error"]] == [1, 2]
    post(api, jsonl(*lines))
    assert run(api.scene, only(api))["rows"]["refused"] == 2
    assert {one.tenant for one in api.scene.store.records.values()} == {TENANT}


def test_answer_and_log_hold_no_row() -> None:
    api = Api()
    answer = post(api, jsonl(row(1, prompt="PLANTED-PROMPT"), b"PLANTED-PROMPT"))
    assert "PLANTED" not in answer.text + api.log.getvalue()
