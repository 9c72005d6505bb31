"""The front door that speaks as OpenAI's Images API does."""

import base64
from typing import Any

import pytest

from easel.domain.failure import FailureClass
from easel.domain.generation import Generation, Status
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from easel.doors import answers
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene, said
from tests.unit.doors.calls import KEY, Answer, Api
from tests.unit.doors.carried import carried, carrier_of, drawn
from tests.unit.doors.vendor_door import last_id
from tests.unit.steps.vendor_words import DASHSCOPE_LINK, aiml_inline, dashscope_finished

DRAW = "/openai/v1/images/generations"
PROMPT = "PLANTED-PROMPT of a lighthouse"
ROUTE = "dashscope-intl/qwen-image-max"
BODY = {"prompt": PROMPT, "route": ROUTE}


def delivering(width: int = 64, height: int = 48) -> Api:
    return carried(dashscope_finished(), links=drawn(DASHSCOPE_LINK, width=width, height=height))


def ask(api: Api, *, retry: int = 0, patience: str = "600", key: str | None = KEY, **fields: Any) -> Answer:
    """One call as the SDK sends it. A field that is None is left out."""
    body = {name: value for name, value in (BODY | fields).items() if value is not None}
    return api.call(
        "POST",
        DRAW,
        body=body,
        key=key,
        x_stainless_retry_count=str(retry),
        x_stainless_read_timeout=patience,
    )


def made(api: Api) -> Generation:
    return api.scene.store.records[last_id(api)]


def assert_refused(answer: Answer, status: int, code: str, param: str | None = None) -> dict[str, Any]:
    assert answer.status == status, answer.body
    error: dict[str, Any] = answer.body["error"]
    assert set(answer.body) == {"error"}
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert error["message"]
    assert error["type"]
    assert answer.headers["x-request-id"] == "request-1"
    assert PROMPT not in answer.text
    return error


def test_call_answers_with_the_picture_in_openais_shape() -> None:
    api = delivering()
    answer = ask(api)
    assert answer.status == 200, answer.body
    assert set(answer.body) == {"created", "data", "size", "output_format", "usage", "easel"}
    (image,) = answer.body["data"]
    assert set(image) == {"url"}
    assert image["url"].startswith(f"https://images.example/images/{last_id(api)}/0.png?signature=")
    assert (answer.body["size"], answer.body["output_format"]) == ("64x48", "png")
    assert answer.body["created"] == int(api.scene.store.records[last_id(api)].created_at.timestamp())
    assert answer.headers["x-request-id"] == "request-1"
    assert answer.headers["cache-control"] == "no-store"


def test_answer_says_what_easel_made_of_the_request() -> None:
    api = delivering()
    easel = ask(api, quality="high", style="vivid", moderation="auto").body["easel"]
    assert (easel["id"], easel["model"], easel["route"]) == (last_id(api), "qwen-image-max", ROUTE)
    assert easel["receipt"]["billed"] == {"amount": "0.550443", "currency": "CNY"}
    assert easel["ignored"] == ["quality", "style"]
    assert easel["images"][0]["sha256"]
    assert "url" not in easel["images"][0]


def test_picture_is_given_as_base64_where_that_is_asked() -> None:
    answer = ask(delivering(), response_format="b64_json")
    (image,) = answer.body["data"]
    assert set(image) == {"b64_json"}
    assert base64.b64decode(image["b64_json"]) == picture()


def test_base64_of_more_than_an_answer_takes_is_refused_with_where_the_picture_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answers, "INLINE_BYTES_MAX", len(picture()) - 1)
    api = delivering()
    error = assert_refused(ask(api, response_format="b64_json"), 400, "invalid_value", "response_format")
    assert str(len(picture())) in error["message"]
    assert f"/v1/generations/{last_id(api)}" in error["message"]
    assert made(api).status is Status.SUCCEEDED


