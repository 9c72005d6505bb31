"""The HTTP API's calls on batches: shapes, statuses, problem documents, and nobody else's batches."""

import json
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.batch import Batch
from easel.domain.ids import batch_id_of
from easel.domain.rows import ROW_BYTES_MAX
from easel.errors import NotFoundError
from tests.fakes.batch_run import end_all, feed_all, generations, jsonl, look, prepare, row, rows, run
from tests.fakes.scene import TENANT, Scene
from tests.unit.doors.calls import OTHER_KEY, Answer, Api

PATH = "/v1/batches"


def create(api: Api, *, count: int = 2, key: str | None = None, **fields: Any) -> Answer:
    """POST /v1/batches of so many rows unless the fields say otherwise."""
    given = {"rows": rows(count)} | fields
    body = {name: value for name, value in given.items() if value is not None}
    headers: dict[str, Any] = {"idempotency_key": key} if key else {}
    return api.call("POST", PATH, body=body, **headers)


def only(api: Api) -> Batch:
    (batch,) = api.scene.batches.records.values()
    return batch


def assert_problem(answer: Answer, status: int, code: str, *fields: str) -> None:
    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.body.get("errors", [])] == list(fields)


# ── Made ──────────────────────────────────────────────────────────────────────────────────────────────


def test_batch_of_rows_is_taken_at_once_and_says_where_it_is() -> None:
    api = Api()
    answer = create(api)
    batch = only(api)
    assert answer.status == 202
    assert answer.headers["location"] == f"{PATH}/{batch.id}" == answer.body["links"]["self"]
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["retry-after"]) > 0
    assert (answer.body["id"], answer.body["status"]) == (batch.id, "preparing")
    assert (batch.tenant, batch.trusted) == (TENANT, False)
    assert api.scene.batch_workflow.ids == [batch.id]
    assert api.scene.store.records == {}


@pytest.mark.parametrize(
    ("given", "held"),
    [("12.50", "12.50"), (12.5, "12.5"), (3, "3"), (0.1234567, "0.123456"), (1e-9, "0.000000")],
)
def test_cap_in_dollars_is_text_or_a_number(given: Any, held: str) -> None:
    api = Api()
    assert create(api, max_cost_usd=given).body["max_cost_usd"] == held
    assert only(api).bounds.max_cost_usd == Decimal(held)


def test_bounds_are_taken_as_they_are_given() -> None:
    api = Api()
    answer = create(api, max_concurrency=3, tolerated_failures=0, max_cost_usd="12.50")
    bounds = only(api).bounds
    assert (bounds.max_concurrency, bounds.tolerated_failures) == (3, 0)
    assert bounds.max_cost_usd == Decimal("12.50")
    told = {name: answer.body[name] for name in ("max_concurrency", "tolerated_failures", "max_cost_usd")}
    assert told == {"max_concurrency": 3, "tolerated_failures": 0, "max_cost_usd": "12.50"}


def test_wrong_rows_are_taken_and_told_in_the_batchs_errors() -> None:
    api = Api()
    assert create(api, rows=[{"prompt": 7}, {}, row(3)]).status == 202
    run(api.scene, only(api))
    answer = api.call("GET", f"{PATH}/{only(api).id}")
    assert answer.body["rows"] == {
        "total": 3, "queued": 0, "running": 0, "succeeded": 1, "failed": 0, "refused": 2,
    }  # fmt: skip


def test_same_key_and_rows_are_one_batch_and_other_rows_are_refused() -> None:
    api = Api()
    first = create(api, key="k")
    again = create(api, key="k")
    assert (again.status, again.body["id"]) == (202, first.body["id"])
    assert_problem(create(api, key="k", count=3), 422, "idempotency_mismatch")
    assert len(api.scene.batches.records) == 1


