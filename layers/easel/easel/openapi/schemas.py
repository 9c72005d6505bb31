"""The models' JSON Schemas, named as components of the description."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

SCHEMAS = "#/components/schemas/"


class _Plain(GenerateJsonSchema):
    """Without a title for each field: it would repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def get_title_from_name(self, name: str) -> str:
        return name


def component_schemas(models: Sequence[type[BaseModel]]) -> Mapping[str, dict[str, Any]]:
    """The schemas of these models and of all that they name, by their names as components."""
    _, whole = models_json_schema(
        [(model, "validation") for model in models],
        ref_template=SCHEMAS + "{model}",
        schema_generator=_Plain,
    )
    found: dict[str, dict[str, Any]] = whole["$defs"]
    return dict(sorted(found.items()))


def refer(model: type[BaseModel]) -> dict[str, str]:
    """A reference to a model's schema."""
    return {"$ref": SCHEMAS + model.__name__}
