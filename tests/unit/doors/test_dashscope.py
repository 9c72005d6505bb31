"""The front door that speaks as DashScope does: synchronous calls."""

from decimal import Decimal
from typing import Any

import pytest

from easel.domain.ask import Ask
from easel.domain.failure import FailureClass
from easel.domain.generation import Generation, Status
from easel.domain.sizes import Geometry, Size
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from easel.errors import NotSentError
from easel.vendors.base import Failed, Finished, LinkedImage
from easel.vendors.dashscope import DashScope
from easel.wire import HttpResponse
from tests.fakes.scene import said
from tests.unit.doors.calls import KEY, Answer, Api
from tests.unit.doors.carried import carried, carrier_of, drawn
from tests.unit.doors.vendor_door import last_id, wire
from tests.unit.local.sandbox_caller import input_image
from tests.unit.steps.vendor_words import DASHSCOPE_LINK, dashscope_finished

DOOR = "/dashscope"
PATH = "/api/v1/services/aigc/multimodal-generation/generation"
PROMPT = "PLANTED-PROMPT of a lighthouse"
LINK_IN = "https://example.com/in.png"


def body(
    *images: str, model: str = "qwen-image-max", text: str = PROMPT, **parameters: Any
) -> dict[str, Any]:
    """The body of a call; that of an edit where there are images."""
    content = [*({"image": image} for image in images), {"text": text}]
    message = {"role": "user", "content": content}
    return {"model": model, "input": {"messages": [message]}, "parameters": parameters}


def edit(*images: str, model: str = "qwen-image-edit-max", **parameters: Any) -> dict[str, Any]:
    return body(*(images or (LINK_IN,)), model=model, **parameters)


def finished(*links: str) -> HttpResponse:
    """The vendor's answer with several pictures."""
    choice = {"finish_reason": "stop", "message": {"content": [{"image": link} for link in links]}}
    return said(200, {"output": {"choices": [choice]}, "request_id": "r-1"})


def delivering() -> Api:
    return carried(dashscope_finished(), links=drawn(DASHSCOPE_LINK))


def alone(api: Api) -> Api:
    """The deployment has keys of this vendor only."""
    for endpoint in ("mulerouter", "pixeldojo", "aimlapi"):
        del api.scene.keys.keys[endpoint]
    return api


def made(api: Api) -> Generation:
    """The generation that was made last."""
    return api.scene.store.records[last_id(api)]


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.body["code"]) == (status, code), answer.body
    assert set(answer.body) == {"request_id", "code", "message"}
    assert answer.body["request_id"] == "request-1"
    assert answer.body["message"]
    assert answer.headers["content-type"] == "application/json"


