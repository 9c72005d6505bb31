"""The front door that speaks as DashScope does: tasks, from submit to their end, their list, their cancel."""

import re
import uuid
from typing import Any

import pytest

from easel.domain.ask import Ask
from easel.domain.failure import FailureClass
from easel.domain.generation import Status
from easel.domain.ids import generation_bits
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from easel.vendors.base import Failed, Finished, Missing, Pending, VendorTask
from easel.vendors.dashscope import DashScope
from tests.fakes.scene import Scene
from tests.unit.doors.calls import OTHER_KEY, Answer, Api
from tests.unit.doors.vendor_door import delivering, ended_as, last_id, moved, wire
from tests.unit.steps.vendor_words import DASHSCOPE_LINK, dashscope_task

DOOR = "/dashscope"
SUBMIT = f"{DOOR}/api/v1/services/aigc/text2image/image-synthesis"
TASKS = f"{DOOR}/api/v1/tasks"
PROMPT = "PLANTED-PROMPT of a lighthouse"
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
TIMES = {"submit_time", "scheduled_time", "end_time"}


def submit(api: Api, door: str = DOOR, model: str = "qwen-image-plus", **change: Any) -> Answer:
    """A task is asked for."""
    given = {"model": model, "input": {"prompt": PROMPT}, "parameters": {}}
    path = SUBMIT.replace(DOOR, door, 1)
    return api.call("POST", path, body=given | change, X_DashScope_Async="enable")


def submitted(api: Api, **change: Any) -> str:
    """The id of a task that was taken."""
    answer = submit(api, **change)
    assert answer.status == 200, answer.body
    made: str = answer.body["output"]["task_id"]
    return made


def task(api: Api, task_id: str, **call: Any) -> dict[str, Any]:
    """What is told of a task."""
    answer = api.call("GET", f"{TASKS}/{task_id}", **call)
    assert answer.status == 200
    assert answer.body["request_id"] == "request-1"
    output: dict[str, Any] = answer.body["output"]
    return output


def done() -> tuple[Api, str]:
    """A task that has succeeded."""
    answer = dashscope_task(
        "SUCCEEDED", results=[{"orig_prompt": "p", "actual_prompt": "a fine p", "url": DASHSCOPE_LINK}]
    )
    api = delivering(answer, DASHSCOPE_LINK)
    made = submitted(api)
    moved(api)
    return api, made


def test_submit_answers_with_a_pending_task_and_buys_nothing_yet() -> None:
    api = Api()
    answer = submit(api)
    assert answer.status == 200
    assert set(answer.body) == {"output", "request_id"}
    assert set(answer.body["output"]) == {"task_id", "task_status"}
    assert answer.body["output"]["task_status"] == "PENDING"
    made = answer.body["output"]["task_id"]
    assert made == str(uuid.UUID(made))
    assert uuid.UUID(made).int == generation_bits(last_id(api))
    assert api.scene.workflow.ids == [last_id(api)]
    assert api.scene.script.asked == []


@pytest.mark.parametrize(
    ("change", "negative"),
    [
        ({"input": {"prompt": PROMPT, "negative_prompt": "blurry"}}, "blurry"),
        ({"parameters": {"negative_prompt": "blurry"}}, "blurry"),
        ({"input": {"prompt": PROMPT, "negative_prompt": "a"}, "parameters": {"negative_prompt": "b"}}, "b"),
    ],
)
def test_negative_prompt_is_read_at_both_of_its_places(change: dict[str, Any], negative: str) -> None:
    api = Api()
    submitted(api, **change)
    assert api.scene.store.records[last_id(api)].request.negative_prompt == negative


@pytest.mark.parametrize(("door", "endpoint"), [(DOOR, "dashscope-intl"), ("/dashscope-cn", "dashscope-cn")])
def test_regions_own_route_comes_first(door: str, endpoint: str) -> None:
    api = Api()
    submitted(api, door=door)
    routes = api.scene.store.records[last_id(api)].routes
    assert routes[0] == f"{endpoint}/qwen-image-plus"
    assert len(routes) == 3


def test_task_goes_from_pending_over_running_to_succeeded_with_its_times() -> None:
    api = delivering(dashscope_task("PENDING"))
    made = submitted(api)
    assert set(task(api, made)) == {"task_id", "task_status", "submit_time"}
    assert task(api, made)["task_status"] == "PENDING"
    moved(api, steps=1)
    running = task(api, made)
    assert running["task_status"] == "RUNNING"
    assert set(running) == {"task_id", "task_status", "submit_time", "scheduled_time"}


