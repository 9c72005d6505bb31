"""The front door that speaks as MuleRouter does."""

import re
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.generation import Status
from easel.domain.ids import generation_bits
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from easel.routing import Policy
from tests.fakes.scene import Scene
from tests.unit.doors.vendor_door import (
    KEY,
    NOBODYS_ID,
    OTHER_KEY,
    PIXELDOJO_LINK,
    Answer,
    Api,
    delivering,
    ended_as,
    last_id,
    moved,
    pixeldojo_completed,
)
from tests.unit.local.sandbox_caller import input_image
from tests.unit.steps.vendor_words import LINK, mule_completed

DOOR = "/mulerouter"
MAX = f"{DOOR}/vendors/alibaba/v1/qwen-image-max/generation"
EDIT = f"{DOOR}/vendors/alibaba/v1/qwen-image-edit-max/generation"
PROMPT = "PLANTED-PROMPT of a lighthouse"
DRAW = {"prompt": PROMPT}
PICTURE = {"prompt": PROMPT, "images": ["https://example.com/in.png"]}


def task(answer: Answer) -> dict[str, Any]:
    """The task that an answer tells of."""
    info: dict[str, Any] = answer.body["task_info"]
    return info


def submitted(api: Api, path: str = MAX, **fields: Any) -> str:
    """The id of a task that was taken."""
    answer = api.call("POST", path, body=DRAW | fields)
    assert answer.status == 202, answer.body
    made: str = task(answer)["id"]
    return made


def test_submit_answers_202_with_a_task_that_is_processing_and_buys_nothing_yet() -> None:
    api = Api()
    answer = api.call("POST", MAX, body=DRAW)
    assert answer.status == 202
    assert set(answer.body) == {"task_info"}
    assert set(task(answer)) == {"id", "status", "created_at"}
    assert task(answer)["status"] == "processing"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", task(answer)["created_at"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", answer.headers["traceparent"])
    assert api.scene.workflow.ids == [last_id(api)]
    assert api.scene.script.asked == []


def test_task_id_is_a_lower_case_uuid_of_the_generations_own_bits() -> None:
    api = Api()
    made = submitted(api)
    assert made == str(uuid.UUID(made))
    assert uuid.UUID(made).int == generation_bits(last_id(api))
    assert api.call("GET", f"/v1/generations/{last_id(api)}").body["status"] == "queued"


def test_every_documented_field_reaches_the_generation() -> None:
    api = Api()
    submitted(api, size="928*1664", seed=0, prompt_extend=False, safety_filter=None, negative_prompt="blurry")
    request = api.scene.store.records[last_id(api)].request
    assert (request.model, request.size, request.seed) == ("qwen-image-max", "928*1664", 0)
    assert (request.prompt_extend, request.safety_filter) == (False, None)
    assert request.negative_prompt == "blurry"


def test_size_that_is_left_out_is_the_vendors_default_on_any_route() -> None:
    api = Api()
    submitted(api)
    assert api.scene.store.records[last_id(api)].request.size == "1664*928"


def test_edit_takes_links_data_urls_and_bare_base64_in_order() -> None:
    api = Api()
    data_url = input_image()
    bare = input_image(kind="JPEG").partition(",")[2]
    body = PICTURE | {"images": ["https://example.com/a.png", data_url, bare], "n": 6, "size": "512*2048"}
    assert api.call("POST", EDIT, body=body).status == 202
    generation = api.scene.store.records[last_id(api)]
    assert generation.request.images[0] == "https://example.com/a.png"
    kept = [api.scene.images.read(f"inputs/{generation.id}/{number}") for number in (1, 2)]
    assert [data[:4] for data in kept] == [b"\x89PNG", b"\xff\xd8\xff\xe0"]
    assert (generation.request.n, generation.request.size) == (6, "512*2048")


def test_vendors_own_route_comes_first_whatever_the_policy_and_then_every_other_of_the_model() -> None:
    scene = Scene()
    scene.creator = replace(scene.creator, policy=Policy.CHEAPEST)
    assert "mulerouter" not in scene.create(model="qwen-image-max", prompt="a", route=None).routes[0]
    api = Api(scene)
    submitted(api)
    routes = api.scene.store.records[last_id(api)].routes
    assert routes[0] == "mulerouter/qwen-image-max"
    assert {route.split("/")[0] for route in routes[1:]} == {"pixeldojo", "dashscope-intl", "dashscope-cn"}