def test_call_answers_with_the_picture_in_the_vendors_shape() -> None:
    api = delivering()
    answer = api.call("POST", DOOR + PATH, body=body(seed=7))
    assert answer.status == 200, answer.body
    assert set(answer.body) == {"output", "usage", "request_id"}
    (choice,) = answer.body["output"]["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    (part,) = choice["message"]["content"]
    assert part["image"].startswith(f"https://images.example/images/{last_id(api)}/")
    assert answer.body["output"]["task_metric"] == {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0}
    assert answer.body["usage"] == {"image_count": 1, "width": 64, "height": 48}
    assert "code" not in answer.body


def test_every_documented_field_reaches_the_generation() -> None:
    api = delivering()
    given = body(
        negative_prompt=" ", size="928*1664", n=1, prompt_extend=False, watermark=True, seed=2147483647
    )
    assert api.call("POST", DOOR + PATH, body=given).status == 200
    request = made(api).request
    assert (request.model, request.prompt, request.negative_prompt) == ("qwen-image-max", PROMPT, " ")
    assert (request.size, request.n, request.seed) == ("928*1664", 1, 2147483647)
    assert (request.prompt_extend, request.watermark, request.strict) == (False, True, False)


def test_size_that_is_left_out_is_the_vendors_default_on_any_route() -> None:
    api = delivering()
    api.call("POST", DOOR + PATH, body=body())
    assert made(api).request.size == "1664*928"


@pytest.mark.parametrize(("door", "endpoint"), [(DOOR, "dashscope-intl"), ("/dashscope-cn", "dashscope-cn")])
def test_regions_own_route_comes_first_and_then_every_other_of_the_model(door: str, endpoint: str) -> None:
    api = delivering()
    assert api.call("POST", door + PATH, body=body()).status == 200
    routes = made(api).routes
    assert routes[0] == f"{endpoint}/qwen-image-max"
    assert {route.split("/")[0] for route in routes} == {
        "dashscope-intl", "dashscope-cn", "mulerouter", "pixeldojo",
    }  # fmt: skip


def test_another_vendors_route_delivers_where_the_own_one_cannot_be_reached() -> None:
    api = alone(carried(NotSentError("no"), dashscope_finished(), links=drawn(DASHSCOPE_LINK)))
    assert api.call("POST", DOOR + PATH, body=body()).status == 200
    assert [attempt.route.split("/")[0] for attempt in made(api).attempts] == [
        "dashscope-intl",
        "dashscope-cn",
    ]


def test_prompts_beyond_the_vendors_limits_are_cut_in_silence_and_the_generation_says_so() -> None:
    api = delivering()
    given = body(text="\u9577" * 5000, negative_prompt="x" * 5000)
    assert api.call("POST", DOOR + PATH, body=given).status == 200
    ((_, _, _, sent),) = api.scene.script.asked
    assert sent["input"]["messages"][0]["content"] == [{"text": "\u9577" * 800}]
    assert sent["parameters"]["negative_prompt"] == "x" * 500
    report = made(api).parameters
    assert report is not None
    assert set(report.truncated) == {"prompt", "negative_prompt"}


def test_what_the_official_sdk_adds_for_texts_is_taken_and_means_nothing() -> None:
    given = body(result_format="message", stream=False, incremental_output=False, negative_prompt=None)
    assert delivering().call("POST", DOOR + PATH, body=given).status == 200


def test_edit_takes_images_and_a_text_and_delivers_several_in_one_choice() -> None:
    links = [f"{DASHSCOPE_LINK}{number}" for number in range(2)]
    api = carried(finished(*links), links=drawn(*links))
    answer = api.call("POST", DOOR + PATH, body=edit(LINK_IN, input_image(), n=2, size="1033*1032"))
    assert answer.status == 200, answer.body
    (choice,) = answer.body["output"]["choices"]
    assert [set(part) for part in choice["message"]["content"]] == [{"image"}, {"image"}]
    assert "task_metric" not in answer.body["output"]
    assert answer.body["usage"] == {"image_count": 2}
    request = made(api).request
    assert (request.n, request.size) == (2, "1033*1032")
    assert request.images[0] == LINK_IN
    assert request.images[1].startswith("s3://")


def test_edit_without_a_size_leaves_it_to_the_vendor() -> None:
    api = delivering()
    assert api.call("POST", DOOR + PATH, body=edit(model="qwen-image-edit")).status == 200
    assert made(api).request.size is None


BAD_PARAMETERS = [
    {"n": 2}, {"n": 0}, {"n": "1"}, {"n": True}, {"n": 1.5},
    {"size": "1024*1024"}, {"size": "1664x928"}, {"size": "16:9"}, {"size": ""}, {"size": 7},
    {"seed": -1}, {"seed": 2147483648}, {"seed": "7"}, {"seed": 1.5}, {"seed": True},
    {"prompt_extend": "yes"}, {"watermark": 1}, {"negative_prompt": 7}, {"style": "<auto>"},
]  # fmt: skip
TEXT = [{"text": PROMPT}]
BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"input": {"messages": []}}, "No messages found in input"),
    ({"input": {"messages": [{"role": "user", "content": TEXT}] * 2}}, "messages length only support 1"),
    ({"input": {"messages": [{"role": "user", "content": []}]}}, "lack of image or text"),
    ({"input": {"messages": [{"role": "user", "content": [{}]}]}}, "lack of image or text"),
    ({"input": {"messages": [{"role": "user", "content": [{"text": ""}]}]}}, "lack of image or text"),
    ({"input": {"messages": [{"role": "user", "content": TEXT * 2}]}}, "content length only support 1"),
    (body(LINK_IN), "content length only support 1"),
    (edit(*[LINK_IN] * 4), "content length only support 4"),
    (body(model="qwen-image-edit-max"), "lack of image or text"),
    (edit(n=7), "parameters.n: must be 1 to 6"),
    (edit(model="qwen-image-edit", n=2), "num_images_per_prompt must be 1"),
    (edit(size="511*512"), "512 to 2048"),
    (edit(model="qwen-image-edit", size="512*512"), "cannot be chosen"),
    (edit("oss://dashscope-instant/a.png"), "cannot be uploaded"),
    (edit("iVBORw0KGgo="), "URL does not appear to be valid"),
    (edit("http://example.com/a.png"), "image 1: must be an https URL"),
    (edit(input_image(100, 100)), "image 1: is 100 x 100 px"),
    (edit(LINK_IN, "data:image/png;base64,AAAA"), "image 2: "),
    (body(n=2), "num_images_per_prompt must be 1"),
    (body(text="  "), "prompt: "),
    (body(model="qwen-image-9"), "Model not exist."),
    (body(model="qwen-image-lora"), "Model not exist."),
    ({"input": {"messages": [{"role": "system", "content": TEXT}]}}, "role: "),
    ({"input": {"messages": [{"role": "user", "content": PROMPT}]}}, "content: "),
    ({"input": {"prompt": PROMPT}}, "input.prompt: is not a parameter of this call"),
    ({"prompt": PROMPT}, "prompt: is not a parameter of this call"),
]