def test_task_that_succeeded_has_our_links_its_prompts_and_what_was_counted() -> None:
    api, made = done()
    output = task(api, made)
    assert set(output) == {"task_id", "task_status", "results", "task_metrics", *TIMES}
    assert (output["task_id"], output["task_status"]) == (made, "SUCCEEDED")
    assert all(MOMENT.fullmatch(output[name]) for name in TIMES)
    (result,) = output["results"]
    assert result["url"].startswith(f"https://images.example/images/{last_id(api)}/")
    assert (result["orig_prompt"], result["actual_prompt"]) == (PROMPT, "a fine p")
    assert output["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    assert api.call("GET", f"{TASKS}/{made}").body["usage"] == {"image_count": 1}
    assert task(api, made.upper()) == output


@pytest.mark.parametrize(
    ("status", "code", "word", "told"),
    [
        (Status.FAILED, "moderation", "FAILED", "DataInspectionFailed"),
        (Status.FAILED, "validation", "FAILED", "InvalidParameter"),
        (Status.FAILED, "transient", "FAILED", "InternalError.Algo"),
        (Status.FAILED, "rate_limit", "FAILED", "Throttling.RateQuota"),
        (Status.FAILED, "submission_unknown", "FAILED", "InternalError"),
        (Status.FAILED, "image_invalid", "FAILED", "InternalError"),
        (Status.EXPIRED, "deadline_exceeded", "FAILED", "InternalError.Timeout"),
        (Status.CANCELED, "canceled", "CANCELED", None),
    ],
)
def test_end_without_a_picture_is_the_vendors_word_and_code_under_http_200(
    status: Status, code: str, word: str, told: str | None
) -> None:
    api = Api()
    made = submitted(api)
    ended_as(api, status, code)
    output = task(api, made)
    assert (output["task_status"], output.get("code")) == (word, told)
    assert ("message" in output) is (told is not None)
    assert MOMENT.fullmatch(output["end_time"])
    assert "results" not in output
    assert "usage" not in api.call("GET", f"{TASKS}/{made}").body


@pytest.mark.parametrize("task_id", [str(uuid.UUID(int=7)), "d-1", "{task_id}", "f" * 36, "x" * 500])
def test_task_that_nobody_knows_is_unknown_under_http_200(task_id: str) -> None:
    assert task(Api(), task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}


def test_task_of_another_tenant_is_unknown_and_can_neither_be_canceled_nor_listed() -> None:
    api = Api()
    made = submitted(api)
    assert task(api, made, key=OTHER_KEY) == {"task_id": made, "task_status": "UNKNOWN"}
    assert api.call("POST", f"{TASKS}/{made}/cancel", key=OTHER_KEY).status == 400
    assert api.call("GET", TASKS, key=OTHER_KEY).body["data"] == []
    assert task(api, made)["task_status"] == "PENDING"


def test_slash_behind_an_id_which_the_asynchronous_sdk_sends_is_tolerated() -> None:
    api = Api()
    made = submitted(api)
    assert api.call("GET", f"{TASKS}/{made}/").body == api.call("GET", f"{TASKS}/{made}").body
    assert api.call("POST", f"{TASKS}/{made}/cancel/").status == 200
    assert task(api, made)["task_status"] == "CANCELED"


def test_links_live_as_long_as_the_vendors_own() -> None:
    api, made = done()
    assert task(api, made)["results"][0]["url"].endswith("seconds=86400")


@pytest.mark.parametrize(
    ("key", "words"), [(None, "No API-key provided."), ("wrong", "Invalid API-key provided.")]
)
def test_missing_and_unknown_keys_are_told_apart_in_the_vendors_words(key: str | None, words: str) -> None:
    answer = Api().call("GET", f"{TASKS}/x", key=key)
    assert (answer.status, answer.body["code"], answer.body["message"]) == (401, "InvalidApiKey", words)


def test_async_path_without_the_header_is_the_vendors_403() -> None:
    answer = Api().call("POST", SUBMIT, body={"model": "qwen-image-plus", "input": {"prompt": PROMPT}})
    assert (answer.status, answer.body["code"]) == (403, "AccessDenied")
    assert answer.body["message"] == "current user api does not support synchronous calls"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"model": "qwen-image-max"}, "InvalidParameter", "url error"),
        ({"model": "qwen-image-edit-max"}, "InvalidParameter", "url error"),
        ({"model": "wanx-v1"}, "InvalidParameter", "Model not exist."),
        ({"model": ""}, "BadRequest.EmptyModel", "model"),
        ({"input": {}}, "BadRequest.EmptyInput", "input"),
        ({"input": {"negative_prompt": "x"}}, "InvalidParameter", "prompt"),
        ({"input": {"messages": []}}, "InvalidParameter", "input.messages"),
        ({"parameters": {"n": 2}}, "InvalidParameter", "num_images_per_prompt must be 1"),
        ({"parameters": {"size": "1024*1024"}}, "InvalidParameter", "1664*928"),
    ],
)
def test_wrong_submit_is_the_vendors_400_and_nothing_is_made(
    change: dict[str, Any], code: str, words: str
) -> None:
    api = Api()
    answer = submit(api, **change)
    assert (answer.status, answer.body["code"]) == (400, code), answer.body
    assert words in answer.body["message"]
    assert api.scene.store.records == {}


def test_limits_and_scopes_hold_as_everywhere() -> None:
    api = Api()
    made = submitted(api)
    api.keys.known = {"scopes": frozenset({Scope.READ})}
    assert task(api, made)["task_status"] == "PENDING"
    assert submit(api).status == 403
    assert api.call("POST", f"{TASKS}/{made}/cancel").status == 403
    api.keys.known = {"scopes": frozenset({Scope.GENERATE})}
    assert api.call("GET", f"{TASKS}/{made}").status == 403
    assert api.call("GET", TASKS).status == 403
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(concurrency=1))
    submitted(api)
    answer = submit(api)
    assert (answer.status, answer.body["code"]) == (429, "Throttling.RateQuota")


