"""Dry runs of batches: every row with the very words of the batch's errors, and nothing made."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from easel.domain.rows import ROW_BYTES_MAX
from easel.steps.batch_plan import JUDGING_SECONDS
from tests.fakes.batch_run import PRICE, errors, jsonl, row, rows, run
from tests.fakes.memory_files import Stored
from tests.unit.doors.calls import OTHER_KEY, Answer, Api

PATH = "/v1/batches"
LINES, CSV = "application/jsonl", "text/csv"
LAMBDA_BYTES = 6 * 1024 * 1024


def plan(api: Api, given: list[Any] | str | bytes, media: str = LINES) -> Answer:
    """A dry run of rows or of a file."""
    if isinstance(given, list):
        return api.call("POST", PATH, body={"rows": given, "dry_run": True})
    return api.call("POST", PATH, raw=given, query={"dry_run": "true"}, content_type=media)


def made(api: Api, given: list[Any] | str | bytes, media: str = LINES) -> list[dict[str, Any]]:
    """The errors of the batch itself, after it has run."""
    if isinstance(given, list):
        assert api.call("POST", PATH, body={"rows": given}).status == 202
    else:
        assert api.call("POST", PATH, raw=given, content_type=media).status == 202
    (batch,) = api.scene.batches.records.values()
    run(api.scene, batch)
    return errors(api.scene, batch)


def untouched(api: Api) -> bool:
    """Whether nothing was written, started or bought."""
    scene = api.scene
    return not (scene.batches.records or scene.buckets or scene.batch_workflow.ids or scene.store.records)


def shown(answer: Answer) -> Mapping[int, dict[str, Any]]:
    """The rows by their numbers."""
    return {one["row"]: one for one in answer.body["data"]}


# ── What is told ──────────────────────────────────────────────────────────────────────────────────────


def test_dry_run_tells_each_row_with_its_price_and_writes_nothing() -> None:
    api = Api()
    answer = plan(api, [row(1), row(2, prompt=None), row(3, prompt="x" * 300, custom_id=None)])
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert "location" not in answer.headers
    wrong = {"field": "prompt", "message": "Field required"}
    assert answer.body == {
        "dry_run": True,
        "rows": {"total": 3, "valid": 2, "refused": 1},
        "estimated_cost_usd": str(2 * PRICE),
        "complete": True,
        "truncated": False,
        "data": [
            {
                "row": 1, "custom_id": "row-1", "model": "qwen-image-max", "prompt": "picture 1",
                "estimated_usd": str(PRICE), "error": None,
            },
            {
                "row": 2, "custom_id": "row-2", "model": "qwen-image-max", "prompt": None,
                "estimated_usd": None,
                "error": {
                    "code": "invalid_request", "message": "prompt: Field required", "errors": [wrong],
                },
            },
            {
                "row": 3, "custom_id": None, "model": "qwen-image-max", "prompt": "x" * 200,
                "estimated_usd": str(PRICE), "error": None,
            },
        ],
    }  # fmt: skip
    assert untouched(api)


WRONG_ROWS: list[Any] = [
    row(1), {}, row(3, prompt=7), row(4, model="nothing"), row(5, model=["x"]), row(6, size="21:9"),
    row(7, route="nobody/nothing"), row(8, promt="p"), row(9, custom_id=""), row(10, tenant="other"),
    row(11, images=["http://example.com"]), row(12, webhook="http://example.com"), row(1),
    row(14, custom_id="row-2"),
    row(15, model="qwen-image-edit-max", route=None, images=["s3://inbox/a.png"]), row(16, custom_id="row-2"),
    row(17, prompt=" "), row(18, metadata={"a": 1}), row(19, n=9, seed=-1, strict="yes"),
]  # fmt: skip
WRONG_LINES = jsonl(
    row(1), b"{", b"", b"\xff", b'{"a": 1, "a": 2}', b'{"\\ud800": 1, "\\ud800": 2}', b"[]", row(8)
)
WRONG_CELLS = (
    'model;prompt;n;images\nqwen-image-max;"a\nb";1;\n;x;;\nqwen-image-max;y;many;[1\n;;;\na;b\n'
    'qwen-image-max;"c;;\n'
)


@pytest.mark.parametrize(
    ("given", "media"),
    [
        (WRONG_ROWS, ""),
        (jsonl(*WRONG_ROWS), LINES),
        (WRONG_LINES, LINES),
        (jsonl(row(1), b"x" * (ROW_BYTES_MAX + 1), row(3)), LINES),
        (WRONG_CELLS, CSV),
        ("model,colour\na,b\n", CSV),
        ("model,prompt\n", CSV),
        (b"\n", LINES),
        ("\ufeffmodel,prompt\na,b\n".encode("utf-16-le"), CSV),
    ],
    ids=["rows", "the same as lines", "lines", "long line", "cells", "header", "no rows", "blank", "utf-16"],
)
def test_numbers_and_words_are_those_of_the_batchs_own_errors(
    given: list[Any] | str | bytes, media: str
) -> None:
    api = Api()
    answer = plan(api, given, media)
    assert untouched(api)
    refused = [one for one in answer.body["data"] if one["error"]]
    told = [(one["row"], one["custom_id"], *one["error"].values()) for one in refused]
    lines = made(api, given, media)
    assert told == [
        (line["row"], line["custom_id"], *(line["error"][name] for name in ("code", "message", "problems")))
        for line in lines
    ]
    assert len(told) == answer.body["rows"]["refused"] > 0
    assert answer.body["rows"]["valid"] == len(api.scene.store.records)


def test_estimate_is_that_of_the_batch() -> None:
    api = Api()
    given = [
        row(1, on_unknown="resubmit"),
        row(2, route=None),
        row(3, model="qwen-image", route="aimlapi/qwen-image", n=3),
    ]
    answer = plan(api, given)
    api.call("POST", PATH, body={"rows": given})
    (batch,) = api.scene.batches.records.values()
    run(api.scene, batch)
    assert answer.body["estimated_cost_usd"] == str(api.scene.batches.records[batch.id].estimated_usd)


def test_row_that_has_the_custom_id_of_a_refused_one_is_good() -> None:
    answer = plan(Api(), [row(1, prompt=None, custom_id="a"), row(2, custom_id="a"), row(3, custom_id="a")])
    assert [bool(one["error"]) for one in answer.body["data"]] == [True, False, True]
    assert "row 2" in shown(answer)[3]["error"]["message"]


def test_row_that_is_too_long_is_refused_as_it_is_where_the_batch_is_made() -> None:
    given = [row(1), {"prompt": "x" * ROW_BYTES_MAX}]
    answer = plan(Api(), given)
    assert (answer.status, answer.body) == (422, Api().call("POST", PATH, body={"rows": given}).body)


def test_key_that_may_not_use_a_model_is_told_so_at_each_row() -> None:
    api = Api()
    api.keys.known = {"models": ("qwen-image",)}
    answer = plan(api, [row(1), row(2, model="qwen-image", route=None)])
    assert [bool(one["error"]) for one in answer.body["data"]] == [True, False]


# ── However it is asked for ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "query"),
    [({"dry_run": True}, None), ({}, {"dry_run": "true"}), ({"dry_run": False}, {"dry_run": "true"})],
)
def test_body_or_query_may_ask_for_it(body: dict[str, Any], query: dict[str, str] | None) -> None:
    api = Api()
    assert api.call("POST", PATH, body=body | {"rows": rows(1)}, query=query).status == 200
    assert untouched(api)


def test_asked_not_to_be_one_it_is_none() -> None:
    for body, query in (({"dry_run": False}, None), ({}, {"dry_run": "false"})):
        assert Api().call("POST", PATH, body=body | {"rows": rows(1)}, query=query).status == 202


def test_dry_run_claims_no_key() -> None:
    api = Api()
    api.call("POST", PATH, body={"rows": rows(1), "dry_run": True}, idempotency_key="k")
    assert api.call("POST", PATH, body={"rows": rows(2)}, idempotency_key="k").status == 202


@pytest.mark.parametrize("body", [{"dry_run": "true"}, {"dry_run": 1}, {"dry_run": None}])
def test_dry_run_that_is_neither_true_nor_false_is_refused_and_makes_nothing(body: dict[str, Any]) -> None:
    api = Api()
    answer = api.call("POST", PATH, body=body | {"rows": rows(1)})
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "dry_run")
    assert untouched(api)


def test_manifest_of_the_inbox_can_be_tried_too() -> None:
    api = Api()
    api.scene.inbox.drop("a.jsonl", jsonl(row(1, tenant="acme"), {}, row(3)))
    answer = api.call("POST", PATH, body={"manifest": "s3://inbox/a.jsonl", "dry_run": True})
    assert answer.body["rows"] == {"total": 3, "valid": 2, "refused": 1}
    assert (api.scene.batches.records, api.scene.batch_workflow.ids) == ({}, [])


def test_manifest_of_another_tenants_folder_is_tried_by_its_own_rules() -> None:
    api = Api()
    api.scene.inbox.drop(
        "tenants/other/a.csv", b"tenant,model,prompt\nacme,qwen-image-max,p\n,qwen-image-max,p\n"
    )
    body = {"manifest": "s3://inbox/tenants/other/a.csv", "dry_run": True}
    theirs = api.call("POST", PATH, body=body, key=OTHER_KEY)
    assert [bool(one["error"]) for one in theirs.body["data"]] == [True, False]
    nobodys = api.call("POST", PATH, body=body | {"manifest": "s3://inbox/tenants/acme/a.csv"}, key=OTHER_KEY)
    assert (nobodys.status, nobodys.body["code"]) == (404, "not_found")


def test_manifest_that_changes_before_it_is_read_is_404() -> None:
    api = Api()
    api.scene.inbox.drop("a.jsonl", jsonl(row(1)))
    find = api.scene.inbox.find

    def replaced(key: str) -> Any:
        found = find(key)
        api.scene.buckets["inbox", key] = Stored(b"{}")
        return found

    api.scene.inbox.find = replaced  # type: ignore[method-assign]
    answer = api.call("POST", PATH, body={"manifest": "s3://inbox/a.jsonl", "dry_run": True})
    assert (answer.status, answer.body["errors"][0]["field"]) == (404, "manifest")


# ── Bounded ───────────────────────────────────────────────────────────────────────────────────────────


def lambda_bytes(answer: Answer) -> int:
    """How long the function's own answer is at most, the body in it as JSON text."""
    return len(json.dumps({"statusCode": 200, "headers": answer.headers, "body": answer.text}))


