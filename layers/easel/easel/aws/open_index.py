"""The index `open` of what is not done (generations, batches, deliveries), by when to look at it.

Each move of a generation moves its place here, which takes two writes: ten units from creation to end, of the
1,000 a second that one key takes. So places are spread over KEYS, by the id.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Any

# A thousand images a second take 625 units of each. The first bears the name that all once had.
KEYS = ("open", *(f"open#{number}" for number in range(1, 16)))


def open_place(one: str, moment: datetime) -> dict[str, str]:
    """The attributes of what is not done, and lies quiet from this moment on."""
    return {"open_pk": KEYS[sum(one.encode()) % len(KEYS)], "open_sk": moment.isoformat()}


def quiet(client: Any, table: str, before: datetime) -> Iterator[str]:
    """The ids of what has lain since before this moment, the longest first, page by page."""
    places = [_places(client, table, key, before) for key in KEYS]
    yield from (pk.partition("#")[2] for _, pk in heapq.merge(*places))


def _places(client: Any, table: str, key: str, before: datetime) -> Iterator[tuple[str, str]]:
    pages = client.get_paginator("query").paginate(
        TableName=table,
        IndexName="open",
        KeyConditionExpression="open_pk = :open AND open_sk < :before",
        ExpressionAttributeValues={":open": {"S": key}, ":before": {"S": before.isoformat()}},
    )
    for page in pages:
        yield from ((item["open_sk"]["S"], item["pk"]["S"]) for item in page["Items"])
