"""Generations and idempotency keys in DynamoDB. A generation is one item."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.batch_keys import take_hold
from easel.aws.items import attributes, epoch, error_code, plain_values, record_values
from easel.aws.ledger import reserve, settle, spent
from easel.aws.many import list_query, listed, read_many
from easel.aws.open_index import open_place, quiet
from easel.aws.transactions import ConditionsNotMetError, write_all
from easel.domain.generation import TERMINAL, Generation
from easel.domain.ids import is_generation_id
from easel.domain.ledger import Reserving, refusal
from easel.errors import (
    AlreadyExistsError,
    CostCapError,
    FieldProblem,
    InvalidRequestError,
    VersionConflictError,
)
from easel.ports import Claim, Clock, Hold, Idempotency, Page

IDEMPOTENCY_HOURS = 24  # published in the README, as draft-ietf-httpapi-idempotency-key-header-07 asks
QUERIES_MAX = 10  # of one list call that filters; its cursor goes on from there
LIST_KEYS = ("pk", "sk", "list_pk", "list_sk")


def generation_key(generation_id: str) -> dict[str, Any]:
    """The primary key of a generation's item."""
    return {"pk": {"S": f"gen#{generation_id}"}, "sk": {"S": "gen"}}


def idempotency_key(tenant: str, key: str) -> dict[str, Any]:
    """The primary key of an idempotency key's item; hashed, because callers choose its length and words."""
    digest = hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()
    return {"pk": {"S": f"idem#{digest}"}, "sk": {"S": "idem"}}


def to_item(generation: Generation, expires_at: int) -> dict[str, Any]:
    """The record as DynamoDB's attribute values."""
    record = record_values(generation)
    record |= {"version": generation.version, "status": generation.status.value, "expires_at": expires_at}
    record |= {"list_pk": f"tenant#{generation.tenant}", "list_sk": generation.id}
    if not generation.announced:
        record |= open_place(generation.id, generation.updated_at)
    return generation_key(generation.id) | attributes(record)


def from_item(item: dict[str, Any]) -> Generation:
    """The record back from DynamoDB's attribute values."""
    return Generation.model_validate(plain_values(item))