@pytest.mark.parametrize("parameters", BAD_PARAMETERS, ids=str)
def test_wrong_parameter_is_the_vendors_400_and_nothing_is_made(parameters: dict[str, Any]) -> None:
    api = Api()
    assert_refused(api.call("POST", DOOR + PATH, body=body(**parameters)), 400, "InvalidParameter")
    assert api.scene.store.records == {}


@pytest.mark.parametrize(("change", "words"), BAD_BODIES, ids=[words for _, words in BAD_BODIES])
def test_wrong_body_is_the_vendors_400_in_words_that_help(change: dict[str, Any], words: str) -> None:
    api = Api()
    answer = api.call("POST", DOOR + PATH, body=body() | change)
    assert_refused(answer, 400, "InvalidParameter")
    assert words in answer.body["message"]
    assert PROMPT not in answer.text
    assert api.scene.store.records == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": ""}, "BadRequest.EmptyModel"),
        ({"input": {}}, "BadRequest.EmptyInput"),
        ({"input": None}, "BadRequest.EmptyInput"),
    ],
)
def test_missing_part_has_a_code_of_its_own(change: dict[str, Any], code: str) -> None:
    assert_refused(Api().call("POST", DOOR + PATH, body=body() | change), 400, code)


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", '"x"', b"\xff\xfe", "[" * 10_000])
def test_body_that_is_no_json_object_is_the_vendors_400(raw: str | bytes) -> None:
    assert_refused(Api().call("POST", DOOR + PATH, raw=raw), 400, "InvalidParameter")


@pytest.mark.parametrize("key", [None, "wrong"])
def test_call_without_a_known_key_is_the_vendors_401_and_does_nothing(key: str | None) -> None:
    api = Api()
    for method, path in (("POST", PATH), ("GET", "/api/v1/tasks"), ("GET", "/api/v1/uploads")):
        answer = api.call(method, DOOR + path, body=body() if method == "POST" else None, key=key)
        assert_refused(answer, 401, "InvalidApiKey")
    assert api.scene.store.records == {}


def test_key_without_the_scope_or_the_model_is_the_vendors_403() -> None:
    api = Api()
    api.keys.known = {"scopes": frozenset({Scope.READ})}
    assert_refused(api.call("POST", DOOR + PATH, body=body()), 403, "AccessDenied")
    api.keys.known = {"models": ("qwen-image",)}
    assert_refused(api.call("POST", DOOR + PATH, body=body()), 403, "AccessDenied")


def test_budget_that_is_used_up_is_arrearage_and_the_rate_throttling() -> None:
    api = Api()
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(usd_per_day=Decimal("0.01")))
    answer = api.call("POST", DOOR + PATH, body=body())
    assert_refused(answer, 400, "Arrearage")
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(per_minute=1))
    api.call("POST", DOOR + PATH, body=body(n=2))
    answer = api.call("POST", DOOR + PATH, body=body())
    assert_refused(answer, 429, "Throttling.RateQuota")
    assert int(answer.headers["retry-after"]) > 0
    assert api.scene.store.records == {}


