"""The official OpenAI SDK on the local stack, unchanged but for base URL and key."""

import base64
import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import urllib3
from openai.types import ImagesResponse

from easel.aws.keys import put_api_key
from easel.domain.tenancy import ApiKey
from easel.domain.tenants import Limits
from local.stack import LocalStack
from tests.fakes.pictures import picture
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.unit.local.sandbox_caller import size_of

pytestmark = pytest.mark.stack

ROUTE = {"route": "dashscope-intl/qwen-image-max"}
QUICK: dict[str, Any] = {
    "model": "qwen-image",
    "extra_body": {"route": "aimlapi/qwen-image"},
}  # the catalogue says 10 s


def sdk(stack: LocalStack, key: str | None = None, **settings: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{stack.url}/openai/v1", api_key=key or stack.api_key, **settings)


@pytest.fixture
def client(stack: LocalStack) -> openai.OpenAI:
    """With all of the SDK's defaults."""
    return sdk(stack)


def new_prompt(words: str = "a lighthouse") -> str:
    return f"{words}, {uuid.uuid4().hex}"


def bought(stack: LocalStack, prompt: str) -> list[dict[str, Any]]:
    """What the sandbox vendors took for a prompt."""
    return [task for task in sandbox_tasks(stack.sandbox_url) if task["prompt"] == prompt]


def easel(answer: ImagesResponse) -> dict[str, Any]:
    """What Easel adds to an answer."""
    added: dict[str, Any] = (answer.model_extra or {})["easel"]
    return added


def limited_key(stack: LocalStack, name: str, limits: Limits) -> str:
    key = ApiKey(id=f"key_{name}", tenant=f"tenant-{name}", prefix="ezl_", limits=limits)
    put_api_key(stack.aws.client("dynamodb"), stack.outputs["TableName"], f"ezl_{name}", key)
    return f"ezl_{name}"


def test_picture_is_generated_and_fetched_from_its_link(
    client: openai.OpenAI, stack: LocalStack, caller: EaselCaller
) -> None:
    prompt = new_prompt()
    answer = client.images.generate(model="gpt-image-1", prompt=prompt, size="1024x1024", quality="high")
    assert answer.data
    assert answer.data[0].url
    data = urllib3.request("GET", answer.data[0].url, timeout=10.0, retries=False).data
    assert size_of(data) == (1328, 1328)
    assert (answer.size, answer.output_format) == ("1328x1328", "png")
    assert easel(answer)["parameters"]["mapped"]["size"]["from"] == "1024x1024"
    assert easel(answer)["ignored"] == ["quality"]
    assert answer._request_id
    generation = caller.ended(easel(answer)["id"])
    assert (generation["status"], generation["model"]) == ("succeeded", "qwen-image-max")
    assert len(bought(stack, prompt)) == 1


def test_picture_is_generated_as_base64(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        prompt=new_prompt(), response_format="b64_json", size="1792x1024", extra_body={"seed": 7, **ROUTE}
    )
    assert answer.data
    data = base64.b64decode(answer.data[0].b64_json or "")
    assert size_of(data) == (1664, 928)
    assert easel(answer)["seed"] == 7


def test_pictures_are_edited(client: openai.OpenAI, stack: LocalStack) -> None:
    prompt = new_prompt("make it night")
    photo, painting = picture(width=640, height=480), picture("jpeg", width=400, height=400)
    route = {"route": "dashscope-intl/qwen-image-edit-max"}
    one = client.images.edit(image=photo, prompt=prompt, size="1536x1024", extra_body=route)
    two = client.images.edit(
        image=[("photo.png", photo), io.BytesIO(painting)],
        prompt=prompt,
        n=2,
        response_format="b64_json",
        extra_body={"negative_prompt": "fog", "metadata": {"order": "12"}, "seed": 7, **route},
    )
    assert one.data
    assert two.data
    assert one.size == "1536x1024"
    assert [size_of(base64.b64decode(image.b64_json or ""))[0] > 0 for image in two.data] == [True, True]
    tasks = bought(stack, prompt)
    assert [task["images"] for task in tasks] == [1, 2]
    assert easel(two)["seed"] == 7


def test_models_are_listed(client: openai.OpenAI) -> None:
    models = [model.id for model in client.models.list()]
    assert {"qwen-image-max", "qwen-image-edit-max"} <= set(models)
    assert client.models.retrieve("qwen-image-max").owned_by
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_refusals_are_the_sdks_own_errors(client: openai.OpenAI, stack: LocalStack) -> None:
    with pytest.raises(openai.BadRequestError) as invalid:
        client.images.generate(prompt=new_prompt(), n=3)
    assert (invalid.value.param, invalid.value.code) == ("n", "invalid_value")
    assert invalid.value.request_id
    with pytest.raises(openai.BadRequestError, match="stream"):
        client.images.generate(prompt=new_prompt(), stream=True)
    with pytest.raises(openai.AuthenticationError) as unknown:
        sdk(stack, "sk-unknown").images.generate(prompt=new_prompt())
    assert unknown.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError):
        client.post("/images/variations", cast_to=object, body={})