class DynamoGenerations:
    """The port `GenerationStore` on one table."""

    def __init__(self, client: Any, table: str, retention_days: int, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._retention = timedelta(days=retention_days)

    def create(
        self,
        generation: Generation,
        idempotency: Idempotency | None,
        hold: Hold | None = None,
        reservings: Sequence[Reserving] = (),
    ) -> None:
        """Record, key, hold and reservations in one transaction: a crash leaves all or nothing.

        caller ──POST──► [put record, put key, reserve]  ──start execution──► 202
                              ▲ a second POST with the same key fails here, reads the key's item,
                                and answers with the first one's generation
        """
        put = self._put(to_item(generation, self._expiry(generation)), "attribute_not_exists(pk)")
        writes: list[dict[str, Any]] = [{"Put": put}]
        if idempotency is not None:
            writes.append({"Put": self._key_put(generation, idempotency)})
        records = len(writes)
        if hold is not None:
            writes.append({"Update": take_hold(self._table, hold)})
        day, owners = generation.created_at.astimezone(UTC).date(), []
        for reserving in reservings:
            updates = reserve(self._table, reserving, day)
            owners += [reserving] * len(updates)
            writes += updates
        try:
            self._write(writes)
        except ConditionsNotMetError as error:
            first = error.unmet[0]
            if first < records:
                raise AlreadyExistsError("the record or its idempotency key exists") from error
            if hold is not None and first == records:
                raise CostCapError(f"{hold.batch_id} has reached its cost cap") from error
            reserving = owners[first - len(writes) + len(owners)]
            used = spent(self._client, self._table, reserving.owner.name, day)
            raise refusal(reserving, generation.created_at, used) from error

    def _write(self, writes: Sequence[dict[str, Any]]) -> None:
        """One put, or a transaction. Raises ConditionsNotMetError."""
        if len(writes) > 1:
            write_all(self._client, writes, self._clock)
            return
        try:
            self._client.put_item(**writes[0]["Put"])
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise ConditionsNotMetError([0]) from error
            raise

    def _key_put(self, generation: Generation, idempotency: Idempotency) -> dict[str, Any]:
        hours = timedelta(hours=IDEMPOTENCY_HOURS)
        item = idempotency_key(generation.tenant, idempotency.key) | {
            "generation_id": {"S": generation.id},
            "fingerprint": {"S": idempotency.fingerprint},
            "created_at": {"N": epoch(generation.created_at)},
            "expires_at": {"N": epoch(generation.created_at + hours)},
        }
        # An expired item may lie there for two days before DynamoDB removes it.
        put = self._put(item, "attribute_not_exists(pk) OR expires_at < :now")
        put["ExpressionAttributeValues"] = {":now": {"N": epoch(generation.created_at)}}
        return put

    def claim(self, tenant: str, key: str) -> Claim | None:
        """The earlier use of the key, read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=idempotency_key(tenant, key), ConsistentRead=True
        )
        item = answer.get("Item")
        if item is None or int(item["expires_at"]["N"]) < time.time():
            return None
        return Claim(item["generation_id"]["S"], item["fingerprint"]["S"])

    def get(self, generation_id: str) -> Generation | None:
        """One consistent key read."""
        answer = self._client.get_item(
            TableName=self._table, Key=generation_key(generation_id), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def get_many(self, generation_ids: Sequence[str]) -> Mapping[str, Generation]:
        """Batch reads."""
        keys = [generation_key(one) for one in dict.fromkeys(generation_ids)]
        items = read_many(self._client, self._table, keys, self._clock)
        return {generation.id: generation for generation in map(from_item, items)}

    def save(self, generation: Generation) -> None:
        """The one way a generation moves.

        read v ──decide──► write v+1 if stored is still v and has not ended
                                ▲ whoever else wrote v+1 in between wins; we raise, read again, decide again
        The end is counted in the same transaction: by whoever writes it, once.
        """
        same_version = "version = :read"
        not_ended = "NOT #status IN (:s0, :s1, :s2, :s3)"
        values = {":read": {"N": str(generation.version - 1)}}
        values |= {f":s{i}": {"S": status} for i, status in enumerate(sorted(TERMINAL))}
        put = self._put(to_item(generation, self._expiry(generation)), f"{same_version} AND {not_ended}")
        put |= {"ExpressionAttributeNames": {"#status": "status"}, "ExpressionAttributeValues": values}
        counted = settle(self._table, generation) if generation.terminal else []
        try:
            self._write([{"Put": put}, *counted])
        except ConditionsNotMetError as error:
            raise VersionConflictError(f"{generation.id} was moved by somebody else") from error

    def note_announced(self, generation_id: str) -> None:
        """Out of the index of open generations, too. The record itself has ended and stays as it is."""
        self._client.update_item(
            TableName=self._table,
            Key=generation_key(generation_id),
            UpdateExpression="SET announced = :yes REMOVE open_pk, open_sk",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )

    def note_looked_at(self, generation_id: str, now: datetime) -> None:
        """Behind the others in the index of open generations, where it still lies there."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=generation_key(generation_id),
                UpdateExpression="SET open_sk = :now",
                ConditionExpression="attribute_exists(open_pk)",
                ExpressionAttributeValues={":now": {"S": now.isoformat()}},
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def list(
        self, tenant: str, *, status: str | None, model: str | None, limit: int, cursor: str | None
    ) -> Page:
        """A page by one query, of keys, and one read of their records; with a filter by as many as fill it,
        at most QUERIES_MAX."""
        query = list_query(self._table, f"tenant#{tenant}")
        start = self._start_key(tenant, cursor)
        found: list[Generation] = []
        for _ in range(QUERIES_MAX):
            extra = {"ExclusiveStartKey": start} if start else {}
            page = self._client.query(**query, **extra, Limit=limit)
            for one in map(from_item, listed(self._client, self._table, page, self._clock)):
                if status in (None, one.status) and model in (None, one.request.model):
                    found.append(one)
                if len(found) == limit:
                    last = "LastEvaluatedKey" not in page and one.id == page["Items"][-1]["list_sk"]["S"]
                    return Page(tuple(found), None if last else one.id)
            start = page.get("LastEvaluatedKey")
            if not start:
                return Page(tuple(found), None)
        return Page(tuple(found), start["list_sk"]["S"] if start else None)

    def quiet(self, before: datetime) -> Iterator[str]:
        """Queries of the index that holds only what has something left to do."""
        return quiet(self._client, self._table, before)

    def _start_key(self, tenant: str, cursor: str | None) -> dict[str, Any] | None:
        if cursor is None:
            return None
        generation_id = _position(cursor)
        lists = {"list_pk": {"S": f"tenant#{tenant}"}, "list_sk": {"S": generation_id}}
        return generation_key(generation_id) | lists

    def _put(self, item: dict[str, Any], condition: str) -> dict[str, Any]:
        return {"TableName": self._table, "Item": item, "ConditionExpression": condition}

    def _expiry(self, generation: Generation) -> int:
        return int((generation.created_at + self._retention).timestamp())


def _position(cursor: str) -> str:
    """The id that a cursor is. A cursor never leaves its caller's tenant, whatever id it names."""
    if not is_generation_id(cursor):
        problem = FieldProblem("cursor", "is not a cursor that this list gave")
        raise InvalidRequestError("The cursor is not valid.", [problem])
    return cursor
