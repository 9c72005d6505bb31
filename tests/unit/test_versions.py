"""Functions behind an alias: what is deployed is what runs, and no version is kept that nobody calls."""

import re
from typing import Any

import pytest

from tests.template import RESOURCES, TEMPLATE

ALIASED = sorted(name for name, one in RESOURCES.items() if "AutoPublishAlias" in one.get("Properties", {}))
DESCRIPTION_CHARACTERS_MAX = 256  # of a version
# Long, and read by steps alone (test_wiring.py): a version that has older values does nothing else.
OF_STEPS = {"VendorBaseUrls", "ExtraResultHosts"}


def test_functions_that_somebody_waits_for_are_behind_an_alias_and_can_wake_from_a_snapshot() -> None:
    waited_for = {
        name
        for name, one in RESOURCES.items()
        for event in one.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi" and name != "ConsoleFunction"  # has nothing to start
    }
    assert set(ALIASED) == waited_for
    snapped = {name for name, one in RESOURCES.items() if "SnapStart" in one.get("Properties", {})}
    assert snapped == waited_for


@pytest.mark.parametrize("function", ALIASED)
def test_nothing_stands_against_a_snapshot(function: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-runtimes, read 2026-11."""
    properties = TEMPLATE["Globals"]["Function"] | RESOURCES[function]["Properties"]
    assert properties["Runtime"] >= "python3.12"
    assert not {"ProvisionedConcurrencyConfig", "FileSystemConfigs", "EphemeralStorage"} & set(properties)
    assert properties["SnapStart"] == {"ApplyOn": {"Ref": "SnapStart"}}
    assert TEMPLATE["Parameters"]["SnapStart"]["AllowedValues"] == ["None", "PublishedVersions"]


@pytest.mark.parametrize("function", ALIASED)
def test_every_change_of_a_function_is_a_version(function: str) -> None:
    properties = RESOURCES[function]["Properties"]
    assert properties["AutoPublishAliasAllProperties"] is True
    layers = [*TEMPLATE["Globals"]["Function"]["Layers"], *properties.get("Layers", [])]
    assert all(RESOURCES[layer["Ref"]]["Properties"]["PublishLambdaVersion"] is True for layer in layers)


@pytest.mark.parametrize("function", ALIASED)
def test_version_is_told_each_parameter_that_its_function_depends_on_and_no_other(function: str) -> None:
    """Another would have CloudFormation publish where nothing changed, which Lambda does not do."""
    properties = RESOURCES[function]["Properties"]
    told = re.findall(r"\$\{(\w+)\}", properties["VersionDescription"]["Sub"])
    variables = [
        TEMPLATE["Globals"]["Function"]["Environment"]["Variables"],
        properties["Environment"]["Variables"],
    ]
    network = TEMPLATE["Globals"]["Function"]["VpcConfig"]
    assert set(told) == (parameters_in([variables, properties["SnapStart"], network]) - OF_STEPS)
    longest = [max(map(len, allowed_values(name))) for name in told]
    assert sum(longest) + len(told) <= DESCRIPTION_CHARACTERS_MAX


@pytest.mark.parametrize("function", ALIASED)
def test_old_version_goes_with_its_snapshot(function: str) -> None:
    resource = RESOURCES[function]  # SAM hands these on to the version, which it would keep otherwise
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Delete", "Delete")


def parameters_in(value: Any) -> set[str]:
    """The template's parameters to which a value refers."""
    if isinstance(value, dict):
        named = [value["Ref"]] if "Ref" in value else re.findall(r"\$\{(\w+)\}", str(value.get("Sub", "")))
        return {name for name in named if name in TEMPLATE["Parameters"]}.union(
            *map(parameters_in, value.values())
        )
    return set().union(*map(parameters_in, value)) if isinstance(value, list) else set()


def allowed_values(parameter: str) -> list[str]:
    """Values that are as long as any."""
    declared = TEMPLATE["Parameters"][parameter]
    if "AllowedValues" in declared:
        return list(declared["AllowedValues"])
    if "MaxLength" in declared:
        return ["x" * declared["MaxLength"]]
    if "MaxValue" in declared:
        return [str(declared["MaxValue"])]
    (characters,) = re.findall(r"\{[01],(\d+)\}$", declared["AllowedPattern"])
    return ["x" * (int(characters) + 1)]
