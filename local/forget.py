"""`make forget TENANT=name`: deletes what is a tenant's, by AWS rights, on the local stack or one on AWS.

Without SURE=1 it counts, and deletes nothing. What is at work is left alone, and told: run it again when that
has ended. It may be stopped and run again at any time: keys go first, and objects before the records by which
they are found.

Out of its reach are: the table's backups (35 days) and what they were restored to, Step Functions' history
(90 days, with requests), refused requests in the queue of dead letters (14 days), logs (of ids; lines on keys
have the tenant's name), idempotency keys (hashes, which expire within days), rows of this tenant in files of
another one's batch, and vendors.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from easel.aws.keys import secrets_row
from easel.aws.ledger import usage_keys
from easel.aws.many import KEYS_MAX, listed
from easel.aws.tenants import tenant_row
from easel.domain.ids import tenant_mark
from easel.domain.tenancy import checked_tenant
from easel.errors import TableBusyError
from easel.runtime import SystemClock
from local.account import Deployed, deployed, exit_status
from local.failure import StackError
from local.owners import Owners, id_of, is_manifest

WRITES_MAX = 25  # of one BatchWriteItem
# Where the table is busy it puts some off (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html).
IN_VAIN_MAX, PAUSE_SECONDS = 30, 1.0
VERSIONS_MAX = 1_000  # of one page, and of one DeleteObjects
OWNED = ("images/", "inputs/", "incoming/", "batches/")  # in the image bucket, by the ids of records
DROPPED = ("requests/", "edits/")  # in the inbox, by the metadata of each file
STILL_AT_WORK = 2  # the exit status
Row = dict[str, Any]


class Version(NamedTuple):
    """Of an object; one that is no object says that it was deleted."""

    key: str
    id: str
    is_object: bool


class Forgetting:
    """One tenant's going. `sure`: it is deleted; else only counted."""

    def __init__(self, stack: Deployed, tenant: str, *, sure: bool) -> None:
        """Look at nothing yet."""
        self.found: Counter[str] = Counter()
        self.at_work: set[str] = set()
        self._dynamodb, self._s3 = stack.client("dynamodb"), stack.client("s3")
        self._table = stack.outputs["TableName"]
        self._images, self._inbox = stack.outputs["ImageBucketName"], stack.outputs["InboxBucketName"]
        self._owners = Owners(self._dynamodb, self._s3, self._table, self._images)
        self._tenant, self._mark, self._sure = tenant, tenant_mark(tenant), sure
        self._default = stack.parameters.get("DefaultTenant")

    def run(self) -> None:
        """All of it, in an order that a crash does no harm to."""
        key_ids = self._keys()
        lists = (f"tenant#{self._tenant}", f"batches#{self._tenant}")
        known = self._known(lists)
        for prefix in OWNED:
            self._owned(prefix)
        self._objects("uploads", self._images, f"uploads/{self._tenant}/")
        self._objects("inbox files", self._inbox, f"tenants/{self._tenant}/")
        for prefix in DROPPED:
            self._dropped(prefix)
        for row in self._listed(lists[0]):
            if "open_pk" in row or _name(row) not in known:  # accepted meanwhile: so may its objects be
                self.at_work.add(_name(row))
            elif not {_name(row), _batch(row)} & self.at_work:
                self._rows("deliveries", self._listed(f"deliveries#{_name(row)}"))
                self._rows("generations", [row])
        for row in self._listed(lists[1]):
            if "open_pk" in row or _name(row) not in known:
                self.at_work.add(_name(row))
            elif _name(row) not in self.at_work:
                self._rows("batches' records", self._below(row["pk"]["S"]))
        for key in usage_keys(self._tenant):
            self._rows("days of usage", self._below(key))
        for owner in (f"tenant {self._tenant}", *(f"key {one}" for one in key_ids)):
            self._rows("counters of limits", self._below(f"account#{owner}"))
            self._rows("counters of limits", self._below(f"rate#{owner}"))
        self._rows("tenant's settings", self._below(tenant_row(self._tenant)["pk"]["S"]))

    def _keys(self) -> set[str]:
        """End its keys, so that nothing more is asked for; their ids."""
        secrets = list(self._listed("keys", f"{self._tenant}#"))
        key_ids = {row["list_sk"]["S"].split("#")[1] for row in secrets}
        for one in key_ids:
            self._rows("keys", self._below(secrets_row(one)["pk"]["S"]))
        self._rows("secrets of keys", secrets)  # last: by these the others are found
        return key_ids

    def _known(self, lists: Iterable[str]) -> set[str]:
        """The ids of its records, those that are at work noted."""
        known = set()
        for row in (row for one in lists for row in self._listed(one)):
            known.add(_name(row))
            if "open_pk" in row:
                self.at_work.add(_name(row))
        return known

    def _owned(self, prefix: str) -> None:
        manifests: list[Version] = []  # they go last: without its record a batch is known by its manifest
        for versions in self._versions(self._images, prefix):
            keys: dict[str, str | None] = dict.fromkeys(one.key for one in versions)
            marks = self._owners.of(keys | {one.key: one.id for one in versions if one.is_object})
            ours = [one for one in versions if marks.get(one.key) == self._mark]
            ended = [one for one in ours if not {id_of(one.key), one.key.split("/")[1]} & self.at_work]
            manifests += [one for one in ended if is_manifest(one.key)]
            others = [one for one in ended if not is_manifest(one.key)]
            self._delete(f"objects in {prefix}", self._images, others)
            unknown = sum(one.key not in marks for one in versions)
            self.found[f"objects in {prefix}, left alone: whose they are is not known any more"] += unknown
        self._delete(f"objects in {prefix}", self._images, manifests)

    def _dropped(self, prefix: str) -> None:
        for versions in self._versions(self._inbox, prefix):
            ours = [one for one in versions if self._dropped_for(one) == self._tenant]
            self._delete("inbox files", self._inbox, ours)

    def _dropped_for(self, version: Version) -> str | None:
        if not version.is_object:
            return None
        head = self._s3.head_object(Bucket=self._inbox, Key=version.key, VersionId=version.id)
        named: str | None = head["Metadata"].get("tenant", self._default)
        return named

    def _objects(self, what: str, bucket: str, prefix: str) -> None:
        for versions in self._versions(bucket, prefix):
            self._delete(what, bucket, versions)

    def _versions(self, bucket: str, prefix: str) -> Iterator[Sequence[Version]]:
        """About a thousand at a time, all of a key together; of a bucket without versions, its objects."""
        kept: list[Version] = []
        for page in self._s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": VERSIONS_MAX}
        ):
            kept += (Version(one["Key"], one["VersionId"], False) for one in page.get("DeleteMarkers", ()))
            kept += (Version(one["Key"], one["VersionId"], True) for one in page.get("Versions", ()))
            goes_on = max((one.key for one in kept), default="")  # on the next page, perhaps
            yield [one for one in kept if one.key != goes_on]
            kept = [one for one in kept if one.key == goes_on]
        yield kept

    def _delete(self, what: str, bucket: str, versions: Sequence[Version]) -> None:
        self.found[what] += len(versions)
        wanted = [{"Key": one.key, "VersionId": one.id} for one in versions] if self._sure else []
        for first in range(0, len(wanted), VERSIONS_MAX):
            some = {"Objects": wanted[first : first + VERSIONS_MAX], "Quiet": True}
            answer = self._s3.delete_objects(Bucket=bucket, Delete=some)
            if errors := answer.get("Errors"):
                raise StackError(f"{errors[0]['Key']} cannot be deleted: {errors[0]['Code']}")

    def _listed(self, name: str, first: str = "") -> Iterator[Row]:
        """What lies under the keys that a list of the index has."""
        condition, values = "list_pk = :list", {":list": {"S": name}}
        if first:
            condition += " AND begins_with(list_sk, :first)"
            values[":first"] = {"S": first}
        for page in self._pages(condition, values, IndexName="by_tenant"):
            yield from listed(self._dynamodb, self._table, page, SystemClock())

    def _below(self, pk: str) -> Iterator[Row]:
        for page in self._pages("pk = :pk", {":pk": {"S": pk}}, ProjectionExpression="pk, sk"):
            yield from page["Items"]

    def _pages(self, condition: str, values: Mapping[str, Any], **more: str) -> Iterator[dict[str, Any]]:
        pages: Iterator[dict[str, Any]] = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table, KeyConditionExpression=condition, ExpressionAttributeValues=values,
            PaginationConfig={"PageSize": KEYS_MAX}, **more,
        )  # fmt: skip
        return pages

    def _rows(self, what: str, rows: Iterable[Row]) -> None:
        keys = [{"pk": row["pk"], "sk": row["sk"]} for row in rows]
        self.found[what] += len(keys)
        wanted = [{"DeleteRequest": {"Key": key}} for key in keys] if self._sure else []
        in_vain = 0
        while wanted:
            asked, wanted = wanted[:WRITES_MAX], wanted[WRITES_MAX:]
            answer = self._dynamodb.batch_write_item(RequestItems={self._table: asked})
            put_off = answer.get("UnprocessedItems", {}).get(self._table, [])
            wanted = [*put_off, *wanted]
            in_vain = in_vain + 1 if len(put_off) == len(asked) else 0
            if in_vain > IN_VAIN_MAX:
                raise TableBusyError("The table puts deletions off; run this again later, and it goes on.")
            if put_off:
                time.sleep(PAUSE_SECONDS)