def test_answer_of_many_rows_fits_into_lambdas_and_has_the_refused_ones_above_all() -> None:
    good = {"model": "qwen-image-max", "prompt": '\u72d0"\\' * 300}
    given = jsonl(*[{} if number % 10 == 0 else good for number in range(1, 6001)])
    answer = plan(Api(), given)
    assert lambda_bytes(answer) < LAMBDA_BYTES
    assert answer.body["rows"] == {"total": 6000, "valid": 5400, "refused": 600}
    assert (answer.body["truncated"], answer.body["complete"]) == (True, True)
    numbers = [one["row"] for one in answer.body["data"]]
    assert numbers == sorted(numbers)
    refused = [one["row"] for one in answer.body["data"] if one["error"]]
    assert refused == list(range(10, 6001, 10))
    assert len(numbers) > len(refused) + 1000


def test_refused_rows_fill_the_answer_up_to_its_bound_and_the_rest_is_counted() -> None:
    answer = plan(Api(), b"{}\n" * 18_000 + jsonl(row(1)))
    assert lambda_bytes(answer) < LAMBDA_BYTES
    assert answer.body["rows"] == {"total": 18_001, "valid": 1, "refused": 18_000}
    assert answer.body["truncated"] is True
    assert [one["row"] for one in answer.body["data"]] == list(range(1, len(answer.body["data"]) + 1))
    assert len(answer.body["data"]) > 10_000


