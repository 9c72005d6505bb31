"""The index of what is not done: its writes are spread, and what lies under its one former key is found."""

from collections import Counter
from datetime import UTC, datetime

from easel.aws.open_index import KEYS, open_place
from easel.domain.ids import new_generation_id

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MANY = 16_000


def test_no_key_has_much_more_than_its_share_of_what_is_made_at_the_same_moment() -> None:
    places = Counter(open_place(new_generation_id(NOW), NOW)["open_pk"] for _ in range(MANY))
    assert set(places) == set(KEYS)
    assert max(places.values()) < 1.2 * MANY / len(KEYS)


def test_one_stays_under_its_key_wherever_it_moves_to() -> None:
    one = new_generation_id(NOW)
    later = NOW.replace(hour=13)
    assert open_place(one, NOW)["open_pk"] == open_place(one, later)["open_pk"]
    assert open_place(one, NOW)["open_sk"] < open_place(one, later)["open_sk"]


def test_the_key_under_which_all_lay_once_is_still_looked_under() -> None:
    assert "open" in KEYS
