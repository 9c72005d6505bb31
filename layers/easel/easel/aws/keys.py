"""API keys in DynamoDB. Secrets are kept as hashes.

pk "key#HASH"    sk "key"     an API key's secret, with all that is known of the key; listed as "keys"
pk "secrets#ID"  sk "key"     which secrets a key has: their hashes, the newest last; version
pk "rate#OWNER"  sk a minute  how many requests an owner of a limit made in it
"""

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import attributes, epoch, error_code, plain_values, record_values
from easel.aws.many import list_query, read_many
from easel.domain.tenancy import ApiKey
from easel.ports import Clock

CACHE_SECONDS = 30.0  # how long a revoked key may still work
CACHED_MAX = 1000
COUNT_SECONDS = 300  # that a minute's count is kept
READS_MAX = 3  # where a key gets another secret between the read of which it has and that of these
EARLIEST = datetime.min.replace(tzinfo=UTC)


def key_row(secret: str) -> dict[str, Any]:
    """The primary key of an API key's item. A key is 256 random bits: a plain hash of it needs no salt."""
    return {"pk": {"S": "key#" + hashlib.sha256(secret.encode()).hexdigest()}, "sk": {"S": "key"}}


def key_item(row: dict[str, Any], key: ApiKey) -> dict[str, Any]:
    """What is known of a key, under the primary key of one of its secrets."""
    lists = {"list_pk": "keys", "list_sk": f"{key.tenant}#{key.id}#{key.prefix}"}
    return row | attributes(record_values(key) | lists)


def age(key: ApiKey) -> datetime:
    """By which secrets of a key are sorted, oldest first."""
    return key.created_at or EARLIEST


def secrets_row(key_id: str) -> dict[str, Any]:
    """The primary key of the item that says which secrets a key has."""
    return {"pk": {"S": f"secrets#{key_id}"}, "sk": {"S": "key"}}


def secret_rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The primary keys of the secrets that this item names, oldest first."""
    return [{"pk": {"S": pk}, "sk": {"S": "key"}} for pk in values["secrets"]]


def put_api_key(client: Any, table: str, secret: str, key: ApiKey) -> None:
    """Record a secret that comes from elsewhere; recording it again writes what is known of the key anew."""
    client.put_item(TableName=table, Item=key_item(key_row(secret), key))
    client.delete_item(TableName=table, Key=secrets_row(key.id))  # the index says which there are


class DynamoApiKeys:
    """The port `ApiKeys`: one key read, then from memory for a short while."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._cache: dict[str, tuple[float, ApiKey]] = {}

    def find(self, secret: str, *, anew: bool = False) -> ApiKey | None:
        """The key; unknown ones are not remembered, so that a new key works at once."""
        row = key_row(secret)
        digest = row["pk"]["S"]
        known = self._cache.get(digest)
        if known is not None and known[0] > time.monotonic() and not anew:
            return known[1]
        item = self._client.get_item(TableName=self._table, Key=row, ConsistentRead=anew).get("Item")
        if item is None:
            self._cache.pop(digest, None)
            return None
        key = ApiKey.model_validate({"id": "", "prefix": "", **plain_values(item)})
        if len(self._cache) >= CACHED_MAX:
            self._cache.clear()
        self._cache[digest] = (time.monotonic() + CACHE_SECONDS, key)
        return key


class DynamoKeysById:
    """The port `KeysById`: reads of which secrets a key has and of them, then from memory for a while."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._cache: dict[str, tuple[float, ApiKey | None]] = {}

    def now(self, key: ApiKey) -> ApiKey | None:
        """By its newest secret."""
        known = self._cache.get(key.id)
        if known is None or known[0] <= time.monotonic():
            known = self._cache[key.id] = (time.monotonic() + CACHE_SECONDS, self._read(key))
        return known[1]

    def _read(self, key: ApiKey) -> ApiKey | None:
        for _ in range(READS_MAX):
            rows = self._secrets(key)
            items = read_many(self._client, self._table, rows, self._clock)
            if items or not rows:
                break
        found = [ApiKey.model_validate(plain_values(item)) for item in items]
        return max(found, key=age, default=None)

    def _secrets(self, key: ApiKey) -> list[dict[str, Any]]:
        """The primary keys of its secrets; where no item has them, from the index."""
        items = read_many(self._client, self._table, [secrets_row(key.id)], self._clock)
        if items:
            return secret_rows(plain_values(items[0]))
        page = self._client.query(**list_query(self._table, "keys", f"{key.tenant}#{key.id}#"))
        return [{name: item[name] for name in ("pk", "sk")} for item in page["Items"]]


class DynamoQuotas:
    """The port `Quotas`: a counter a minute, which no burst overruns."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def count(self, owner: str, minute: datetime, allowed: int) -> int | None:
        """One conditional update."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=rate_row(owner, minute),
                UpdateExpression="ADD requests :one SET expires_at = :expiry",
                ConditionExpression="attribute_not_exists(requests) OR requests < :allowed",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":allowed": {"N": str(allowed)},
                    ":expiry": {"N": epoch(minute + timedelta(seconds=COUNT_SECONDS))},
                },
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return None
            raise
        return allowed - int(answer["Attributes"]["requests"]["N"])

    def made(self, owner: str, minute: datetime) -> int:
        """One key read."""
        item = self._client.get_item(TableName=self._table, Key=rate_row(owner, minute)).get("Item", {})
        return int(item["requests"]["N"]) if item else 0


def rate_row(owner: str, minute: datetime) -> dict[str, Any]:
    """The primary key of a minute's count."""
    return {"pk": {"S": f"rate#{owner}"}, "sk": {"S": minute.isoformat()}}
