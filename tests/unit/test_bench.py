"""The bench's own parts: its table, its picture, and the history of its figures."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import __main__ as bench
from tests.bench import history, picture
from tests.bench.table import Row

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    Row("instructions", 500, 1000, "Mi", 0.6),
    Row("CPU", 30, 10, "ms", 2.0),
    Row("faults", 0, None, "", 0),
    Row("more faults", 1, None, "", 0),
    Row("pace", 7, None, "1/s", None),
]


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A history of its own, empty."""
    path = tmp_path / "history.json"
    path.write_text("[]")
    monkeypatch.setattr(history, "HISTORY", path)
    return path


def test_target_bounds_the_ratio_where_there_is_a_yardstick_and_nothing_bounds_what_has_none() -> None:
    assert [row.held for row in ROWS] == [True, False, True, False, None]


def test_picture_has_a_bar_for_each_target_and_the_words_of_each() -> None:
    drawn = ElementTree.fromstring(picture.svg({"cold_start": ROWS}))
    bars = [bar.attrib for bar in drawn.iter(f"{SVG}rect") if bar.get("class") != "ground"]
    assert [bar["class"] for bar in bars] == ["held", "missed", "held", "missed"]
    assert all(0 <= float(bar["width"]) <= picture.WIDTH for bar in bars)
    words = [text.text for text in drawn.iter(f"{SVG}text")]
    assert words[:3] == ["Cold start", "instructions", "0.5 / 0.6 x ✓"]


def test_history_keeps_counts_as_they_are_and_times_beside_their_yardstick(book: Path) -> None:
    history.append("first", {"warm": ROWS})
    kept = {"instructions": 500, "CPU": 3.0, "faults": 0, "more faults": 1}
    assert history.recorded()["figures"] == {"warm": kept}
    assert [row["change"] for row in json.loads(book.read_text())] == ["first"]


def test_part_that_was_not_measured_stays_as_it_was_recorded(book: Path) -> None:
    history.append("first", {"warm": ROWS, "reads": ROWS[2:3]})
    history.append("second", {"warm": ROWS[:1]})
    assert history.recorded()["figures"] == {"warm": {"instructions": 500}, "reads": {"faults": 0}}
    assert len(json.loads(book.read_text())) == 2


def test_what_moved_is_told_and_what_wavers_is_not(book: Path) -> None:
    history.append("first", {"warm": ROWS})
    wavering = {"warm": [Row("instructions", 505, 1000, "Mi", 0.6), Row("CPU", 33, 10, "ms", 2.0)]}
    assert history.moved(wavering).endswith("nothing")
    found = history.moved({"warm": [Row("instructions", 600, 1000, "Mi", 0.6), Row("new", 1, None, "", 1)]})
    assert found.splitlines()[1:] == ["  warm, instructions: 500 -> 600"]


def test_command_takes_no_names_or_some_and_refuses_others() -> None:
    names = [bench.name_of(measure) for _, measure in bench.PARTS]
    assert len(set(names)) == len(names)
    assert bench.arguments([]).parts == []
    assert bench.arguments(["reads", "--record", "why"]).record == "why"
    with pytest.raises(SystemExit):
        bench.arguments(["nothing"])


def test_history_of_the_repository_can_be_read() -> None:
    assert history.recorded()["figures"]["cold_start"]