def test_easels_own_fields_pass_through() -> None:
    api = delivering()
    answer = ask(
        api, negative_prompt="fog", seed=7, metadata={"order": "1"}, deadline_seconds=60, prompt_extend=False
    )
    assert answer.status == 200, answer.body
    request = made(api).request
    assert (request.negative_prompt, request.seed, request.prompt_extend) == ("fog", 7, False)
    assert (request.metadata, request.deadline_seconds) == ({"order": "1"}, 60)


def test_what_is_harmless_is_taken() -> None:
    answer = ask(
        delivering(), n=1, size="auto", quality="auto", background="opaque", moderation="low", stream=False,
        partial_images=0, output_compression=100, user="user-1", safety_identifier="user-1",
        response_format="url",
    )  # fmt: skip
    assert answer.status == 200, answer.body
    assert answer.body["easel"]["ignored"] == ["moderation"]


@pytest.mark.parametrize(
    "model", [None, "dall-e-2", "dall-e-3", "gpt-image-1", "gpt-image-2.5-sunburst-2026-09-08"]
)
def test_openais_models_and_none_mean_the_best_one(model: str | None) -> None:
    api = delivering()
    assert ask(api, model=model).status == 200
    assert made(api).request.model == "qwen-image-max"


def test_model_of_easels_is_itself() -> None:
    api = carried(aiml_inline(picture("jpeg"), picture("jpeg")))
    answer = ask(api, model="qwen-image", route="aimlapi/qwen-image", n=2, output_format="jpeg")
    assert len(answer.body["data"]) == 2
    assert (answer.body["output_format"], made(api).request.model) == ("jpeg", "qwen-image")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("1024x1024", "1328*1328"), ("1536x1024", "1472*1104"), ("1024x1536", "1104*1472"),
        ("1792x1024", "1664*928"), ("1024x1792", "928*1664"), ("256x256", "1328*1328"),
        ("512x512", "1328*1328"), ("1536x864", "1664*928"),
    ],
)  # fmt: skip
def test_size_that_no_route_offers_is_drawn_in_the_nearest_ratio_and_said(asked: str, sent: str) -> None:
    answer = ask(delivering(), size=asked)
    assert answer.status == 200, answer.body
    parameters = answer.body["easel"]["parameters"]
    assert parameters["mapped"]["size"] == {"from": asked, "to": sent}
    assert "size" not in parameters["applied"]


def test_size_that_a_route_offers_is_taken_as_it_is() -> None:
    answer = ask(delivering(), size="1664x928")
    assert answer.body["easel"]["parameters"]["applied"]["size"] == "1664*928"


@pytest.mark.parametrize(("size", "more"), [("3000x1000", {}), ("1024x1024", {"strict": True}), ("big", {})])
def test_size_that_nothing_comes_near_or_that_must_be_exact_is_refused(size: str, more: Any) -> None:
    api = delivering()
    assert_refused(ask(api, size=size, **more), 400, "invalid_value", "size")
    assert not api.scene.store.records


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stream", True), ("partial_images", 2), ("background", "transparent"), ("output_format", "webp"),
        ("output_compression", 50), ("n", 2), ("n", 0), ("n", 11), ("n", "2"), ("response_format", "png"),
        ("quality", "best"), ("user", 7), ("frame_count", 3), ("colour", "red"), ("seed", "x"),
        ("model", "no-such-model"), ("prompt", " "), ("prompt", "x" * 32_000), ("prompt", 7),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_name(field: str, value: Any) -> None:
    api = delivering()
    assert_refused(ask(api, **{field: value}), 400, "invalid_value", field)
    assert not api.scene.store.records


def test_unknown_model_is_told_with_those_that_there_are() -> None:
    error = assert_refused(ask(delivering(), model="qwen"), 400, "invalid_value", "model")
    assert "qwen-image-edit-max" in error["message"]


def test_request_without_a_prompt_is_refused() -> None:
    assert_refused(ask(delivering(), prompt=None), 400, "invalid_value", "prompt")