def _name(row: Row) -> str:
    """The id behind the kind, of a primary key."""
    name: str = row["pk"]["S"].partition("#")[2]
    return name


def _batch(row: Row) -> str:
    """Of a generation that is a batch's row; else nothing."""
    name: str = row.get("origin", {}).get("M", {}).get("batch", {}).get("S", "")
    return name


def main(words: Sequence[str] | None = None) -> int:
    """Forget, or count; return the exit status."""
    given = _parser().parse_args(words)
    return exit_status(given.stack, lambda: _forget(given))


def _forget(given: argparse.Namespace) -> int:
    tenant = checked_tenant(given.tenant)
    forgetting = Forgetting(deployed(given.stack), tenant, sure=given.sure)
    forgetting.run()
    return _report(forgetting, tenant, sure=given.sure)


def _report(forgetting: Forgetting, tenant: str, *, sure: bool) -> int:
    for what, count in forgetting.found.items():
        if count:
            print(f"{count:>10}  {what}")
    if forgetting.at_work:
        print(
            f"{len(forgetting.at_work):>10}  still at work, left alone: run this again when they have ended"
        )
    told = "has gone" if sure else "would go, with SURE=1"
    print(f"That is what {told}, of tenant {tenant}.")
    return STILL_AT_WORK if sure and forgetting.at_work else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make forget", description="Delete all that is a tenant's.")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--stack", help="the name of a stack on AWS; without it the local one")
    parser.add_argument("--sure", action="store_true", help="delete; without it things are only counted")
    return parser


if __name__ == "__main__":
    sys.exit(main())