def test_manifest_in_the_inbox_is_taken_by_its_name() -> None:
    api = Api()
    api.scene.inbox.drop("2026/a.jsonl", jsonl(*rows(2)))
    answer = create(api, rows=None, manifest="s3://inbox/2026/a.jsonl")
    assert answer.status == 202
    assert answer.body["source"] == "s3://inbox/2026/a.jsonl"
    assert run(api.scene, only(api))["rows"]["succeeded"] == 2
    again = create(api, rows=None, manifest="s3://inbox/2026/a.jsonl")
    assert (again.body["id"], again.body["status"]) == (answer.body["id"], "completed")
    assert again.body["rows"]["succeeded"] == 2, "it says what has become of the earlier one"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rows": None}, ["rows"]),
        ({"manifest": "s3://inbox/a.jsonl"}, ["rows"]),
        ({"rows": []}, ["rows"]),
        ({"rows": {}}, ["rows"]),
        ({"rows": "a"}, ["rows"]),
        ({"rows": [row(1), 7]}, ["rows.1"]),
        ({"rows": [row(1), {"prompt": "x" * ROW_BYTES_MAX}]}, ["rows.1"]),
        ({"rows": None, "manifest": 7}, ["manifest"]),
        ({"rows": None, "manifest": "s3://inbox/"}, ["manifest"]),
        ({"rows": None, "manifest": "https://example.com/a.jsonl"}, ["manifest"]),
        ({"max_concurrency": 0}, ["max_concurrency"]),
        ({"max_concurrency": "3"}, ["max_concurrency"]),
        ({"max_cost_usd": True}, ["max_cost_usd"]),
        ({"max_cost_usd": "1e3"}, ["max_cost_usd"]),
        ({"max_cost_usd": 1e9}, ["max_cost_usd"]),
        ({"tolerated_failures": -1, "max_cost_usd": "much"}, ["tolerated_failures", "max_cost_usd"]),
        ({"prompt": "p", "model": "m"}, ["prompt", "model"]),
        ({"x" * 1000: 1}, ["x" * 100]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_field_of_a_batch_is_named_and_nothing_is_made(
    fields: dict[str, Any], named: list[str]
) -> None:
    api = Api()
    assert_problem(create(api, **fields), 422, "invalid_request", *named)
    assert api.scene.batches.records == {}
    assert api.scene.buckets == {}
    assert api.scene.batch_workflow.ids == []


@pytest.mark.parametrize("name", ["s3://inbox/nothing.jsonl", "s3://elsewhere/a.jsonl"])
def test_manifest_that_is_not_there_is_404_and_named_and_nothing_is_made(name: str) -> None:
    api = Api()
    assert_problem(create(api, rows=None, manifest=name), 404, "not_found", "manifest")
    assert api.scene.batches.records == {}


def test_unknown_field_is_told_with_the_fields_there_are() -> None:
    (error,) = create(Api(), row=[]).body["errors"]
    assert set(error["allowed"]) == {
        "rows", "manifest", "max_concurrency", "tolerated_failures", "max_cost_usd", "dry_run",
    }  # fmt: skip


def test_body_of_very_many_wrong_fields_gets_an_answer_of_bounded_size() -> None:
    many: dict[str, Any] = {f"unknown-{number}" * 20: number for number in range(5_000)}
    answer = create(Api(), **many)
    assert answer.status == 422
    assert len(answer.text) < 100_000


@pytest.mark.parametrize("raw", ["{", "", "[" * 100_000, '{"rows": [' + "[" * 100_000, "9" * 10_000])
def test_body_that_is_no_json_is_400(raw: str) -> None:
    assert_problem(Api().call("POST", PATH, raw=raw), 400, "malformed_request")


@pytest.mark.parametrize("raw", ["[]", "null", "7", '"text"'])
def test_body_that_is_no_object_is_422(raw: str) -> None:
    assert_problem(Api().call("POST", PATH, raw=raw), 422, "invalid_request", "body")


@pytest.mark.parametrize("depth", [50, 500, 900])
def test_row_that_is_nested_deeply_is_taken_and_refused_among_the_rows(depth: int) -> None:
    api = Api()
    raw = '{"rows": [{"prompt": ' + "[" * depth + "]" * depth + "}]}"
    assert api.call("POST", PATH, raw=raw).status == 202
    assert run(api.scene, only(api))["rows"]["refused"] == 1


@pytest.mark.parametrize("path", ["", "/bat_x", "/bat_x/cancel", "/bat_x/resume"])
def test_every_call_needs_a_key(path: str) -> None:
    methods = ["GET"] if path == "/bat_x" else ["POST"]
    for method in methods:
        assert_problem(Api().call(method, PATH + path, key=None), 401, "unauthorized")


def test_refusal_shows_no_prompt_in_answer_or_log() -> None:
    api = Api()
    answer = create(api, rows=[row(1, prompt="PLANTED-PROMPT"), "PLANTED-PROMPT"])
    assert answer.status == 422
    assert "PLANTED" not in answer.text + api.log.getvalue()


# ── Whose manifests ───────────────────────────────────────────────────────────────────────────────────


def test_another_tenant_may_name_only_the_files_below_its_own_folder() -> None:
    api = Api()
    for key in ("a.jsonl", "tenants/otherwise/a.jsonl", "tenants/default/a.jsonl", "tenants/other/a.jsonl"):
        api.scene.inbox.drop(key, jsonl(*rows(1)))
    answers = {
        name: api.call("POST", PATH, body={"manifest": f"s3://inbox/{name}"}, key=OTHER_KEY)
        for name in (
            "a.jsonl", "tenants/otherwise/a.jsonl", "tenants/default/a.jsonl", "tenants/other/../../a.jsonl",
            "tenants/other/", "tenants/other", "tenants/other/a.jsonl",
        )
    }  # fmt: skip
    assert [name for name, answer in answers.items() if answer.status == 202] == ["tenants/other/a.jsonl"]
    assert only(api).tenant == "other"
    for name, answer in list(answers.items())[:-1]:
        refused = (404, "not_found") if name.endswith(".jsonl") else (422, "invalid_request")
        assert_problem(answer, *refused, "manifest")


def test_another_tenants_manifest_may_name_neither_tenants_nor_images_of_the_inbox() -> None:
    api = Api()
    edit = row(2, model="qwen-image-edit-max", route="mulerouter/qwen-image-edit-max")
    lines = [row(1, tenant="default"), edit | {"images": ["s3://inbox/secret.png"]}, row(3)]
    api.scene.inbox.drop("tenants/other/a.jsonl", jsonl(*lines))
    api.call("POST", PATH, body={"manifest": "s3://inbox/tenants/other/a.jsonl"}, key=OTHER_KEY)
    view = run(api.scene, only(api))
    assert (view["rows"]["succeeded"], view["rows"]["refused"]) == (1, 2)
    assert {one.tenant for one in api.scene.store.records.values()} == {"other"}


def test_inline_rows_may_name_neither_tenants_nor_images_of_the_inbox_whoever_sends_them() -> None:
    api = Api()
    edit = row(2, model="qwen-image-edit-max", route="mulerouter/qwen-image-edit-max")
    create(api, rows=[row(1, tenant="other"), edit | {"images": ["s3://inbox/secret.png"]}])
    assert run(api.scene, only(api))["rows"]["refused"] == 2


def test_manifests_of_the_default_tenant_are_trusted_as_dropped_files_are() -> None:
    scene = Scene()
    scene.inbox.drop("a.jsonl", b"")
    scene.inbox.drop("tenants/other/a.jsonl", b"")
    assert scene.manifests.find(TENANT, "s3://inbox/a.jsonl")[1] is True
    assert scene.manifests.find("other", "s3://inbox/tenants/other/a.jsonl")[1] is False
    with pytest.raises(NotFoundError):
        scene.manifests.find("", "s3://inbox/a.jsonl")


# ── Looked at ─────────────────────────────────────────────────────────────────────────────────────────


def test_batch_is_looked_at_on_its_way_and_at_its_end() -> None:
    api = Api()
    create(api, count=15)
    batch = only(api)
    prepare(api.scene, batch)
    look(api.scene, batch)
    running = api.call("GET", f"{PATH}/{batch.id}")
    assert running.status == 200
    assert (running.body["status"], running.body["files"]) == ("running", {})
    assert running.body["rows"]["running"] == 10
    assert "retry-after" in running.headers
    assert "location" not in running.headers
    end_all(api.scene, batch)
    look(api.scene, batch)
    api.scene.clock.sleep(100)
    half = api.call("GET", f"{PATH}/{batch.id}").body
    assert half["rows"]["succeeded"] == 10
    assert half["estimated_end_at"] > half["created_at"]
    feed_all(api.scene, batch)
    api.scene.collector.collect(batch.id)
    ended = api.call("GET", f"{PATH}/{batch.id}")
    assert ended.body["status"] == "completed"
    assert "retry-after" not in ended.headers
    assert set(ended.body["files"]) == {"results.jsonl", "errors.jsonl", "manifest.json", "gallery.html"}
    assert all("signature=" in link for link in ended.body["files"].values())


@pytest.mark.parametrize(
    "batch_id", [batch_id_of("t", "x"), "bat_x", "x" * 1000, "gen_01ARYZ6S410000000000000000"]
)
@pytest.mark.parametrize(("method", "call"), [("GET", ""), ("POST", "/cancel"), ("POST", "/resume")])
def test_what_is_no_batch_is_404(batch_id: str, method: str, call: str) -> None:
    answer = Api().call(method, f"{PATH}/{batch_id}{call}")
    assert_problem(answer, 404, "not_found")
    assert len(answer.text) < 1000


@pytest.mark.parametrize(("method", "call"), [("GET", ""), ("POST", "/cancel"), ("POST", "/resume")])
def test_batch_of_another_tenant_is_404_and_stays_as_it_is(method: str, call: str) -> None:
    api = Api()
    create(api)
    before = only(api)
    assert_problem(api.call(method, f"{PATH}/{before.id}{call}", key=OTHER_KEY), 404, "not_found")
    assert only(api) == before


# ── Canceled and resumed ──────────────────────────────────────────────────────────────────────────────


def canceled(api: Api, **fields: Any) -> str:
    """A batch that has ended as canceled."""
    create(api, **fields)
    batch = only(api)
    assert api.call("POST", f"{PATH}/{batch.id}/cancel").status == 200
    run(api.scene, batch)
    return batch.id


def test_canceled_batch_answers_with_itself_and_twice_alike() -> None:
    api = Api()
    create(api)
    answers = [api.call("POST", f"{PATH}/{only(api).id}/cancel") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0] == answers[1]
    assert answers[0].body["stop_reason"]["code"] == "canceled"


def test_batch_that_has_ended_otherwise_is_409_to_cancel_and_to_resume() -> None:
    api = Api()
    create(api)
    run(api.scene, only(api))
    for call in ("cancel", "resume"):
        assert_problem(api.call("POST", f"{PATH}/{only(api).id}/{call}"), 409, "conflict")


@pytest.mark.parametrize("body", [None, {}])
def test_canceled_batch_is_resumed_as_it_was(body: Any) -> None:
    api = Api()
    batch_id = canceled(api, max_cost_usd="1.00")
    answer = api.call("POST", f"{PATH}/{batch_id}/resume", body=body)
    assert (answer.status, answer.body["status"]) == (202, "preparing")
    assert answer.headers["location"] == f"{PATH}/{batch_id}"
    assert answer.body["max_cost_usd"] == "1.00"
    assert api.scene.batch_workflow.carriers == {batch_id: 1}
    assert run(api.scene, only(api))["status"] == "completed"


def test_rows_of_a_resumed_batch_are_bought_by_the_key_that_resumes_it() -> None:
    api = Api()
    batch_id = canceled(api)
    api.keys.known = {"models": ("qwen-image-plus",)}
    assert api.call("POST", f"{PATH}/{batch_id}/resume").status == 202
    told = run(api.scene, only(api))
    assert (told["status"], len(generations(api.scene, only(api)))) == ("completed", 0)


def test_bounds_of_a_resumed_batch_are_those_named_and_nothing_lifts_one() -> None:
    api = Api()
    batch_id = canceled(api, max_cost_usd="1.00", tolerated_failures=5, max_concurrency=2)
    body = {"max_cost_usd": None, "max_concurrency": 9}
    answer = api.call("POST", f"{PATH}/{batch_id}/resume", body=body)
    told = {name: answer.body[name] for name in ("max_concurrency", "tolerated_failures", "max_cost_usd")}
    assert told == {"max_concurrency": 9, "tolerated_failures": 5, "max_cost_usd": None}


@pytest.mark.parametrize(
    ("body", "field"), [({"max_cost_usd": "much"}, "max_cost_usd"), ({"rows": []}, "rows"), ({"id": 1}, "id")]
)
def test_resume_with_a_wrong_field_is_422_and_moves_nothing(body: dict[str, Any], field: str) -> None:
    api = Api()
    batch_id = canceled(api)
    before = only(api)
    assert_problem(api.call("POST", f"{PATH}/{batch_id}/resume", body=body), 422, "invalid_request", field)
    assert only(api) == before


def test_answers_hold_neither_rows_nor_prompts() -> None:
    api = Api()
    answer = create(api, rows=[row(1, prompt="PLANTED-PROMPT")])
    run(api.scene, only(api))
    ended = api.call("GET", f"{PATH}/{only(api).id}")
    assert "PLANTED" not in json.dumps([answer.body, ended.body]) + api.log.getvalue()
