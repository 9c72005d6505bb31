"""`easel models`, `easel usage`, and what the shell completes."""

from typing import Any

import pytest

from tests.unit.client.command import data, easel
from tests.unit.client.deployment import Deployment, money


def route(name: str, **fields: Any) -> dict[str, Any]:
    """A route of a model."""
    return {
        "name": name,
        "vendor": "MuleRouter",
        "ready": True,
        "price": money("2", "credits"),
        "estimated_usd": "0.1",
        "typical_seconds": 25,
        "sizes": ["16:9", "1664*928"],
        "parameters": {"properties": {"n": {"minimum": 1, "maximum": 1}, "prompt": {"maxLength": 800}}},
        "health": {"state": "ok", "expected_seconds": {"typical": 4.5, "slow": 9}},
        **fields,
    }


@pytest.fixture(autouse=True)
def catalogue(deployment: Deployment) -> None:
    """Two models."""
    models = [
        {"id": "qwen-image", "routes": [route("a/qwen-image"), route("b/qwen-image", ready=False)]},
        {"id": "qwen-image-max", "routes": [route("a/qwen-image-max", sizes=["512*512"], health={})]},
    ]
    deployment.answers("GET /v1/models", {"data": models, "next_cursor": None})


def test_models_are_a_line_a_route_for_programs() -> None:
    assert easel("models").stdout.splitlines() == [
        "qwen-image\ta/qwen-image\t2 credits ($0.10)\t4.5 s\tok",
        "qwen-image\tb/qwen-image\t2 credits ($0.10)\t4.5 s\tno key",
        "qwen-image-max\ta/qwen-image-max\t2 credits ($0.10)\t25 s\t",
    ]
    assert len(data(easel("models", "--json"))["data"]) == 2


def test_one_model_is_told_with_its_sizes_and_bounds() -> None:
    lines = easel("models", "qwen-image").stdout.splitlines()
    assert lines[:4] == [
        "a/qwen-image  2 credits ($0.10) a picture, about 4.5 s, ok",
        "  sizes  16:9, 1664x928", "  n  1", "  prompt  up to 800 characters",
    ]  # fmt: skip
    unknown = easel("models", "nope")
    assert (unknown.exit_code, "There are qwen-image, qwen-image-max" in unknown.stderr) == (3, True)


def completed(words: str) -> list[str]:
    """What bash would be given."""
    return easel(
        _EASEL_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" "))
    ).stdout.split()


def test_the_shell_completes_commands_and_what_the_catalogue_had_when_it_was_last_seen(
    deployment: Deployment,
) -> None:
    assert completed("easel mod") == ["models"]
    assert completed("easel generate --model ") == []
    easel("models")
    seen = len(deployment.asked)
    assert completed("easel generate --model ") == ["qwen-image", "qwen-image-max"]
    assert completed("easel generate --route a") == ["a/qwen-image", "a/qwen-image-max"]
    assert completed("easel generate --size 1") == ["1:1", "16:9", "1664x928"]
    assert completed("easel generate --model qwen-image-max --size 5") == ["512x512"]
    assert len(deployment.asked) == seen


def test_usage_is_a_line_a_day_and_route(deployment: Deployment) -> None:
    sums = {"billed": money("0.15"), "possibly_billed": money("0")}
    row = {"day": "2026-11-21", "route": "a/b", "images": 2, "failed": 1, "expired": 1, **sums, "usd": sums}
    totals = {"images": 2, "usd": sums, "aws_estimate": money("0.001")}
    body = {"from": "2026-11-15", "to": "2026-11-21", "data": [row], "totals": totals, "next_cursor": None}
    deployment.answers("GET /v1/usage", body)
    done = easel("usage", "--from", "2026-11-15", "--to", "2026-11-21")
    assert done.stdout == "2026-11-21\ta/b\t2\t2\t$0.15\t$0.00\n"
    assert deployment.asked[-1].path == "/v1/usage?from=2026-11-15&to=2026-11-21"
    assert data(easel("usage", "--days", "7", "--json")) == body
    assert "from=" in deployment.asked[-1].path


def test_usage_of_days_the_wrong_way_round_is_refused_unasked(deployment: Deployment) -> None:
    done = easel("usage", "--from", "2026-11-21", "--to", "2026-11-15")
    assert done.exit_code != 0
    assert "Give the earlier day first." in done.stderr
    assert deployment.asked == []
