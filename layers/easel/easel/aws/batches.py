"""Batches in DynamoDB: a batch's record, what has become of its rows, and of those of each chunk.

pk "bat#ID"  sk "bat"            the record, moved by conditional puts of its version
             sk "tally"          numbers that many processes add to at once
             sk "chunk#000001"   what the tally has of this chunk's rows already

The record is listed as "batches#TENANT" by the time of its making: a batch's id is a hash and tells none.
It is kept for the retention from its last move on; the numbers for twice as long from when they were counted,
which is longer, as a batch starts no row after one retention.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.batch_keys import batch_key
from easel.aws.items import attributes, epoch, error_code, plain_values, record_values
from easel.aws.many import list_query, listed, read_many
from easel.aws.open_index import open_place
from easel.domain.batch import Batch, Tally
from easel.domain.ids import BATCH_PLACE, batch_place
from easel.errors import AlreadyExistsError, FieldProblem, InvalidRequestError, VersionConflictError
from easel.ports import BatchPage, ChunkTally, Clock

MAPS = ("cost", "possibly_billed")  # kept flat, as cost_USD: an ADD cannot make the map around a number


class DynamoBatches:
    """The port `BatchStore` on the one table."""

    def __init__(self, client: Any, table: str, retention_days: int, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    def create(self, batch: Batch) -> None:
        """A new record. Raises AlreadyExistsError."""
        try:
            self._put(batch, "attribute_not_exists(pk)", {})
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise AlreadyExistsError(f"{batch.id} exists") from error
            raise

    def get(self, batch_id: str) -> Batch | None:
        """One consistent key read."""
        item = self._item(batch_id, "bat")
        return Batch.model_validate(plain_values(item)) if item else None

    def save(self, batch: Batch) -> None:
        """A moved record over the version before it. Raises VersionConflictError."""
        try:
            self._put(batch, "version = :read", {":read": {"N": str(batch.version - 1)}})
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise VersionConflictError(f"{batch.id} was moved by somebody else") from error
            raise

    def list(self, tenant: str, limit: int, cursor: str | None) -> BatchPage:
        """One query, of one record more than the page holds, and reads of the page's records and tallies."""
        start = {"ExclusiveStartKey": _startbatch_key(tenant, cursor)} if cursor is not None else {}
        page = self._client.query(**list_query(self._table, _list_of(tenant)), Limit=limit + 1, **start)
        more = len(page["Items"]) > limit or "LastEvaluatedKey" in page  # a query has 1 MB at most
        shown = {"Items": page["Items"][:limit]}
        items = listed(self._client, self._table, shown, self._clock)
        found = [Batch.model_validate(plain_values(item)) for item in items]
        tallies = self._tallies([batch.id for batch in found])
        return BatchPage(
            tuple((batch, tallies.get(batch.id, Tally())) for batch in found),
            shown["Items"][-1]["list_sk"]["S"] if more else None,
        )

    def note_announced(self, batch: Batch) -> None:
        """Out of the index of what is open. A batch that was resumed has another end, still to be told."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=batch_key(batch.id, "bat"),
                UpdateExpression="SET announced = :yes REMOVE open_pk, open_sk",
                ConditionExpression="version = :told",
                ExpressionAttributeValues={":yes": {"BOOL": True}, ":told": {"N": str(batch.version)}},
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def tally(self, batch_id: str) -> Tally:
        """What has become of all rows so far."""
        return _tally(self._numbers(batch_id, "tally"))

    def chunk(self, batch_id: str, number: int) -> ChunkTally:
        """What the tally has of a chunk's rows already."""
        numbers = self._numbers(batch_id, _chunk(number))
        return ChunkTally(int(numbers.get("version", 0)), _tally(numbers))

    def count(self, batch_id: str, number: int, before: ChunkTally, now: Tally) -> None:
        """Tell the tally what is new of a chunk's rows.

        read v, tally t ──► look at the rows ──► [chunk v+1 with t', tally + (t' - t)]
                                                  ▲ one transaction, refused if the chunk is not at v:
                                                    two that look at the same rows count them once
        """
        added = _flat(now.minus(before.tally))
        if not added:
            return
        expires = int(epoch(self._clock.now() + 2 * self._retention))
        numbers = {**_flat(_values(now)), "version": before.version + 1, "expires_at": expires}
        item = attributes(numbers) | batch_key(batch_id, _chunk(number))
        condition = "version = :read" if before.version else "attribute_not_exists(pk)"
        put: dict[str, Any] = {"TableName": self._table, "Item": item, "ConditionExpression": condition}
        if before.version:
            put["ExpressionAttributeValues"] = {":read": {"N": str(before.version)}}
        names = {f"#{place}": name for place, name in enumerate(added)}
        update = {
            "TableName": self._table,
            "Key": batch_key(batch_id, "tally"),
            "UpdateExpression": "SET expires_at = :expires ADD "
            + ", ".join(f"#{place} :{place}" for place in range(len(added))),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                ":expires": {"N": str(expires)},
                **{f":{place}": {"N": format(value, "f")} for place, value in enumerate(added.values())},
            },
        }
        try:
            self._client.transact_write_items(TransactItems=[{"Put": put}, {"Update": update}])
        except ClientError as error:
            if error_code(error) == "TransactionCanceledException":
                raise VersionConflictError(
                    f"{batch_id}: chunk {number} was counted by somebody else"
                ) from error
            raise

    def _put(self, batch: Batch, condition: str, values: Mapping[str, Any]) -> None:
        record = record_values(batch) | {"version": batch.version, "status": batch.status.value}
        record |= {"list_pk": _list_of(batch.tenant), "list_sk": _place(batch)}
        record["expires_at"] = int(epoch(batch.updated_at + self._retention))
        if not batch.announced:
            record |= open_place(batch.id, batch.updated_at)
        item = attributes(record) | batch_key(batch.id, "bat")
        request = {"TableName": self._table, "Item": item, "ConditionExpression": condition}
        self._client.put_item(**request, **({"ExpressionAttributeValues": values} if values else {}))

    def _item(self, batch_id: str, part: str) -> dict[str, Any]:
        answer = self._client.get_item(
            TableName=self._table, Key=batch_key(batch_id, part), ConsistentRead=True
        )
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _numbers(self, batch_id: str, part: str) -> dict[str, Decimal]:
        return _numbers(self._item(batch_id, part))

    def _tallies(self, batch_ids: Sequence[str]) -> dict[str, Tally]:
        """The tallies of those of a page's batches that have one, by batch."""
        keys = [batch_key(one, "tally") for one in batch_ids]
        items = read_many(self._client, self._table, keys, self._clock)
        return {item["pk"]["S"].partition("#")[2]: _tally(_numbers(item)) for item in items}