def test_task_goes_from_processing_to_completed_with_links_of_our_own() -> None:
    api = delivering(mule_completed(), LINK)
    made = submitted(api)
    queued = api.call("GET", f"{MAX}/{made}")
    assert (queued.status, set(task(queued))) == (200, {"id", "status", "created_at", "updated_at"})
    assert task(queued)["status"] == "processing"
    moved(api, steps=1)
    assert task(api.call("GET", f"{MAX}/{made}"))["status"] == "processing"
    generation = moved(api)
    done = api.call("GET", f"{MAX}/{made}")
    assert set(done.body) == {"task_info", "images"}
    assert task(done)["status"] == "completed"
    assert task(done)["id"] == made
    assert len(done.body["images"]) == 1
    assert done.body["images"][0].startswith(f"https://images.example/images/{generation}/")


def test_status_is_told_by_get_and_post_under_both_paths_with_a_slash_and_in_upper_case() -> None:
    api = Api()
    made = submitted(api, f"{DOOR}/v1/inference/qwen-image-max")
    told = api.call("GET", f"{MAX}/{made}").body
    assert api.call("POST", f"{MAX}/{made}").body == told
    assert api.call("GET", f"{MAX}/{made}/").body == told
    assert api.call("GET", f"{MAX}/{made.upper()}").body == told
    assert api.call("GET", f"{DOOR}/v1/inference/qwen-image-max/{made}").body == told


@pytest.mark.parametrize(
    ("status", "code", "number", "title", "words"),
    [
        (Status.FAILED, "moderation", 3001, "Invalid Request", "prohibited content"),
        (Status.FAILED, "validation", 2002, "Invalid Request", "not supported"),
        (Status.FAILED, "transient", 3003, "Task Failed", "upstream provider"),
        (Status.FAILED, "submission_unknown", 3003, "Task Failed", "lost"),
        (Status.FAILED, "billing", 4002, "Task Failed", "could not be finished"),
        (Status.EXPIRED, "deadline_exceeded", 3002, "Task Failed", "aborted"),
        (Status.CANCELED, "canceled", 3002, "Task Failed", "cancelled"),
    ],
)
def test_every_end_without_an_image_is_a_failed_task_with_the_vendors_number(
    status: Status, code: str, number: int, title: str, words: str
) -> None:
    api = Api()
    made = submitted(api)
    ended_as(api, status, code)
    answer = api.call("GET", f"{MAX}/{made}")
    assert (answer.status, set(answer.body)) == (200, {"task_info"})
    assert task(answer)["status"] == "failed"
    error = task(answer)["error"]
    assert (error["code"], error["title"]) == (number, title)
    assert words in error["detail"]
    assert "PLANTED" not in answer.text


def test_what_the_vendor_says_of_a_failure_without_a_class_reaches_its_client() -> None:
    api = Api()
    made = submitted(api)
    ended_as(api, Status.FAILED, "vendor_contract")
    error = task(api.call("GET", f"{MAX}/{made}"))["error"]
    assert error == {"code": 3001, "title": "Invalid Request", "detail": "PLANTED-PROMPT"}


@pytest.mark.parametrize("path", [MAX, EDIT, f"{DOOR}/v1/inference/qwen-image-max"])
@pytest.mark.parametrize(
    ("key", "title"),
    [
        (None, "Missing Authorization header. Please provide 'Authorization: Bearer <api_key>'"),
        ("wrong", "Invalid API Key format"),
    ],
)
def test_call_without_a_known_key_is_the_vendors_401(path: str, key: str | None, title: str) -> None:
    api = Api()
    for method, place in (("POST", path), ("GET", f"{path}/{uuid.uuid4()}")):
        answer = api.call(method, place, body=DRAW, key=key)
        assert answer.status == 401
        assert answer.body == {
            "status": 401,
            "title": title,
            "detail": "None (request_id: request-1)",
            "instance": place,
            "error_code": 0,
        }
    assert api.scene.store.records == {}


