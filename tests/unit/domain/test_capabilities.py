"""How a request fits a route: applied, mapped, dropped, truncated, or refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.ask import LoraAsk
from easel.domain.capabilities import SWITCHES, Capabilities, Fit, fit
from easel.domain.request import GenerationRequest
from easel.domain.sizes import Geometry, Size, SizeRule

SIZES = SizeRule({"16:9": Size(1664, 928), "1:1": Size(1328, 1328)})
POOR = Capabilities(prompt_max=800, negative_prompt_max=500, sizes=SIZES)
RICH = Capabilities(
    prompt_max=None, negative_prompt_max=None, sizes=SIZES, n_max=4, images=(0, 3),
    switches=frozenset(SWITCHES), output_formats=("png",), guidance_scale=True,
)  # fmt: skip
LINK = "https://example.com/a.png"


def fitted(can: Capabilities, **fields: Any) -> Fit:
    request = GenerationRequest(**({"model": "caller-model", "prompt": "p"} | fields))
    return fit(request, can, "wire-model")


def problem_fields(result: Fit) -> list[str]:
    return [problem.field for problem in result.problems]


def test_request_that_says_nothing_asks_for_nothing() -> None:
    result = fitted(POOR)
    ask = result.ask
    assert (ask.model, ask.prompt) == ("wire-model", "p")
    silent = (
        ask.negative_prompt, ask.geometry, ask.n, ask.seed, ask.prompt_extend, ask.safety_filter,
        ask.watermark, ask.lora, ask.output_format, ask.guidance_scale,
    )  # fmt: skip
    assert set(silent) == {None}
    assert ask.images == ()
    assert result.report.model_dump() == {"applied": {}, "mapped": {}, "dropped": {}, "truncated": {}}
    assert not result.problems


def test_everything_that_a_route_offers_is_applied_as_asked() -> None:
    result = fitted(
        RICH, negative_prompt="blur", size="1664*928", n=4, seed=7, prompt_extend=False, safety_filter=True,
        watermark=False, images=[LINK], output_format="png", guidance_scale=3.5,
    )  # fmt: skip
    ask = result.ask
    assert ask.negative_prompt == "blur"
    assert ask.geometry == Geometry("16:9", Size(1664, 928))
    assert (ask.n, ask.seed, ask.output_format, ask.guidance_scale) == (4, 7, "png", 3.5)
    assert (ask.prompt_extend, ask.safety_filter, ask.watermark) == (False, True, False)
    assert ask.images == (LINK,)
    assert result.report.applied == {
        "size": "1664*928", "n": 4, "seed": 7, "prompt_extend": False, "safety_filter": True,
        "watermark": False, "images": 1, "output_format": "png", "guidance_scale": 3.5,
    }  # fmt: skip
    assert result.report.losses == 0
    assert not result.problems


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt_extend", True), ("safety_filter", False), ("watermark", True), ("guidance_scale", 2.0),
        ("output_format", "png"),
    ],
)  # fmt: skip
def test_parameter_that_a_route_lacks_is_dropped_with_a_reason(field: str, value: Any) -> None:
    result = fitted(POOR, **{field: value})
    assert getattr(result.ask, field) is None
    assert set(result.report.dropped) == {field}
    assert result.report.dropped[field]
    assert result.report.losses == 1
    assert not result.problems


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt_extend", True), ("safety_filter", False), ("watermark", True), ("guidance_scale", 2.0)],
)
def test_strict_refuses_rather_than_drops(field: str, value: Any) -> None:
    assert problem_fields(fitted(POOR, strict=True, **{field: value})) == [field]


def test_output_format_that_a_route_does_not_make_is_dropped_or_refused() -> None:
    assert set(fitted(RICH, output_format="jpeg").report.dropped) == {"output_format"}
    assert problem_fields(fitted(RICH, output_format="jpeg", strict=True)) == ["output_format"]


@pytest.mark.parametrize(("field", "limit"), [("prompt", 800), ("negative_prompt", 500)])
def test_text_at_the_limit_is_sent_whole_and_one_more_is_cut(field: str, limit: int) -> None:
    whole = fitted(POOR, **{field: "x" * limit})
    assert getattr(whole.ask, field) == "x" * limit
    assert whole.report.truncated == {}
    cut = fitted(POOR, **{field: "x" * limit + "y"})
    assert getattr(cut.ask, field) == "x" * limit
    assert cut.report.truncated == {field: {"from": limit + 1, "to": limit}}
    assert cut.report.losses == 1
    assert not cut.problems


@given(text=st.text(alphabet="a\u00e9\u4e2d\U0001f308", min_size=801, max_size=900))
def test_text_is_cut_at_code_points_and_never_inside_one(text: str) -> None:
    ask = fitted(POOR, prompt=text).ask
    assert ask.prompt == text[:800]
    assert text.startswith(ask.prompt)


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_strict_refuses_rather_than_cuts_and_names_the_limit(field: str) -> None:
    result = fitted(POOR, strict=True, **{field: "x" * 801})
    (problem,) = result.problems
    assert problem.field == field
    assert problem.limit == (800 if field == "prompt" else 500)
    assert "801" in problem.message


def test_text_without_a_stated_limit_is_never_cut() -> None:
    assert fitted(RICH, prompt="x" * 4000).ask.prompt == "x" * 4000


@pytest.mark.parametrize(
    ("asked", "report"),
    [
        ("1664*928", {"applied": "1664*928"}),
        ("1664x928", {"applied": "1664*928"}),
        ("16:9", {"mapped": {"from": "16:9", "to": "1664*928"}}),
    ],
)
def test_size_is_reported_as_sent_or_as_mapped(asked: str, report: dict[str, Any]) -> None:
    result = fitted(POOR, size=asked)
    assert result.ask.geometry == Geometry("16:9", Size(1664, 928))
    assert result.report.applied.get("size") == report.get("applied")
    assert result.report.mapped.get("size") == report.get("mapped")


def test_pixels_become_a_ratio_where_the_vendor_speaks_ratios() -> None:
    result = fitted(POOR._replace(sizes=SIZES._replace(speaks="ratio")), size="1664x928")
    assert result.report.mapped == {"size": {"from": "1664x928", "to": "16:9"}}


@pytest.mark.parametrize("asked", ["4:3", "1600*900", "2000x100"])
def test_size_that_a_route_does_not_offer_is_refused_even_without_strict(asked: str) -> None:
    (problem,) = fitted(POOR, size=asked).problems
    assert problem.field == "size"
    assert problem.allowed == ("16:9", "1:1", "1664*928", "1328*1328")


def test_size_is_refused_where_nothing_can_be_chosen() -> None:
    (problem,) = fitted(POOR._replace(sizes=None), size="1:1").problems
    assert (problem.field, problem.allowed) == ("size", ())


@pytest.mark.parametrize(("count", "taken"), [(1, True), (4, True), (5, False)])
def test_number_of_images_is_held_against_the_routes_limit(count: int, taken: bool) -> None:
    assert problem_fields(fitted(RICH, n=count)) == ([] if taken else ["n"])


@pytest.mark.parametrize(
    ("seed_range", "seed", "taken"),
    [
        ((0, 2147483647), 0, True),
        ((0, 2147483647), 2147483647, True),
        ((0, 2147483647), 2147483648, False),
        ((1, None), 0, False),
        ((1, None), 2**53 - 1, True),
    ],
)
def test_seed_is_held_against_the_routes_range(
    seed_range: tuple[int, int | None], seed: int, taken: bool
) -> None:
    result = fitted(POOR._replace(seed_range=seed_range), seed=seed)
    assert problem_fields(result) == ([] if taken else ["seed"])
    if not taken:
        assert str(seed_range[0]) in str(result.problems[0].limit)


@pytest.mark.parametrize(
    ("takes", "count", "fits"),
    [
        ((0, 0), 0, True), ((0, 0), 1, False), ((1, 3), 0, False), ((1, 3), 1, True), ((1, 3), 3, True),
        ((1, 2), 3, False),
    ],
)  # fmt: skip
def test_number_of_input_images_is_held_against_the_route(
    takes: tuple[int, int], count: int, fits: bool
) -> None:
    result = fitted(POOR._replace(images=takes), images=[LINK] * count)
    assert problem_fields(result) == ([] if fits else ["images"])


def test_lora_is_taken_by_lora_routes_only_and_needed_there() -> None:
    asked = {"weights": "owner/name", "scale": 0.5, "steps": 30, "guidance": 2.5, "go_fast": False}
    able = POOR._replace(lora=True)
    assert problem_fields(fitted(POOR, lora=asked)) == ["lora"]
    assert problem_fields(fitted(able)) == ["lora"]
    result = fitted(able, lora=asked)
    assert result.ask.lora == LoraAsk("owner/name", 0.5, 30, 2.5, False)
    assert result.report.applied["lora"] == asked
    assert not result.problems


def test_all_problems_are_told_at_once() -> None:
    result = fitted(POOR, n=2, size="4:3", seed=2**40, images=[LINK], lora={"weights": "owner/name"})
    assert sorted(problem_fields(result)) == ["images", "lora", "n", "seed", "size"]


@given(
    prompt=st.text(min_size=1, max_size=1000).filter(str.strip),
    n=st.none() | st.integers(1, 6),
    seed=st.none() | st.integers(0, 2**53 - 1),
    watermark=st.none() | st.booleans(),
    strict=st.booleans(),
)
def test_every_parameter_that_was_set_is_accounted_for(
    prompt: str, n: int | None, seed: int | None, watermark: bool | None, strict: bool
) -> None:
    result = fitted(POOR, prompt=prompt, n=n, seed=seed, watermark=watermark, strict=strict)
    report = result.report
    told = {*report.applied, *report.mapped, *report.dropped, *report.truncated}
    given_fields = {"n": n, "seed": seed, "watermark": watermark}
    asked = {name for name, value in given_fields.items() if value is not None}
    assert asked <= told
    assert told - asked <= {"prompt"}
    assert ("prompt" in told) is (len(prompt) > 800)
    if strict:
        assert report.losses == 0 or result.problems
