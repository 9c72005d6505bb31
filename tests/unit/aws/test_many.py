"""Reads of many items: what the table puts off is asked for again, with patience and not for ever."""

from typing import Any

import pytest

from easel.aws.many import KEYS_MAX, PAUSE_SECONDS_MAX, read_many
from easel.errors import TableBusyError
from tests.fakes.memory import FakeClock


class BusyTable:
    """Reads so many of the keys that it is asked for, and puts the others off; None: all."""

    def __init__(self, *serves: int | None) -> None:
        self.serves = list(serves)
        self.asked: list[int] = []

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803  (boto3's name)
        ((table, request),) = RequestItems.items()
        keys = request["Keys"]
        self.asked.append(len(keys))
        most = self.serves.pop(0) if self.serves else None
        now, later = (keys, []) if most is None else (keys[:most], keys[most:])
        answer: dict[str, Any] = {"Responses": {table: now}}
        return answer | ({"UnprocessedKeys": {table: {"Keys": later}}} if later else {})


def items(count: int) -> list[dict[str, Any]]:
    return [{"pk": {"S": str(number)}} for number in range(count)]


def test_a_hundred_at_a_time_and_without_a_pause() -> None:
    table, clock = BusyTable(), FakeClock()
    assert read_many(table, "t", items(250), clock) == items(250)
    assert (table.asked, clock.slept) == ([KEYS_MAX, KEYS_MAX, 50], [])
    assert read_many(BusyTable(), "t", [], clock) == []


def test_what_is_put_off_is_asked_for_again_after_growing_pauses() -> None:
    table, clock = BusyTable(30, 0, 0, 0, 5), FakeClock()
    found = read_many(table, "t", items(120), clock)
    assert sorted(found, key=lambda one: int(one["pk"]["S"])) == items(120)
    assert table.asked == [100, 90, 90, 90, 90, 85]
    assert clock.slept[0] < clock.slept[2] < clock.slept[3] <= PAUSE_SECONDS_MAX
    assert clock.slept[4] < clock.slept[3], "some came"


def test_table_that_puts_off_for_ever_is_not_asked_for_ever() -> None:
    for serves in (0, 1):
        table, clock = BusyTable(*[serves] * 1000), FakeClock()
        with pytest.raises(TableBusyError):
            read_many(table, "t", items(1000), clock)
        assert sum(clock.slept) < 20, "below the API's 29 s"


def test_table_that_serves_half_of_each_request_is_asked_until_all_is_read() -> None:
    clock = FakeClock()
    assert len(read_many(BusyTable(*[50] * 20), "t", items(1000), clock)) == 1000
    assert sum(clock.slept) < 2