BAD_DRAWS = [
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "   "}, "prompt"),
    ({"prompt": 7}, "prompt"),
    ({"prompt": "长" * 801}, "prompt"),
    ({"negative_prompt": "x" * 501}, "negative_prompt"),
    ({"negative_prompt": ["x"]}, "negative_prompt"),
    ({"size": ""}, "size"),
    ({"size": None}, "size"),
    ({"size": "1664x928"}, "size"),
    ({"size": "16:9"}, "size"),
    ({"size": "1024*1024"}, "size"),
    ({"seed": -1}, "seed"),
    ({"seed": 2147483648}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"seed": "1"}, "seed"),
    ({"seed": True}, "seed"),
    ({"seed": None}, "seed"),
    ({"prompt_extend": "true"}, "prompt_extend"),
    ({"prompt_extend": None}, "prompt_extend"),
    ({"safety_filter": 1}, "safety_filter"),
    ({"n": 1}, "n"),
    ({"images": ["https://example.com/a.png"]}, "images"),
    ({"model": "qwen-image-max"}, "model"),
    ({"deadline_seconds": 60}, "deadline_seconds"),
    ({"metadata": {}}, "metadata"),
    ({"webhook": "https://example.com/hook"}, "webhook"),
    ({"route": "mulerouter/qwen-image-max"}, "route"),
]
BAD_EDITS = [
    ({"images": None}, "images"),
    ({"images": []}, "images"),
    ({"images": ["https://example.com/a.png"] * 4}, "images"),
    ({"images": [""]}, "images.0"),
    ({"images": "https://example.com/a.png"}, "images"),
    ({"images": ["https://example.com/a.png", "nonsense"]}, "images.1"),
    ({"images": ["upload:upl_01ARYZ6S410000000000000000"]}, "images.0"),
    ({"images": [input_image(100, 100)]}, "images.0"),
    ({"n": 0}, "n"),
    ({"n": 7}, "n"),
    ({"size": ""}, "size"),
    ({"size": "511*1024"}, "size"),
    ({"size": "1024*2049"}, "size"),
    ({"size": "1024x1024"}, "size"),
    ({"size": "16:9"}, "size"),
]


@pytest.mark.parametrize(
    ("path", "good", "change", "field"),
    [(MAX, DRAW, *case) for case in BAD_DRAWS] + [(EDIT, PICTURE, *case) for case in BAD_EDITS],
)
def test_body_outside_the_vendors_limits_is_its_400_naming_the_field(
    path: str, good: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    api = Api()
    answer = api.call("POST", path, body=good | change)
    assert answer.status == 400, answer.body
    assert set(answer.body) == {"status", "title", "detail", "instance", "error_code"}
    assert answer.body["status"] == 400
    assert answer.body["title"] == "Bad Request"
    assert answer.body["detail"].startswith(f"{field}: ")
    assert answer.body["detail"].endswith("(request_id: request-1)")
    assert answer.body["instance"] == path
    assert answer.headers["content-type"] == "application/json"
    assert "PLANTED" not in answer.text
    assert api.scene.store.records == {}


@pytest.mark.parametrize(("path", "body"), [(MAX, {}), (EDIT, {"prompt": PROMPT}), (EDIT, {"images": ["a"]})])
def test_missing_field_is_said_to_be_required(path: str, body: dict[str, Any]) -> None:
    answer = Api().call("POST", path, body=body)
    assert answer.status == 400
    assert "is required" in answer.body["detail"]


@pytest.mark.parametrize("raw", ["", "{", "[]", '"x"', "null", '{"prompt": NaN}'])
def test_body_that_is_no_json_object_is_400(raw: str) -> None:
    answer = Api().call("POST", MAX, raw=raw)
    assert (answer.status, answer.body["error_code"]) == (400, 2002)


def test_body_that_is_not_announced_as_json_is_400() -> None:
    assert Api().call("POST", MAX, body=DRAW, content_type="text/plain").status == 400


@pytest.mark.parametrize(
    "path",
    [
        f"{DOOR}/vendors/alibaba/v1/qwen-image-plus/generation",
        f"{DOOR}/v1/inference/unknown",
        f"{DOOR}/vendors/alibaba/v1/qwen-image-max",
        f"{DOOR}/vendors/other/v1/qwen-image-max/generation",
    ],
)
def test_address_that_the_vendor_does_not_have_is_its_short_404(path: str) -> None:
    answer = Api().call("POST", path, body=DRAW)
    assert (answer.status, answer.body) == (404, {"status": 404, "title": "Not Found"})


def test_task_of_another_tenant_of_another_model_or_of_nobody_is_the_vendors_404() -> None:
    api = Api()
    made = submitted(api)
    unknown = str(uuid.UUID(int=generation_bits(NOBODYS_ID)))
    cases = [(f"{MAX}/{made}", OTHER_KEY), (f"{EDIT}/{made}", KEY)]
    cases += [(f"{MAX}/{one}", KEY) for one in (unknown, "t-1", last_id(api), "{task_id}")]
    for path, key in cases:
        answer = api.call("GET", path, key=key)
        assert answer.status == 404, path
        assert (answer.body["title"], answer.body["error_code"]) == ("Not Found", 3000)
        assert answer.body["instance"] == path


@pytest.mark.parametrize(
    ("method", "path"), [("GET", MAX), ("GET", f"{MAX}/"), ("DELETE", MAX), ("PUT", EDIT)]
)
def test_wrong_method_is_405(method: str, path: str) -> None:
    answer = Api().call(method, path)
    assert (answer.status, answer.body["title"]) == (405, "Method Not Allowed")
    assert answer.headers["allow"] == "POST"


def test_budget_that_is_used_up_is_the_vendors_402_and_nothing_is_made() -> None:
    api = Api()
    limits = Limits(usd_per_day=Decimal("0.01"))
    api.scene.tenants.set["default"] = Tenant(id="default", limits=limits)
    answer = api.call("POST", MAX, body=DRAW)
    assert (answer.status, answer.body["title"]) == (402, "Payment Required")
    assert answer.body["error_code"] == 1002
    assert int(answer.headers["retry-after"]) > 0
    assert api.scene.store.records == {}


def test_rate_that_is_used_up_is_the_vendors_429_with_retry_after() -> None:
    api = Api()
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(per_minute=1))
    made = submitted(api)
    answer = api.call("POST", MAX, body=DRAW)
    assert (answer.status, answer.body["error_code"]) == (429, 0)
    assert int(answer.headers["retry-after"]) > 0
    assert api.call("POST", f"{MAX}/{made}").status == 200, "asking for a task is no request for another"


