"""The front door that speaks as PixelDojo does."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from easel.domain.generation import Generation, Status
from easel.domain.tenancy import Scope
from easel.domain.tenants import Limits, Tenant
from tests.unit.doors.vendor_door import (
    KEY,
    NOBODYS_ID,
    OTHER_KEY,
    Answer,
    Api,
    delivering,
    ended_as,
    last_id,
    moved,
)
from tests.unit.doors.vendor_door import (
    PIXELDOJO_LINK as LINK,
)
from tests.unit.doors.vendor_door import (
    pixeldojo_completed as completed,
)

DOOR = "/pixeldojo"
ROOT = f"{DOOR}/api/v1"
RUN = f"{ROOT}/models/qwen-image-max/run"
JOBS = f"{ROOT}/jobs"
PROMPT = "PLANTED-PROMPT of a lighthouse"
WEIGHTS = "https://example.com/style.safetensors"
MAX = {"prompt": PROMPT, "generation_model": "qwen-image-max"}
WITH_LORA = {"prompt": PROMPT, "lora_weights": WEIGHTS}


def submitted(api: Api, body: dict[str, Any] | None = None) -> str:
    """The id of a job that was taken."""
    answer = api.call("POST", RUN, body=body or MAX)
    assert answer.status == 202, answer.body
    made: str = answer.body["jobId"]
    return made


def made_of(body: dict[str, Any]) -> Generation:
    """The generation that a body becomes."""
    api = Api()
    submitted(api, body)
    return api.scene.store.records[last_id(api)]


def budget(api: Api, **limits: str) -> None:
    """The tenant may spend so many dollars."""
    allowed = Limits(**{name: Decimal(usd) for name, usd in limits.items()})
    api.scene.tenants.set["default"] = Tenant(id="default", limits=allowed)


def test_submit_answers_202_with_a_pending_job_its_address_and_its_price() -> None:
    api = Api()
    answer = api.call("POST", RUN, body=MAX)
    assert answer.status == 202
    job_id = last_id(api).replace("gen_", "job_")
    assert answer.body == {
        "jobId": job_id,
        "status": "pending",
        "statusUrl": f"https://api.example{JOBS}/{job_id}",
        "creditCost": 2,
        "creditsRemaining": 1_000_000 - 2,
    }
    assert api.scene.workflow.ids == [last_id(api)]
    assert api.scene.script.asked == []


def test_status_url_has_the_host_and_scheme_that_the_caller_used() -> None:
    api = Api()
    answer = api.call("POST", RUN, body=MAX, host="127.0.0.1:3000", x_forwarded_proto="http")
    assert answer.body["statusUrl"] == f"http://127.0.0.1:3000{JOBS}/{answer.body['jobId']}"


def test_model_that_is_left_out_is_plus_whatever_the_path_says() -> None:
    generation = made_of({"prompt": PROMPT})
    assert generation.request.model == "qwen-image-plus"
    assert generation.routes[0] == "pixeldojo/qwen-image-plus"
    assert generation.request.size == "1:1", "the vendor's default, on any route"


@pytest.mark.parametrize(
    "model",
    [
        "qwen-image-plus",
        "qwen-image-plus-2026-01-09",
        "qwen-image-max",
        "qwen-image-max-2025-12-30",
        "qwen-image",
    ],
)
def test_each_of_its_models_runs_on_its_own_route_first(model: str) -> None:
    generation = made_of({"prompt": PROMPT, "generation_model": model})
    assert generation.request.model == model
    assert generation.routes[0].startswith("pixeldojo/")


def test_every_field_of_the_path_without_lora_reaches_the_generation() -> None:
    request = made_of(
        MAX | {
            "aspect_ratio": "9:16", "negative_prompt": "blurry", "prompt_extend": False, "watermark": True,
            "seed": 2147483647, "numberOfImages": 1, "webhook_url": "https://example.com/hook",
        }
    ).request  # fmt: skip
    assert (request.size, request.negative_prompt, request.seed) == ("9:16", "blurry", 2147483647)
    assert (request.prompt_extend, request.watermark) == (False, True)
    assert request.webhook is not None
    assert request.webhook.url == "https://example.com/hook"


def test_fields_of_the_other_path_are_checked_and_then_ignored() -> None:
    plain = made_of(MAX | {"lora_scale": 0.5, "num_inference_steps": 30, "guidance": 2, "go_fast": True})
    assert plain.request.lora is None
    lora = made_of(WITH_LORA | {"generation_model": "qwen-image", "prompt_extend": True, "watermark": True})
    assert lora.request.model == "qwen-image-lora"
    assert (lora.request.prompt_extend, lora.request.watermark) == (None, None)


def test_weights_lead_to_the_lora_route_with_its_fields_four_images_and_21_to_9() -> None:
    generation = made_of(
        WITH_LORA | {
            "aspect_ratio": "21:9", "numberOfImages": 4, "lora_scale": 0.8, "num_inference_steps": 28,
            "guidance": 3.5, "go_fast": True, "seed": 0,
        }
    )  # fmt: skip
    assert generation.routes == ("pixeldojo/qwen-image-lora",)
    request, lora = generation.request, generation.request.lora
    assert lora is not None
    assert (lora.weights, lora.scale, lora.steps, lora.guidance, lora.go_fast) == (
        WEIGHTS,
        0.8,
        28,
        3.5,
        True,
    )
    assert (request.size, request.n, request.seed) == ("21:9", 4, 0)


def test_price_of_several_images_is_so_many_times_two_credits() -> None:
    assert Api().call("POST", RUN, body=WITH_LORA | {"numberOfImages": 3}).body["creditCost"] == 6


def test_credits_that_remain_are_what_the_narrowest_budget_still_allows() -> None:
    api = Api()
    budget(api, usd_per_day="1.00", usd_per_month="3")
    assert api.call("POST", RUN, body=WITH_LORA).body["creditsRemaining"] == 20 - 2
    left = Decimal("1.00") - api.scene.store.ledger.spent("tenant default", date(2026, 11, 20))["usd_per_day"]
    assert 0 < left < 1
    told = api.call("POST", RUN, body=WITH_LORA | {"numberOfImages": 2}).body["creditsRemaining"]
    assert told == int(left / Decimal("0.05")) - 4


def test_job_is_not_made_where_the_balance_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    budget(api, usd_per_day="1.00")

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(api.scene.store.ledger, "spent", fail)
    assert api.call("POST", RUN, body=MAX).status == 500
    assert api.scene.store.records == {}


def test_job_goes_from_pending_through_processing_to_completed_with_links_of_our_own() -> None:
    api = delivering(completed(), LINK)
    job = submitted(api)
    assert api.call("GET", f"{JOBS}/{job}").body == {"jobId": job, "status": "pending", "creditCost": 2}
    moved(api, steps=1)
    assert api.call("GET", f"{JOBS}/{job}").body == {"jobId": job, "status": "processing", "creditCost": 2}
    generation = moved(api)
    done = api.call("GET", f"{JOBS}/{job}")
    assert (done.status, set(done.body)) == (200, {"jobId", "status", "output", "creditCost"})
    assert (done.body["status"], done.body["creditCost"]) == ("completed", 2)
    (link,) = done.body["output"]["images"]
    assert link.startswith(f"https://images.example/images/{generation}/")


def test_finished_job_costs_what_was_delivered() -> None:
    api = delivering(completed(LINK, LINK + "2"), LINK, LINK + "2")
    job = submitted(api, WITH_LORA | {"numberOfImages": 4})
    moved(api)
    done = api.call("GET", f"{JOBS}/{job}").body
    assert (len(done["output"]["images"]), done["creditCost"]) == (2, 4)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (Status.FAILED, "moderation", "moderation"),
        (Status.FAILED, "validation", "invalid input"),
        (Status.FAILED, "transient", "please try again"),
        (Status.FAILED, "billing", "please try again"),
        (Status.EXPIRED, "deadline_exceeded", "in time"),
        (Status.CANCELED, "canceled", "canceled"),
    ],
)
def test_every_end_without_an_image_is_a_failed_job_with_a_text(
    status: Status, code: str, words: str
) -> None:
    api = Api()
    job = submitted(api)
    ended_as(api, status, code)
    answer = api.call("GET", f"{JOBS}/{job}")
    assert (answer.status, set(answer.body)) == (200, {"jobId", "status", "error"})
    assert answer.body["status"] == "failed"
    assert words in answer.body["error"]
    assert "PLANTED" not in answer.text


def refusal(answer: Answer, status: int, code: str) -> str:
    """The message of a refusal in the vendor's form."""
    assert answer.status == status, answer.body
    assert set(answer.body) == {"error"}
    error = answer.body["error"]
    assert set(error) == {"code", "message", "status"}
    assert (error["code"], error["status"]) == (code, status)
    assert answer.headers["content-type"] == "application/json"
    assert "PLANTED" not in answer.text
    message: str = error["message"]
    return message