def test_strict_request_is_refused_for_wishes_that_no_route_knows() -> None:
    answer = ask(delivering(), strict=True, quality="high")
    assert_refused(answer, 400, "invalid_value", "quality")


@pytest.mark.parametrize("raw", ["{", "[]", '"text"', ""])
def test_body_that_is_no_object_is_refused(raw: str) -> None:
    answer = delivering().call("POST", DRAW, raw=raw)
    assert answer.status == 400
    assert answer.body["error"]["type"] == "invalid_request_error"


def test_call_without_a_known_key_is_401() -> None:
    for key in (None, "sk-unknown"):
        assert_refused(ask(delivering(), key=key), 401, "invalid_api_key")


def test_key_without_the_scope_is_403() -> None:
    api = delivering()
    api.keys.known = {"scopes": {Scope.READ}}
    assert_refused(ask(api), 403, "insufficient_permissions")


def test_call_that_there_is_not_is_404() -> None:
    assert_refused(Api().call("POST", "/openai/v1/images/variations", body={}), 404, "not_found")


def test_request_rate_is_429_with_when_to_come_again() -> None:
    api = delivering()
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(per_minute=1))
    first = ask(api)
    assert first.headers["ratelimit"].startswith('"requests";r=0')
    answer = ask(api)
    error = assert_refused(answer, 429, "rate_limit_exceeded")
    assert (error["type"], answer.headers["retry-after"]) == ("requests", "60")
    assert "x-should-retry" not in answer.headers


def test_budget_is_429_as_at_openai_and_the_sdk_does_not_repeat_it() -> None:
    api = delivering()
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(usd_per_day="0.01"))
    answer = ask(api)
    assert_refused(answer, 429, "insufficient_quota")
    assert answer.headers["x-should-retry"] == "false"


def failing(failure: FailureClass) -> Api:
    codes = {FailureClass.MODERATION: "DataInspectionFailed", FailureClass.VALIDATION: "InvalidParameter"}
    refusal = said(400, {"code": codes[failure], "message": PROMPT, "request_id": "r-1"})
    return carried(*[refusal] * 4)


@pytest.mark.parametrize(
    ("failure", "code"),
    [(FailureClass.MODERATION, "moderation_blocked"), (FailureClass.VALIDATION, "invalid_value")],
)
def test_picture_that_a_vendor_refuses_is_400_and_is_not_asked_for_again(
    failure: FailureClass, code: str
) -> None:
    api = failing(failure)
    answer = ask(api)
    error = assert_refused(answer, 400, code)
    assert last_id(api) in error["message"]
    assert answer.headers["x-should-retry"] == "false"


def test_generation_that_failed_otherwise_is_502_and_the_sdk_does_not_buy_it_again() -> None:
    api = carried(said(401, {"code": "InvalidApiKey", "message": "no", "request_id": "r-1"}))
    answer = ask(api)
    assert_refused(answer, 502, "auth")
    assert answer.headers["x-should-retry"] == "false"


def test_canceled_generation_is_409_and_is_not_asked_for_again() -> None:
    api = delivering()
    carrier_of(api).stopped = True
    ask(api)
    api.scene.canceler.cancel("default", last_id(api))
    answer = ask(api, retry=1)
    assert_refused(answer, 409, "canceled")
    assert answer.headers["x-should-retry"] == "false"


def test_fault_of_ours_is_500_in_openais_form(monkeypatch: pytest.MonkeyPatch) -> None:
    api = delivering()

    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(api.scene.store, "create", fail)
    error = assert_refused(ask(api), 500, "internal")
    assert error["type"] == "server_error"


def test_generation_that_takes_longer_is_resumed_by_the_sdks_own_retry() -> None:
    api = delivering()
    carrier_of(api).stopped = True
    answer = ask(api)
    error = assert_refused(answer, 409, "still_working")
    assert last_id(api) in error["message"]
    assert 1 <= int(answer.headers["retry-after"]) <= 120
    assert "x-should-retry" not in answer.headers
    carrier_of(api).carry(last_id(api))
    assert ask(api, retry=1).body["easel"]["id"] == last_id(api)
    assert len(api.scene.store.records) == len(api.scene.script.asked) == 1


