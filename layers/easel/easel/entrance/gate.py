"""Where every call comes in."""

from functools import cache

from easel.aws.clients import client
from easel.aws.keys import DynamoApiKeys, DynamoQuotas
from easel.runtime import SystemClock
from easel.settings import setting
from easel.steps.gate import Gate
from easel.wiring.ending import tenants


def quotas() -> DynamoQuotas:
    """The counts of requests."""
    return DynamoQuotas(client("dynamodb"), setting("EASEL_TABLE"))


@cache  # so that all doors remember the same keys
def gate() -> Gate:
    """Where every call comes in."""
    dynamodb, table = client("dynamodb"), setting("EASEL_TABLE")
    return Gate(DynamoApiKeys(dynamodb, table), tenants(), quotas(), SystemClock())