BAD = [
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": " "}, "prompt"),
    ({"prompt": "x" * 4001}, "prompt"),
    ({"generation_model": "qwen-image-edit-max"}, "generation_model"),
    ({"generation_model": None}, "generation_model"),
    ({"aspect_ratio": "2:1"}, "aspect_ratio"),
    ({"aspect_ratio": "1328*1328"}, "aspect_ratio"),
    ({"aspect_ratio": "21:9"}, "aspect_ratio"),
    ({"negative_prompt": "x" * 501}, "negative_prompt"),
    ({"negative_prompt": None}, "negative_prompt"),
    ({"prompt_extend": 1}, "prompt_extend"),
    ({"watermark": "false"}, "watermark"),
    ({"seed": -1}, "seed"),
    ({"seed": 2147483648}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"seed": None}, "seed"),
    ({"numberOfImages": 0}, "numberOfImages"),
    ({"numberOfImages": 2}, "numberOfImages"),
    ({"numberOfImages": 5, "lora_weights": WEIGHTS}, "numberOfImages"),
    ({"lora_weights": ""}, "lora_weights"),
    ({"lora_weights": None}, "lora_weights"),
    ({"lora_weights": "ftp://example.com/a"}, "lora_weights"),
    ({"lora_weights": WEIGHTS, "lora_scale": 2.1}, "lora_scale"),
    ({"lora_scale": "1"}, "lora_scale"),
    ({"num_inference_steps": 27}, "num_inference_steps"),
    ({"guidance": 4.5}, "guidance"),
    ({"go_fast": 0}, "go_fast"),
    ({"webhook_url": "ftp://example.com/hook"}, "webhook_url"),
    ({"webhook_url": "https://user:secret@example.com/hook"}, "webhook_url"),
    ({"n": 1}, "n"),
    ({"size": "1:1"}, "size"),
    ({"images": []}, "images"),
    ({"deadline_seconds": 60}, "deadline_seconds"),
    ({"metadata": {}}, "metadata"),
    ({"webhook": "https://example.com/hook"}, "webhook"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_body_outside_the_vendors_limits_is_its_400_naming_the_field(
    change: dict[str, Any], field: str
) -> None:
    api = Api()
    message = refusal(api.call("POST", RUN, body=MAX | change), 400, "invalid_request")
    assert message.startswith(f"{field}: ")
    assert api.scene.store.records == {}


def test_prompt_that_is_left_out_is_400() -> None:
    answer = Api().call("POST", RUN, body={"generation_model": "qwen-image-max"})
    assert refusal(answer, 400, "invalid_request") == "prompt: is required"


@pytest.mark.parametrize("raw", ["", "{", "[]", '"x"', "null", '{"prompt": NaN}'])
def test_body_that_is_no_json_object_is_400(raw: str) -> None:
    refusal(Api().call("POST", RUN, raw=raw), 400, "invalid_request")


def test_long_prompt_is_taken_since_the_vendor_states_no_limit_and_its_cut_is_reported() -> None:
    api = delivering(completed(), LINK)
    submitted(api, MAX | {"prompt": "x" * 4000})
    made = moved(api)
    told = api.call("GET", f"/v1/generations/{made}").body["parameters"]
    assert told["truncated"] == {"prompt": {"from": 4000, "to": 800}}
    assert len(made_of(WITH_LORA | {"prompt": "x" * 4000}).request.prompt) == 4000


@pytest.mark.parametrize("key", [None, "wrong"])
def test_call_without_a_known_key_is_the_vendors_401(key: str | None) -> None:
    api = Api()
    refusal(api.call("POST", RUN, body=MAX, key=key), 401, "unauthorized")
    refusal(api.call("GET", f"{JOBS}/job_1", key=key), 401, "unauthorized")
    assert api.scene.store.records == {}


def test_model_that_its_catalogue_does_not_have_is_404() -> None:
    for model in ("qwen-image-plus", "flux"):
        answer = Api().call("POST", f"{ROOT}/models/{model}/run", body=MAX)
        refusal(answer, 404, "model_not_found")
        refusal(Api().call("GET", f"{ROOT}/models/{model}"), 404, "model_not_found")


def test_job_of_another_tenant_or_of_nobody_is_404() -> None:
    api = Api()
    job = submitted(api)
    refusal(api.call("GET", f"{JOBS}/{job}", key=OTHER_KEY), 404, "not_found")
    for unknown in (NOBODYS_ID.replace("gen_", "job_"), last_id(api), "job_abc123", "{job_id}"):
        refusal(api.call("GET", f"{JOBS}/{unknown}", key=KEY), 404, "not_found")


def test_address_that_the_vendor_does_not_have_is_404_in_its_form() -> None:
    refusal(Api().call("GET", f"{DOOR}/api/v2/models"), 404, "not_found")
    refusal(Api().call("POST", f"{JOBS}/job_1/cancel", body={}), 404, "not_found")


def test_budget_that_is_used_up_is_402_and_nothing_is_made() -> None:
    api = Api()
    budget(api, usd_per_day="0.01")
    answer = api.call("POST", RUN, body=MAX)
    refusal(answer, 402, "insufficient_credits")
    assert int(answer.headers["retry-after"]) > 0
    assert api.scene.store.records == {}


def test_rate_that_is_used_up_is_429_with_retry_after() -> None:
    api = Api()
    api.scene.tenants.set["default"] = Tenant(id="default", limits=Limits(per_minute=1))
    submitted(api)
    answer = api.call("POST", RUN, body=MAX)
    refusal(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0


def test_key_without_the_scope_is_403() -> None:
    api = Api()
    api.keys.known = {"scopes": frozenset({Scope.READ})}
    refusal(api.call("POST", RUN, body=MAX), 403, "forbidden")


def test_fault_of_ours_is_500_with_the_id_that_leads_to_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()

    def fail(*_: object) -> None:
        raise RuntimeError("PLANTED-DETAIL")

    monkeypatch.setattr(api.scene.workflow, "start", fail)
    assert "request-1" in refusal(api.call("POST", RUN, body=MAX), 500, "internal_error")


def test_catalogue_is_public_and_its_schema_is_what_a_run_takes() -> None:
    api = Api()
    listed = api.call("GET", f"{ROOT}/models", key=None).body
    assert (listed["total"], listed["imageCount"], listed["videoCount"]) == (1, 1, 0)
    (model,) = listed["models"]
    assert (model["apiId"], model["modality"]) == ("qwen-image-max", "image")
    assert model["creditCost"] == {"default": 2, "type": "fixed", "amount": 2}
    assert api.call("GET", f"{ROOT}/models", query={"modality": "video"}).body["models"] == []
    one = api.call("GET", f"{ROOT}/models/qwen-image-max", key=None).body
    told = api.call("GET", f"{ROOT}/models/qwen-image-max/schema", key=None).body
    assert told["schema"] == one["requestSchema"]
    schema = told["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["prompt"], False)
    assert schema["properties"]["generation_model"]["default"] == "qwen-image-plus"
    assert schema["properties"]["numberOfImages"]["maximum"] == 4
    assert "default" not in schema["properties"]["seed"]