def test_limits_are_rate_limit_errors_and_a_used_up_budget_is_not_asked_again(stack: LocalStack) -> None:
    poor = sdk(stack, limited_key(stack, "poor", Limits(usd_per_day="0.0001", per_minute=2)))
    with pytest.raises(openai.RateLimitError) as quota:
        poor.images.generate(prompt=new_prompt())
    assert quota.value.code == "insufficient_quota"
    poor = poor.with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as budget:
        poor.images.generate(prompt=new_prompt())
    assert budget.value.code == "insufficient_quota", "the SDK has asked more than once before"
    with pytest.raises(openai.RateLimitError) as rate:
        poor.images.generate(prompt=new_prompt())
    assert rate.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("fail-moderation", openai.BadRequestError, "moderation_blocked"),
        ("lost-answer", openai.InternalServerError, "submission_unknown"),
    ],
)
def test_failed_generation_is_told_and_not_bought_again(
    client: openai.OpenAI, stack: LocalStack, fault: str, kind: type[openai.APIStatusError], code: str
) -> None:
    prompt = new_prompt(f"[sandbox: {fault}]")
    with pytest.raises(kind) as failed:
        client.images.generate(prompt=prompt, extra_body=ROUTE)
    assert failed.value.code == code
    assert len(bought(stack, prompt)) == 1


def test_slow_generation_is_resumed_by_the_sdks_own_retry_and_bought_once(stack: LocalStack) -> None:
    """A client that waits 3 s is held for 1 s, as one that waits for minutes is for 25 s."""
    prompt = new_prompt("[sandbox: slow-submit=5]")
    raw = sdk(stack, timeout=3).images.with_raw_response.generate(prompt=prompt, **QUICK)
    assert raw.retries_taken >= 1
    assert raw.parse().data
    assert len(bought(stack, prompt)) == 1


def test_client_that_gives_up_in_the_middle_gets_its_picture_by_its_retry(stack: LocalStack) -> None:
    """The function does not know how long the client waits, and goes on holding its first request."""
    prompt = new_prompt("[sandbox: slow-submit=5]")
    silent = {"x-stainless-read-timeout": openai.omit}
    client = sdk(stack, timeout=3, max_retries=5)
    raw = client.images.with_raw_response.generate(prompt=prompt, extra_headers=silent, **QUICK)
    assert raw.retries_taken >= 1
    assert raw.parse().data
    assert len(bought(stack, prompt)) == 1


def test_two_who_ask_for_the_same_at_once_get_two_pictures(client: openai.OpenAI, stack: LocalStack) -> None:
    prompt = new_prompt("[sandbox: slow-submit=2]")

    def ask(_: int) -> str:
        answer = client.images.generate(prompt=prompt, extra_body=ROUTE)
        made: str = easel(answer)["id"]
        return made

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(ask, range(2)))) == 2
    assert len(bought(stack, prompt)) == 2
