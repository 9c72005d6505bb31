"""The port `KeyBook` in DynamoDB; `aws/keys.py` says what lies where.

A change of a key is one transaction: all of its secrets, and the item that says which these are, on the
condition that this is still the version that was read. So of two rotations at once one is refused, and no
change brings back what was revoked beside it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import attributes, error_code, plain_values, record_values
from easel.aws.keys import age, key_item, key_row, secret_rows, secrets_row
from easel.aws.many import KEYS_MAX, listed
from easel.aws.tenants import tenant_row
from easel.aws.transactions import ConditionsNotMetError, write_all
from easel.domain.ids import new_key_id
from easel.domain.tenancy import ApiKey, BookedKey, new_secret, visible
from easel.domain.tenants import Tenant
from easel.errors import ConflictError, NotFoundError
from easel.key_ports import KeyPage
from easel.ports import Clock

PAGE_KEYS_MAX = 1000  # of some 500 bytes each as JSON
Row = dict[str, Any]
Secrets = Sequence[tuple[Row, ApiKey]]  # oldest first
LAST = "~"  # sorts after all that ids and prefixes are made of


@dataclass(frozen=True, slots=True)
class _Kept:
    """A key as it was read. Version 0: no change of it was written yet that says which secrets it has."""

    version: int
    secrets: Secrets

    @property
    def newest(self) -> ApiKey:
        return self.secrets[-1][1]


class DynamoKeyBook:
    """Keys and tenants in the one table."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def create(self, tenant: str, **known: Any) -> tuple[str, ApiKey]:
        """One transaction."""
        now, secret = self._clock.now(), new_secret()
        key = ApiKey(id=new_key_id(now), tenant=tenant, prefix=visible(secret), created_at=now, **known)
        self._write(key.id, _Kept(0, ()), [(key_row(secret), key)])
        return secret, key

    def page(self, tenant: str | None = None, cursor: str | None = None) -> KeyPage:
        """Queries of the index, each with a read of its hundred secrets."""
        found: list[BookedKey] = []
        for _, secrets in groupby(self._listed(tenant, cursor), key=lambda key: key.id):
            if len(found) == PAGE_KEYS_MAX:
                last = found[-1].key
                return KeyPage(found, f"{last.tenant}/{last.id}")
            found.append(_booked(sorted(secrets, key=age)))
        return KeyPage(found, None)

    def change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> BookedKey:
        """One transaction, after the reads."""
        kept = self._read(key_id)
        changed = change(kept.newest)
        after = [(row, key.like(changed)) for row, key in kept.secrets[:-1]]
        after.append((kept.secrets[-1][0], changed))
        self._write(key_id, kept, after)
        return _booked([key for _, key in after])

    def rotate(self, key_id: str, overlap: timedelta) -> tuple[str, BookedKey]:
        """One transaction, after the reads."""
        kept, now, secret = self._read(key_id), self._clock.now(), new_secret()
        former = _booked([key for _, key in kept.secrets]).former
        if overlap and former and former.works_at(now):
            until = f" until {former.expires_at:%Y-%m-%d %H:%M} UTC" if former.expires_at else ""
            raise ConflictError(
                f"The key was rotated before, and its former secret {former.prefix}... still works{until}. "
                "Rotate it after that, or end both secrets now: rotate it with an overlap of 0 hours."
            )
        row, newest = kept.secrets[-1]
        if not newest.works_at(now):
            raise ConflictError("The key has ended, and so would its new secret; give it another end first.")
        ends = min(filter(None, (newest.expires_at, now + overlap)))
        before = [(row, newest.model_copy(update={"expires_at": ends}))] if overlap else []
        new = newest.model_copy(update={"prefix": visible(secret), "created_at": now})
        after = [*before, (key_row(secret), new)]
        self._write(key_id, kept, after)
        return secret, _booked([key for _, key in after])

    def revoke(self, key_id: str) -> BookedKey:
        """One transaction, after the reads."""
        kept = self._read(key_id)
        self._write(key_id, kept, [])
        return _booked([key for _, key in kept.secrets])

    def tenant(self, name: str) -> Tenant:
        """One consistent key read."""
        return self._tenant(name)[1]

    def change_tenant(self, name: str, change: Callable[[Tenant], Tenant]) -> Tenant:
        """One read and one conditional write."""
        version, before = self._tenant(name)
        changed = change(before)
        item = tenant_row(name) | attributes(record_values(changed) | {"version": version + 1})
        try:
            self._client.put_item(TableName=self._table, Item=item, **_unchanged(version))
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise _met_another("tenant") from error
            raise
        return changed

    def _tenant(self, name: str) -> tuple[int, Tenant]:
        answer = self._client.get_item(TableName=self._table, Key=tenant_row(name), ConsistentRead=True)
        item = plain_values(answer.get("Item", {}))
        return item.pop("version", 0), Tenant.model_validate({"id": name, **item})

    def _read(self, key_id: str) -> _Kept:
        item = self._item(secrets_row(key_id))
        if item is None:  # made elsewhere, or before there was such an item
            rows = [row for row, key in self._index(None, None) if key.id == key_id]
            version = 0
        else:
            rows, version = secret_rows(item), item["version"]
        found = [(row, ApiKey.model_validate(one)) for row in rows if (one := self._item(row)) is not None]
        if not found:
            raise NotFoundError(f"There is no key {key_id!r}.")
        return _Kept(version, found if item else sorted(found, key=lambda one: age(one[1])))

    def _item(self, row: Row) -> dict[str, Any] | None:
        answer = self._client.get_item(TableName=self._table, Key=row, ConsistentRead=True)
        return plain_values(answer["Item"]) if "Item" in answer else None

    def _write(self, key_id: str, before: _Kept, after: Secrets) -> None:
        """Make these the key's secrets; none: the key ends. Raises ConflictError."""
        known, left = [row for row, _ in before.secrets], [row for row, _ in after]
        same, there = _unchanged(before.version), {"ConditionExpression": "attribute_exists(pk)"}
        record = secrets_row(key_id)
        told = attributes({"secrets": [row["pk"]["S"] for row in left], "version": before.version + 1})
        writes = [{"Put": {"Item": record | told, **same}} if after else {"Delete": {"Key": record, **same}}]
        writes += [
            {"Put": {"Item": key_item(row, key), **(there if row in known else {})}} for row, key in after
        ]
        writes += [{"Delete": {"Key": row, **there}} for row in known if row not in left]
        for write in writes:
            for request in write.values():
                request["TableName"] = self._table
        try:
            write_all(self._client, writes, self._clock)
        except ConditionsNotMetError as error:
            raise _met_another("key") from error

    def _listed(self, tenant: str | None, cursor: str | None) -> Iterator[ApiKey]:
        return (key for _, key in self._index(tenant, cursor))

    def _index(self, tenant: str | None, cursor: str | None) -> Iterator[tuple[Row, ApiKey]]:
        """Every secret's primary key and what is known of its key, by tenant and key."""
        first = f"{tenant}#" if tenant else "!"
        if cursor is not None:
            first = max(first, f"{cursor.replace('/', '#')}#{LAST}")
        last = f"{tenant}#{LAST}" if tenant else LAST
        if first > last:
            return
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="by_tenant",
            KeyConditionExpression="list_pk = :list AND list_sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":list": {"S": "keys"}, ":first": {"S": first}, ":last": {"S": last}},
            PaginationConfig={"PageSize": KEYS_MAX},
        )
        for page in pages:
            for item in listed(self._client, self._table, page, self._clock):
                yield {"pk": item["pk"], "sk": item["sk"]}, ApiKey.model_validate(plain_values(item))


def _booked(keys: Sequence[ApiKey]) -> BookedKey:
    return BookedKey(key=keys[-1], former=keys[-2] if len(keys) > 1 else None)


def _unchanged(version: int) -> dict[str, Any]:
    """The condition that an item is still the version that was read; one without a version is 0."""
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(version)"}
    return {
        "ConditionExpression": "version = :version",
        "ExpressionAttributeValues": {":version": {"N": str(version)}},
    }


def _met_another(what: str) -> ConflictError:
    return ConflictError(f"The {what} was changed by somebody else at this moment; look at it and ask again.")
