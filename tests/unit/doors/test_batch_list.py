"""The HTTP API's list of batches: newest first, in pages, the asking tenant's alone."""

from typing import Any

import pytest

from tests.fakes.batch_run import rows, run
from tests.unit.doors.calls import OTHER_KEY, Answer, Api

PATH = "/v1/batches"


def make(api: Api, count: int, **more: Any) -> list[str]:
    """So many batches, a second apart; their ids, newest first."""
    ids = []
    for _ in range(count):
        api.scene.clock.sleep(1)
        ids.append(api.call("POST", PATH, body={"rows": rows(2)}, **more).body["id"])
    return ids[::-1]


def ids(answer: Answer) -> list[str]:
    return [one["id"] for one in answer.body["data"]]


def test_tenant_without_batches_has_an_empty_list() -> None:
    answer = Api().call("GET", PATH)
    assert (answer.status, answer.body) == (200, {"data": [], "next_cursor": None})
    assert answer.headers["cache-control"] == "no-store"


def test_batches_are_listed_newest_first_as_each_is_shown_by_itself() -> None:
    api = Api()
    made = make(api, 7)
    run(api.scene, api.scene.batches.records[made[3]])
    answer = api.call("GET", PATH)
    assert ids(answer) == made
    assert answer.body["data"] == [api.call("GET", f"{PATH}/{one}").body for one in made]
    ended = answer.body["data"][3]
    assert (ended["status"], ended["rows"]["succeeded"]) == ("completed", 2)
    assert "signature=" in ended["files"]["results.jsonl"]


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_list_is_paged_to_its_end_by_cursors(limit: int) -> None:
    api = Api()
    made = make(api, 5)
    found: list[str] = []
    query = {"limit": str(limit)}
    for _ in range(6):
        page = api.call("GET", PATH, query=query)
        assert 0 < len(page.body["data"]) <= limit
        found += ids(page)
        if page.body["next_cursor"] is None:
            break
        query["cursor"] = page.body["next_cursor"]
    assert found == made
    assert page.body["next_cursor"] is None


def test_page_holds_twenty_unless_told_otherwise() -> None:
    api = Api()
    made = make(api, 21)
    assert ids(api.call("GET", PATH)) == made[:20]
    assert ids(api.call("GET", PATH, query={"limit": "100"})) == made


def test_other_tenants_batches_are_not_listed_and_a_cursor_opens_no_other_list() -> None:
    api = Api()
    make(api, 3)
    theirs = make(api, 2, key=OTHER_KEY)
    cursor = api.call("GET", PATH, query={"limit": "1"}).body["next_cursor"]
    assert ids(api.call("GET", PATH, key=OTHER_KEY)) == theirs
    assert ids(api.call("GET", PATH, query={"cursor": cursor}, key=OTHER_KEY)) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "forged"}, "cursor"),
        ({"cursor": "bat_01ARYZ6S410000000000000000"}, "cursor"),
        ({"status": "completed"}, "status"),
    ],
)
def test_wrong_parameter_is_named(query: dict[str, str], field: str) -> None:
    answer = Api().call("GET", PATH, query=query)
    assert (answer.status, answer.body["code"]) == (422, "invalid_request")
    assert [error["field"] for error in answer.body["errors"]] == [field]
