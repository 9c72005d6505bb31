"""Sizes: what callers may write, and what a route makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.sizes import Geometry, Size, SizeRule, parse_size

TABLE = {"16:9": Size(1664, 928), "1:1": Size(1328, 1328), "9:16": Size(928, 1664)}
LISTED = SizeRule(TABLE)
FREE = SizeRule(TABLE, free_side=(512, 1536), multiple=32)
RATIOS_ONLY = SizeRule({"21:9": None, "1:1": Size(1328, 1328)}, speaks="ratio")


@pytest.mark.parametrize("text", ["1664*928", "1664x928"])
def test_both_separators_of_pixels_mean_the_same(text: str) -> None:
    assert parse_size(text) == Size(1664, 928)


def test_ratio_is_read_as_itself() -> None:
    assert parse_size("16:9") == "16:9"


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1664", "1664*", "*928", "1664*928*3", "1664 * 928", "1664*928 ", "1664*928\n", "1664X928",
        "0*928", "-1664*928", "1664.0*928", "100000*928", "0:9", "16:9:1", "16/9", "160:90:1", "a:b",
        "\uff11\uff16:9", "auto",
    ],
)  # fmt: skip
def test_anything_else_is_no_size(text: str) -> None:
    assert parse_size(text) is None


def test_ratio_and_its_pixels_resolve_to_the_same_geometry() -> None:
    assert LISTED.resolve("16:9") == LISTED.resolve(Size(1664, 928)) == Geometry("16:9", Size(1664, 928))


def test_ratios_are_matched_by_the_table_and_never_by_division() -> None:
    assert LISTED.resolve(Size(1600, 900)) is None
    assert LISTED.resolve("32:18") is None


def test_ratio_whose_pixels_the_vendor_does_not_state_is_offered_without_pixels() -> None:
    assert RATIOS_ONLY.resolve("21:9") == Geometry("21:9", None)
    assert RATIOS_ONLY.resolve(Size(2048, 872)) is None


@given(width=st.integers(10, 3000), height=st.integers(10, 3000))
def test_free_sides_are_taken_exactly_within_their_range_and_step(width: int, height: int) -> None:
    offered = all(512 <= side <= 1536 and side % 32 == 0 for side in (width, height))
    asked = Size(width, height)
    listed = asked in TABLE.values()
    assert (FREE.resolve(asked) is not None) is (offered or listed)


@pytest.mark.parametrize("side", [512, 1536])
def test_free_sides_include_both_bounds(side: int) -> None:
    assert FREE.resolve(Size(side, side)) == Geometry(None, Size(side, side))


def test_vendor_is_sent_pixels_or_its_ratio_as_the_rule_says() -> None:
    geometry = Geometry("1:1", Size(1328, 1328))
    assert LISTED.wire_text(geometry) == "1328*1328"
    assert RATIOS_ONLY.wire_text(geometry) == "1:1"


def test_every_size_that_is_named_as_allowed_is_really_taken() -> None:
    for rule in (LISTED, RATIOS_ONLY):
        allowed = rule.allowed()
        assert allowed
        for text in allowed:
            parsed = parse_size(text)
            assert parsed is not None
            assert rule.resolve(parsed) is not None


def test_free_sides_are_told_with_bounds_and_step() -> None:
    assert FREE.allowed() == ("16:9", "1:1", "9:16", "W*H with each side 512 to 1536, multiples of 32")