def test_file_that_takes_too_long_is_answered_as_far_as_it_was_read() -> None:
    api = Api()
    configured = api.scene.keys.get

    def slowly() -> Mapping[str, str]:
        api.scene.clock.sleep(1)
        return configured()

    api.scene.keys.get = slowly  # type: ignore[method-assign]
    answer = plan(api, jsonl(*rows(100)))
    assert answer.status == 200
    assert (answer.body["complete"], answer.body["truncated"]) == (False, False)
    assert answer.body["rows"]["total"] == len(answer.body["data"]) == JUDGING_SECONDS + 1
    exactly = plan(api, jsonl(*rows(int(JUDGING_SECONDS) + 1)))
    assert (exactly.body["complete"], exactly.body["truncated"]) == (True, False)


def test_more_rows_than_a_body_can_mean_are_refused_before_they_are_copied() -> None:
    api = Api()
    answer = api.call("POST", PATH, raw='{"rows":[' + ",".join(["{}"] * 200_001) + "]}")
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "rows")
    assert untouched(api)


def test_log_holds_no_prompt() -> None:
    api = Api()
    plan(api, jsonl(row(1, prompt="PLANTED-PROMPT"), b'{"prompt": "PLANTED'))
    assert "PLANTED" not in api.log.getvalue()
