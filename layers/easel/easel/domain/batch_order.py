"""What callers send to make a batch, or to go on with one."""

from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from easel.domain.batch import Bounds
from easel.domain.forms import MANIFEST, has_form, told
from easel.domain.request import WHOLE, RequestModel

COUNT_MAX = 999_999_999
ROWS_MAX = 200_000  # in 6 MB more would be too short to be requests, and take more memory than there is
USD = r"[0-9]{1,9}(\.[0-9]{1,6})?"
USD_STEP = Decimal("0.000001")


def _usd(value: Any) -> Any:
    """Dollars as text or as a number, of which what is finer than a millionth is cut."""
    if isinstance(value, str) and has_form(value, USD):
        return Decimal(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX:
        exact = Decimal(str(value))
        return exact if exact == round(exact, 6) else exact.quantize(USD_STEP, ROUND_DOWN)
    raise ValueError('must be dollars such as "12.50"')


def _known_manifest_form(text: str) -> str:
    if not has_form(text, MANIFEST):
        raise ValueError("must be an object's s3:// URL that ends with .json, .jsonl or .csv")
    return text


def _not_too_many(rows: Any) -> Any:
    if isinstance(rows, list) and len(rows) > ROWS_MAX:
        raise ValueError(f"has {len(rows)} rows, at most {ROWS_MAX} are taken")
    return rows


UsdText = Annotated[str, told(USD)]
UsdNumber = Annotated[float, Field(ge=0, le=COUNT_MAX)]
Usd = Annotated[Decimal, BeforeValidator(_usd, json_schema_input_type=UsdText | UsdNumber)]
Manifest = Annotated[str, Field(max_length=1100), AfterValidator(_known_manifest_form), told(MANIFEST)]


class BatchBounds(RequestModel):
    """What a batch may take. Those that are left out stay as they are; null lifts one."""

    max_concurrency: Annotated[StrictInt, Field(ge=1, le=COUNT_MAX), WHOLE] | None = Field(
        default=None, description="rows at a time"
    )
    tolerated_failures: Annotated[StrictInt, Field(ge=0, le=COUNT_MAX), WHOLE] | None = Field(
        default=None, description="rows that may fail before no further row is started"
    )
    max_cost_usd: Usd | None = Field(
        default=None, description="dollars that all rows may cost at most, by the catalogue's estimate"
    )

    @property
    def named(self) -> dict[str, Any]:
        """The bounds that were named, null included."""
        return {name: getattr(self, name) for name in Bounds.model_fields if name in self.model_fields_set}


ROWS: Any = {"type": "array", "minItems": 1}
EITHER: Any = [
    {"properties": {"rows": ROWS, "manifest": {"type": "null"}}, "required": ["rows"]},
    {"properties": {"rows": {"type": "null"}, "manifest": {"type": "string"}}, "required": ["manifest"]},
]


class BatchOrder(BatchBounds):
    """A batch: its rows, or else the manifest that holds them."""

    model_config = ConfigDict(json_schema_extra={"oneOf": EITHER})

    rows: (
        Annotated[tuple[dict[Any, Any], ...], Field(min_length=1), BeforeValidator(_not_too_many)] | None
    ) = Field(
        default=None,
        repr=False,
        description=f"requests, {ROWS_MAX} at most, each with a `custom_id` of your own if you like",
    )
    manifest: Manifest | None = Field(
        default=None, description="a .json, .jsonl or .csv file in the deployment's inbox bucket"
    )
    dry_run: StrictBool = Field(
        default=False, description="only say what is wrong with the rows, and what they may cost"
    )
