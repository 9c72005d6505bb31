"""`make restore FROM=table`: puts back into a stack's table what another table has and it lacks.

DynamoDB restores to a moment into a table of another name, and a stack's table keeps its own: this brings
lost records home. Without SURE=1 it counts. What is there stays as it is, so it may be run again.

Left out is what was at work at that moment: the backup does not know what was bought since, and going on from
it might buy it once more. Keys that were revoked since would work again, so keys come only with KEYS=1.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import error_code
from local.account import Deployed, deployed, exit_status
from local.failure import StackError

# By what primary keys begin with; all else is of use for a day at most.
RECORDS = frozenset({"gen", "bat", "msg", "usage", "account", "tenant"})
KEYS = frozenset({"key", "secrets"})
THREADS = 16
Item = dict[str, Any]


class Restoring:
    """One restoration. `sure`: records are written; else only counted."""

    def __init__(self, stack: Deployed, source: str, kinds: frozenset[str], *, sure: bool) -> None:
        """Look at nothing yet."""
        self.found: Counter[str] = Counter()
        self._dynamodb, self._table = stack.client("dynamodb"), stack.outputs["TableName"]
        self._source, self._kinds, self._sure = source, kinds, sure

    def run(self) -> None:
        """All of the other table, a page after the other."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._source, ConsistentRead=True)
        with ThreadPoolExecutor(THREADS) as threads:
            for page in pages:
                self.found.update(threads.map(self._fate, page["Items"]))

    def _fate(self, item: Item) -> str:
        kind = item["pk"]["S"].partition("#")[0].rstrip("01234567")  # usage lies under several
        if kind not in self._kinds:
            return "of other kinds, left out"
        if kind == "account" and item["sk"]["S"] == "now":
            return "account: of what was at work then, left out"
        if "open_pk" in item:
            return f"{kind}: at work then, left out"
        return f"{kind}: put back" if self._put(item) else f"{kind}: there already"

    def _put(self, item: Item) -> bool:
        if not self._sure:
            key = {"pk": item["pk"], "sk": item["sk"]}
            return "Item" not in self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        try:
            self._dynamodb.put_item(
                TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _report(found: Counter[str], *, sure: bool) -> Iterator[str]:
    yield from (f"{count:>10}  {fate}" for fate, count in sorted(found.items()))
    yield "That is what was done." if sure else "That is what would be done, with SURE=1."


def main(words: Sequence[str] | None = None) -> int:
    """Restore, or count; return the exit status."""
    parser = argparse.ArgumentParser(prog="make restore", description="Bring lost records back.")
    parser.add_argument(
        "--from", dest="source", required=True, help="the table that a backup was restored to"
    )
    parser.add_argument("--stack", help="the name of a stack on AWS; without it the local one")
    parser.add_argument("--keys", action="store_true", help="API keys, too, those revoked since included")
    parser.add_argument("--sure", action="store_true", help="write; without it records are only counted")
    given = parser.parse_args(words)
    if not given.source:
        parser.error("FROM= is the table that a backup was restored to.")
    return exit_status(given.stack, lambda: _restore(given))


def _restore(given: argparse.Namespace) -> int:
    kinds = RECORDS | KEYS if given.keys else RECORDS
    restoring = Restoring(deployed(given.stack), given.source, kinds, sure=given.sure)
    try:
        restoring.run()
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            raise StackError(f"there is no table {given.source}, or it is not restored yet.") from error
        raise
    print("\n".join(_report(restoring.found, sure=given.sure)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