def test_idempotency_key_is_honoured_though_the_vendor_has_none() -> None:
    api = Api()
    given = {"model": "qwen-image", "input": {"prompt": PROMPT}}
    answers = [
        api.call("POST", SUBMIT, body=given, X_DashScope_Async="enable", idempotency_key="k-1")
        for _ in range(2)
    ]
    assert answers[0].body == answers[1].body
    assert len(api.scene.store.records) == 1


def test_cancel_ends_a_task_and_is_refused_once_it_has_ended_otherwise() -> None:
    api = Api()
    made = submitted(api)
    for _ in range(2):
        answer = api.call("POST", f"{TASKS}/{made}/cancel")
        assert (answer.status, answer.body) == (200, {"request_id": "request-1"})
    assert task(api, made)["task_status"] == "CANCELED"
    api, made = done()
    for task_id in (made, str(uuid.UUID(int=7)), "d-1"):
        answer = api.call("POST", f"{TASKS}/{task_id}/cancel")
        assert (answer.status, answer.body["code"]) == (400, "UnsupportedOperation")


def test_list_tells_of_the_last_days_tasks_newest_first_page_by_page() -> None:
    api = Api()
    old = submitted(api)
    api.scene.clock.sleep(86400)
    made = []
    for model in ("qwen-image", "qwen-image-plus", "qwen-image"):
        api.scene.clock.sleep(60)
        made.append(submitted(api, model=model))
    answer = api.call("GET", f"{TASKS}/", query={"page_no": "1", "page_size": "2"})
    assert answer.status == 200
    assert {name: answer.body[name] for name in ("total", "total_page", "page_no", "page_size")} == {
        "total": 3, "total_page": 2, "page_no": 1, "page_size": 2,
    }  # fmt: skip
    assert [one["task_id"] for one in answer.body["data"]] == [made[2], made[1]]
    first = answer.body["data"][0]
    assert (first["status"], first["model_name"]) == ("PENDING", "qwen-image")
    assert isinstance(first["gmt_create"], int)
    assert [one["task_id"] for one in listed(api, page_no="2", page_size="2")] == [made[0]]
    assert listed(api, page_no="9") == []
    assert [one["task_id"] for one in listed(api, start_time="20261120000000")] == [old]
    assert [one["task_id"] for one in listed(api, model_name="qwen-image-plus")] == [made[1]]
    assert [one["task_id"] for one in listed(api, task_id=made[0])] == [made[0]]
    ended_as(api, Status.FAILED, "transient")
    (failed,) = listed(api, status="FAILED")
    assert failed["task_id"] == made[2]
    assert failed["end_time"] >= failed["gmt_create"]


def listed(api: Api, **query: str) -> list[dict[str, Any]]:
    answer = api.call("GET", TASKS, query=query)
    assert answer.status == 200, answer.body
    data: list[dict[str, Any]] = answer.body["data"]
    return data


@pytest.mark.parametrize(
    "query", [{"page_no": "0"}, {"page_no": "x"}, {"page_size": "101"}, {"start_time": "yesterday"}], ids=str
)
def test_list_refuses_what_it_cannot_read(query: dict[str, str]) -> None:
    answer = Api().call("GET", TASKS, query=query)
    assert (answer.status, answer.body["code"]) == (400, "InvalidParameter")
    assert next(iter(query)) in answer.body["message"]


ADAPTER = DashScope()


def test_easels_own_adapter_is_a_client_of_the_door_from_submit_to_links() -> None:
    answer = dashscope_task("SUCCEEDED", results=[{"url": DASHSCOPE_LINK}])
    api = delivering(answer, DASHSCOPE_LINK)
    ask = Ask(model="qwen-image-plus", prompt=PROMPT, seed=7)
    taken = ADAPTER.read_submit(wire(api, DOOR, ADAPTER.build_submit(ask)))
    assert isinstance(taken, Pending)
    asked = ADAPTER.build_poll(VendorTask("qwen-image-plus", taken.task_id))
    assert isinstance(ADAPTER.read_poll(wire(api, DOOR, asked)), Pending)
    moved(api)
    finished = ADAPTER.read_poll(wire(api, DOOR, asked))
    assert isinstance(finished, Finished)
    assert finished.task_id == taken.task_id
    assert isinstance(ADAPTER.read_poll(wire(api, DOOR, asked, OTHER_KEY)), Missing)


def test_easels_own_adapter_reads_how_a_task_failed() -> None:
    api = Api(Scene())
    made = submitted(api)
    ended_as(api, Status.FAILED, "moderation")
    failed = ADAPTER.read_poll(wire(api, DOOR, ADAPTER.build_poll(VendorTask("qwen-image-plus", made))))
    assert isinstance(failed, Failed)
    assert failed.failure.failure_class is FailureClass.MODERATION