def test_async_header_on_the_synchronous_path_is_the_vendors_403() -> None:
    answer = Api().call("POST", DOOR + PATH, body=body(), X_DashScope_Async="enable")
    assert_refused(answer, 403, "AccessDenied")
    assert answer.body["message"] == "current user api does not support asynchronous calls"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/services/aigc/text-generation/generation"), ("GET", PATH), ("POST", "/x")],
)
def test_address_that_the_vendor_does_not_have_is_its_400(method: str, path: str) -> None:
    answer = Api().call(method, DOOR + path)
    assert_refused(answer, 400, "InvalidParameter")
    assert "url error" in answer.body["message"]


def test_local_files_cannot_be_uploaded_which_is_said() -> None:
    query = {"action": "getPolicy", "model": "qwen-image-edit-max"}
    answer = Api().call("GET", DOOR + "/api/v1/uploads", query=query)
    assert_refused(answer, 400, "UnsupportedOperation")
    assert "data URL" in answer.body["message"]


def refusing(status: int, code: str) -> HttpResponse:
    return said(status, {"request_id": "r", "code": code, "message": "the vendor's words"})


@pytest.mark.parametrize(
    ("answers", "status", "code"),
    [
        ([refusing(400, "DataInspectionFailed")], 400, "DataInspectionFailed"),
        ([refusing(400, "InvalidParameter")], 400, "InvalidParameter"),
        ([refusing(400, "Arrearage")] * 2, 400, "Arrearage"),
        ([refusing(401, "InvalidApiKey")] * 2, 500, "InternalError"),
        ([said(502, b"<html>")], 500, "InternalError"),
    ],
    ids=["moderation", "validation", "billing", "auth", "answer lost"],
)
def test_generation_without_a_picture_is_told_with_the_vendors_code(
    answers: list[HttpResponse], status: int, code: str
) -> None:
    api = alone(carried(*answers))
    answer = api.call("POST", DOOR + PATH, body=body())
    assert_refused(answer, status, code)
    callers_fault = code in ("DataInspectionFailed", "InvalidParameter")
    assert (answer.body["message"] == "the vendor's words") is callers_fault
    assert made(api).status is Status.FAILED


def test_call_that_takes_too_long_times_out_and_the_same_call_again_gets_the_picture() -> None:
    api = delivering()
    carrier_of(api).stopped = True
    answer = api.call("POST", DOOR + PATH, body=body())
    assert_refused(answer, 500, "RequestTimeOut")
    assert int(answer.headers["retry-after"]) >= 2
    generation = last_id(api)
    carrier_of(api).carry(generation)
    again = api.call("POST", DOOR + PATH, body=body())
    assert again.status == 200, again.body
    assert generation in again.text
    assert len(api.scene.store.records) == 1
    assert len(api.scene.script.asked) == 1


def test_the_same_call_after_an_answer_is_another_generation() -> None:
    api = carried(dashscope_finished(), dashscope_finished(), links=drawn(DASHSCOPE_LINK))
    for _ in range(2):
        assert api.call("POST", DOOR + PATH, body=body()).status == 200
    assert len(api.scene.store.records) == 2


ADAPTER = DashScope()
ASK = Ask(
    model="qwen-image-max", prompt=PROMPT, negative_prompt="blurry", seed=7, prompt_extend=True,
    geometry=Geometry("1:1", Size(1328, 1328)),
)  # fmt: skip


def test_easels_own_adapter_is_a_client_of_the_door() -> None:
    api = delivering()
    done = ADAPTER.read_submit(wire(api, DOOR, ADAPTER.build_submit(ASK)))
    assert isinstance(done, Finished)
    (image,) = done.images
    assert isinstance(image, LinkedImage)
    assert last_id(api) in image.url


@pytest.mark.parametrize(
    ("key", "model", "expected"),
    [
        ("wrong", "qwen-image-max", FailureClass.AUTH),
        (KEY, "qwen-image-9", FailureClass.VALIDATION),
        (KEY, "qwen-image-max", FailureClass.TRANSIENT),
    ],
)
def test_easels_own_adapter_understands_the_doors_refusals(
    key: str, model: str, expected: FailureClass
) -> None:
    api = delivering()
    carrier_of(api).stopped = True
    ask = Ask(model=model, prompt=PROMPT)
    refused = ADAPTER.read_submit(wire(api, DOOR, ADAPTER.build_submit(ask), key))
    assert isinstance(refused, Failed)
    assert refused.failure.failure_class is expected
    assert refused.failure.vendor_body
