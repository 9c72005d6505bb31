"""The Settle step: the end of a generation, told to the bus and to its webhook."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.bench.yardsticks.ends import TABLE, table_client, tell
from tests.bench.yardsticks.records import Failure, Generation, Status, StepInput

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Takes and gives {"id"}."""
    given = StepInput.model_validate(event)
    item = table_client.get_item(TableName=TABLE, Key={"pk": {"S": given.id}})["Item"]
    generation = Generation.model_validate_json(item["record"]["S"])
    if given.error:
        generation.failure = Failure(code="internal", message=str(given.error.get("Error")))
        generation.status = Status.FAILED
    generation.ended_at = datetime.now(UTC)
    record = {"pk": {"S": generation.id}, "record": {"S": generation.model_dump_json()}}
    table_client.put_item(TableName=TABLE, Item=record)
    tell(generation)
    logger.info("settled", extra={"generation_id": generation.id})
    return {"id": generation.id}
