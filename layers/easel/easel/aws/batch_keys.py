"""Where batches lie in the table, and what a row takes of its batch."""

from typing import Any

from easel.ports import Hold


def batch_key(batch_id: str, part: str) -> dict[str, Any]:
    """The key of an item of a batch."""
    return {"pk": {"S": f"bat#{batch_id}"}, "sk": {"S": part}}


def take_hold(table: str, hold: Hold) -> dict[str, Any]:
    """The update by which a row takes what it may cost of its batch's cap; refused where that is reached."""
    room = hold.cap_usd - hold.usd
    # Of a batch that nothing was taken of yet there is no number to compare.
    first = "attribute_not_exists(committed_usd) OR " if room >= 0 else ""
    return {
        "TableName": table,
        "Key": batch_key(hold.batch_id, "tally"),
        "UpdateExpression": "ADD committed_usd :usd",
        "ConditionExpression": f"{first}committed_usd <= :room",
        "ExpressionAttributeValues": {
            ":usd": {"N": format(hold.usd, "f")},
            ":room": {"N": format(room, "f")},
        },
    }
