"""A request as it is posted, which only the HTTP API reads."""

from pydantic import Field, StrictBool

from easel.domain.request import GenerationRequest


class Submission(GenerationRequest):
    """A request as it is posted, which may only ask what would be done with it."""

    dry_run: StrictBool = Field(
        default=False, description="only say which routes, parameters, price and time it would take"
    )
