"""Reads of many items at a time, and the index by which they are listed."""

import random
from collections.abc import Iterable
from typing import Any

from easel.errors import TableBusyError
from easel.ports import Clock

KEYS_MAX = 100  # of one request, the most that DynamoDB takes
# DynamoDB puts reads off where a partition is busy, and asks for patience before they are repeated
# (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html). Longer pauses where
# nothing came; all of them together are below the API's 29 s.
PAUSE_SECONDS, PAUSE_SECONDS_MAX, PAUSES_SECONDS_MAX = 0.05, 2.0, 10.0
Item = dict[str, Any]


def read_many(
    client: Any, table: str, keys: Iterable[Item], clock: Clock, *, consistent: bool = True
) -> list[Item]:
    """The items that there are of these keys, in no order. Raises TableBusyError after a while."""
    found: list[Item] = []
    left, pause, paused = list(keys), PAUSE_SECONDS, 0.0
    while left:
        asked, left = left[:KEYS_MAX], left[KEYS_MAX:]
        answer = client.batch_get_item(RequestItems={table: {"Keys": asked, "ConsistentRead": consistent}})
        found += (given := answer["Responses"].get(table, []))
        if not (put_off := answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])):
            continue
        left = [*put_off, *left]
        if paused > PAUSES_SECONDS_MAX:
            raise TableBusyError(f"the table puts reads off for {paused:.0f} s")
        pause = PAUSE_SECONDS if given else min(pause * 2, PAUSE_SECONDS_MAX)
        wait = random.uniform(pause / 2, pause)
        clock.sleep(wait)
        paused += wait
    return found


def list_query(table: str, name: str, first: str = "") -> dict[str, Any]:
    """The query of a list, newest first, or of what begins so in it. It finds keys: what lies under them is
    to be read."""
    condition, values = "list_pk = :list", {":list": {"S": name}}
    if first:
        condition += " AND begins_with(list_sk, :first)"
        values[":first"] = {"S": first}
    return {
        "TableName": table,
        "IndexName": "by_tenant",
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": False,
    }


def listed(client: Any, table: str, page: dict[str, Any], clock: Clock) -> list[Item]:
    """The items under the keys that a page of a list has, in its order. One may have gone since."""
    keys = [{name: item[name] for name in ("pk", "sk")} for item in page["Items"]]
    found = {(one["pk"]["S"], one["sk"]["S"]): one for one in read_many(client, table, keys, clock)}
    places = [(key["pk"]["S"], key["sk"]["S"]) for key in keys]
    return [found[place] for place in places if place in found]
