"""Writes of several items, all or nothing."""

import random
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import error_code
from easel.errors import ConflictError, EaselError
from easel.ports import Clock

# Transactions that meet at an item cancel each other, and botocore repeats none of them
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html).
TRIES_MAX = 10
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.02, 0.8
CONFLICTS = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")


class ConditionsNotMetError(EaselError):
    """The transaction was refused; `unmet` are the places of those of its writes whose conditions failed."""

    def __init__(self, unmet: Sequence[int]) -> None:
        super().__init__("a condition of a transaction does not hold")
        self.unmet = tuple(unmet)


def write_all(client: Any, writes: Sequence[dict[str, Any]], clock: Clock) -> None:
    """The writes in one transaction, repeated for a while where others are at the same items.

    Raises ConditionsNotMetError, and ConflictError where others did not leave off.
    """
    pause = PAUSE_SECONDS
    for _ in range(TRIES_MAX):
        try:
            client.transact_write_items(TransactItems=list(writes))
            return
        except ClientError as error:
            reasons = _reasons(error)
            unmet = [place for place, code in enumerate(reasons) if code == "ConditionalCheckFailed"]
            # A write before it that met others may have failed, too, and its reason would come first.
            if unmet and not any(code in CONFLICTS for code in reasons[: unmet[0]]):
                raise ConditionsNotMetError(unmet) from error
            if not unmet and not _met_others(error):
                raise
        clock.sleep(random.uniform(pause / 2, pause))
        pause = min(pause * 2, PAUSE_SECONDS_MAX)
    raise ConflictError("The same is being written by many at once; try again.")


def _reasons(error: ClientError) -> list[str]:
    return [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]


def _met_others(error: ClientError) -> bool:
    if error_code(error) == "TransactionInProgressException":
        return True
    return any(code in CONFLICTS for code in _reasons(error))
