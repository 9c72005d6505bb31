"""What synchronous callers have not been answered with, in DynamoDB.

pk "undelivered#FINGERPRINT"  sk the generation's id  an entry
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from easel.aws.items import attributes, epoch, error_code, plain_values, record_values
from easel.domain.holding import KEPT, Held
from easel.domain.ids import earliest_generation_id


class DynamoUndelivered:
    """The port `Undelivered`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def of(self, fingerprint: str, now: datetime) -> Sequence[Held]:
        """One consistent query of what was made within the hour: what is older may still lie there, since
        DynamoDB removes expired items within days. The newest megabyte of it, some 4,000 entries."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk > :earliest",
            ExpressionAttributeValues={
                ":pk": {"S": f"undelivered#{fingerprint}"},
                ":earliest": {"S": earliest_generation_id(now - KEPT)},
            },
            ConsistentRead=True,
            ScanIndexForward=False,
        )
        return [Held.model_validate(plain_values(item)) for item in answer["Items"]]

    def write(self, fingerprint: str, held: Held, over: Held | None) -> bool:
        """One conditional put.

        read stamp s ──decide──► write stamp t if stored is still s
                                    ▲ whoever else wrote in between has it; we are told so
        """
        item = attributes(record_values(held)) | {
            "pk": {"S": f"undelivered#{fingerprint}"},
            "sk": {"S": held.generation_id},
            "expires_at": {"N": epoch(held.kept_until)},
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if over is not None:
            condition = {
                "ConditionExpression": "stamp = :read",
                "ExpressionAttributeValues": {":read": {"S": over.stamp}},
            }
        try:
            self._client.put_item(TableName=self._table, Item=item, **condition)
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True