def _list_of(tenant: str) -> str:
    return f"batches#{tenant}"


def _place(batch: Batch) -> str:
    return batch_place(batch.created_at, batch.id)


def _startbatch_key(tenant: str, cursor: str) -> dict[str, Any]:
    """What a cursor stands for. It never leaves its caller's tenant, whatever batch it names."""
    place = BATCH_PLACE.fullmatch(cursor)
    if place is None:
        problem = FieldProblem("cursor", "is not a cursor that this list gave")
        raise InvalidRequestError("The cursor is not valid.", [problem])
    return batch_key(place[1], "bat") | {"list_pk": {"S": _list_of(tenant)}, "list_sk": {"S": cursor}}


def _numbers(item: Mapping[str, Any]) -> dict[str, Decimal]:
    """An item's numbers, exact: there is money among them."""
    return {name: Decimal(value["N"]) for name, value in item.items() if "N" in value}


def _chunk(number: int) -> str:
    return f"chunk#{number:06d}"


def _values(tally: Tally) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in Tally.model_fields}


def _flat(values: Mapping[str, Any]) -> dict[str, Decimal]:
    """Numbers by attribute name; a map's one a key."""
    flat: dict[str, Decimal] = {}
    for name, value in values.items():
        if name in MAPS:
            flat |= {f"{name}_{key}": Decimal(inner) for key, inner in value.items()}
        else:
            flat[name] = Decimal(value)
    return flat


def _tally(numbers: Mapping[str, Decimal]) -> Tally:
    values: dict[str, Any] = {name: {} for name in MAPS}
    for name, value in numbers.items():
        whole, _, key = name.rpartition("_")
        if whole in MAPS:
            values[whole][key] = value
        elif name in Tally.model_fields:
            values[name] = value
    return Tally.model_validate(values)
