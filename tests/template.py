"""`template.yaml` as plain values, for tests that hold the code against it."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


class TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as plain values, `!GetAtt X.Arn` as {"GetAtt": "X.Arn"}."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    raise yaml.YAMLError(f"!{suffix} of a mapping")


TemplateLoader.add_multi_constructor("!", _function)
TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), TemplateLoader)
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