@pytest.mark.parametrize(
    ("patience", "held"), [("600", 25), ("7.5", 5.5), ("1", 0), ("", 25), ("none", 25), ("nan", 25)]
)
def test_request_is_held_no_longer_than_its_client_waits(patience: str, held: float) -> None:
    api = delivering()
    carrier_of(api).stopped = True
    ask(api, patience=patience)
    assert sum(api.scene.clock.slept) == held


def test_request_is_held_no_longer_than_a_client_in_another_language_waits() -> None:
    api = delivering()
    carrier_of(api).stopped = True
    api.call("POST", DRAW, body=BODY, x_stainless_timeout="12")
    assert sum(api.scene.clock.slept) == 10


@pytest.mark.parametrize(
    ("lang", "version", "seconds"),
    [
        ("python", "3.52.0", "120"), ("python", "3.60.1", "120"), ("python", "4.0.0", "120"),
        ("python", "3.51.9", "59"), ("python", "1.109.1", "59"), ("python", "", "59"), ("js", "6.1.0", "59"),
        ("", "", "59"),
    ],
)  # fmt: skip
def test_client_is_told_to_wait_no_longer_than_it_obeys(lang: str, version: str, seconds: str) -> None:
    api = delivering()
    carrier_of(api).stopped = True
    for retry in "012":
        answer = api.call(
            "POST", DRAW, body=BODY, x_stainless_retry_count=retry, x_stainless_lang=lang,
            x_stainless_package_version=version,
        )  # fmt: skip
    assert answer.headers["retry-after"] == seconds


@pytest.mark.parametrize("retry", ["", "x", "-1", "0"])
def test_request_that_is_no_retry_makes_its_own(retry: str) -> None:
    api = carried(*[dashscope_finished()] * 2, links=drawn(DASHSCOPE_LINK))
    ids = [
        api.call("POST", DRAW, body=BODY, x_stainless_retry_count=retry).body["easel"]["id"] for _ in range(2)
    ]
    assert len(set(ids)) == 2


def test_idempotency_key_is_honoured() -> None:
    api = delivering()
    first, second = (
        api.call("POST", DRAW, body=BODY, idempotency_key="one").body["easel"]["id"] for _ in range(2)
    )
    assert first == second
    other = api.call("POST", DRAW, body=BODY | {"seed": 1}, idempotency_key="one")
    assert_refused(other, 400, "idempotency_mismatch")


def test_models_are_listed_as_openai_lists_them() -> None:
    answer = Api().call("GET", "/openai/v1/models")
    assert (answer.status, answer.body["object"]) == (200, "list")
    assert {one["object"] for one in answer.body["data"]} == {"model"}
    ids = [one["id"] for one in answer.body["data"]]
    assert "qwen-image-max" in ids
    one = Api().call("GET", "/openai/v1/models/qwen-image-max")
    assert one.body in answer.body["data"]


def test_models_are_those_that_the_key_and_the_deployment_have() -> None:
    scene = Scene()
    del scene.keys.keys["aimlapi"], scene.keys.keys["pixeldojo"]
    api = Api(scene)
    api.keys.known = {"models": ("qwen-image-max", "qwen-image-lora")}
    ids = [one["id"] for one in api.call("GET", "/openai/v1/models").body["data"]]
    assert ids == ["qwen-image-max"]
    answer = api.call("GET", "/openai/v1/models/qwen-image-lora")
    assert_refused(answer, 404, "not_found", "model")


def test_nothing_secret_is_logged() -> None:
    api = delivering()
    ask(api)
    ask(api, prompt=PROMPT * 1000)
    assert not [word for word in ("PLANTED", KEY, "signature") if word in api.log.getvalue()]