def test_key_without_the_scope_or_the_model_is_403() -> None:
    api = Api()
    api.keys.known = {"scopes": frozenset({Scope.READ})}
    assert api.call("POST", MAX, body=DRAW).body["error_code"] == 1000
    api.keys.known = {"models": ("qwen-image-plus",)}
    answer = api.call("POST", MAX, body=DRAW)
    assert (answer.status, answer.body["error_code"]) == (403, 1000)


def test_model_that_no_route_is_ready_for_is_400_with_its_number() -> None:
    api = Api()
    api.scene.keys.keys.clear()
    answer = api.call("POST", MAX, body=DRAW)
    assert (answer.status, answer.body["error_code"]) == (400, 2001)


def test_fault_of_ours_is_500_in_the_vendors_form_and_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()

    def fail(*_: object) -> None:
        raise RuntimeError("PLANTED-DETAIL")

    monkeypatch.setattr(api.scene.workflow, "start", fail)
    answer = api.call("POST", MAX, body=DRAW)
    assert (answer.status, answer.body["error_code"]) == (500, 4002)
    assert "request-1" in answer.body["detail"]
    assert "PLANTED" not in answer.text
    assert "PLANTED-DETAIL" in api.log.getvalue()


def test_idempotency_key_is_honoured_though_the_vendor_has_none() -> None:
    api = Api()
    answers = [api.call("POST", MAX, body=DRAW, idempotency_key="k-1") for _ in range(2)]
    assert task(answers[0]) == task(answers[1])
    other = api.call("POST", MAX, body=DRAW | {"seed": 1}, idempotency_key="k-1")
    assert other.status == 400


def test_task_that_another_vendor_draws_looks_the_same() -> None:
    api = delivering(pixeldojo_completed(), PIXELDOJO_LINK)
    api.scene.keys.keys = {"pixeldojo": "key-of-pixeldojo"}
    made = submitted(api)
    generation = moved(api)
    assert api.scene.store.records[generation].route == "pixeldojo/qwen-image-max"
    done = api.call("GET", f"{MAX}/{made}")
    assert (task(done)["status"], len(done.body["images"])) == ("completed", 1)
