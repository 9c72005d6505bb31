"""Deliveries of webhooks in DynamoDB. A delivery with its attempts, ten at most, is one item.

pk "msg#ID" sk "msg", listed by generation as "deliveries#GENERATION". One that is not over lies in the index
of what is open under the time of its next attempt: until then its execution waits, and nobody looks for it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import attributes, epoch, error_code, plain_values, record_values
from easel.aws.many import list_query, listed
from easel.aws.open_index import open_place
from easel.domain.webhooks import DELIVERIES_MAX, Delivery
from easel.errors import AlreadyExistsError, VersionConflictError
from easel.ports import Clock


class DynamoDeliveries:
    """The port `DeliveryStore` on the one table."""

    def __init__(self, client: Any, table: str, retention_days: int, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    def create(self, delivery: Delivery) -> None:
        """A new record. Raises AlreadyExistsError."""
        try:
            self._put(delivery, "attribute_not_exists(pk)", {})
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise AlreadyExistsError(f"{delivery.id} exists") from error
            raise

    def get(self, delivery_id: str) -> Delivery | None:
        """One consistent key read."""
        answer = self._client.get_item(TableName=self._table, Key=_key(delivery_id), ConsistentRead=True)
        return Delivery.model_validate(plain_values(answer["Item"])) if "Item" in answer else None

    def save(self, delivery: Delivery) -> None:
        """A moved record over the version before it. Raises VersionConflictError."""
        try:
            self._put(delivery, "version = :read", {":read": {"N": str(delivery.version - 1)}})
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise VersionConflictError(f"{delivery.id} was moved by somebody else") from error
            raise

    def of_generation(self, generation_id: str) -> Sequence[Delivery]:
        """One query of the index of lists, and one read."""
        page = self._client.query(**list_query(self._table, _list_of(generation_id)), Limit=DELIVERIES_MAX)
        items = listed(self._client, self._table, page, self._clock)
        return tuple(Delivery.model_validate(plain_values(item)) for item in items)

    def _put(self, delivery: Delivery, condition: str, values: Mapping[str, Any]) -> None:
        record = record_values(delivery) | {"version": delivery.version, "status": delivery.status.value}
        record |= {"list_pk": _list_of(delivery.generation_id), "list_sk": delivery.id}
        record["expires_at"] = int(epoch(delivery.created_at + self._retention))
        if delivery.next_attempt_at is not None:
            record |= open_place(delivery.id, delivery.next_attempt_at)
        item = attributes(record) | _key(delivery.id)
        request = {"TableName": self._table, "Item": item, "ConditionExpression": condition}
        self._client.put_item(**request, **({"ExpressionAttributeValues": values} if values else {}))


def _key(delivery_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"msg#{delivery_id}"}, "sk": {"S": "msg"}}


def _list_of(generation_id: str) -> str:
    return f"deliveries#{generation_id}"
