"""The template as it is offered: its parameters, the stages that set them, what outlives the stack."""

import re
import shlex
import tomllib
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType

from easel.catalogue import CATALOGUE
from easel.domain.limits import configured_limits
from tests.template import RESOURCES, ROOT, TEMPLATE

PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE["Parameters"]
FUNCTIONS = {
    name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"
}
STAGES = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
KEPT = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::SQS::Queue"}
# They may be too long for a version's description. The API and MCP read of them only whose links are trusted.
TOO_LONG = {"VendorBaseUrls", "ExtraResultHosts"}

DEFAULTS = {name: rule["Default"] for name, rule in PARAMETERS.items()}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b"
TRUE = {"Equals": ["", ""]}

each_parameter = pytest.mark.parametrize("name", PARAMETERS)


def fits(name: str, value: object) -> bool:
    """Whether the parameter may have this value."""
    rule = PARAMETERS[name]
    if "AllowedValues" in rule:
        return str(value) in [str(one) for one in rule["AllowedValues"]]
    if rule["Type"] == "Number":
        return bool(rule["MinValue"] <= float(str(value)) <= rule.get("MaxValue", float("inf")))
    return bool(re.fullmatch(rule["AllowedPattern"], str(value))) and len(str(value)) <= rule.get(
        "MaxLength", 4096
    )


def overrides(stage: str) -> dict[str, str]:
    """The parameters that a stage is deployed with. SAM's guided deployment keeps them as one string
    (https://github.com/aws/aws-sam-cli/blob/develop/samcli/commands/deploy/guided_config.py, 2026)."""
    kept = STAGES[stage]["deploy"]["parameters"]["parameter_overrides"]
    pairs = shlex.split(kept) if isinstance(kept, str) else kept
    return dict(pair.split("=", 1) for pair in pairs)


def holds(condition: Any, values: dict[str, Any]) -> bool:
    """What a condition of the template comes to with these values of the parameters."""
    if isinstance(condition, str):
        return holds(TEMPLATE["Conditions"][condition], values)
    ((function, operands),) = condition.items()
    if function == "Equals":
        left, right = (values[one["Ref"]] if isinstance(one, dict) else one for one in operands)
        return bool(left == right)
    met = [holds(one, values) for one in operands]
    return {"Not": not met[0], "And": all(met), "Or": any(met)}[function]


def resolved(value: Any, values: dict[str, Any]) -> Any:
    """A part of the template with each `!If` decided, and without what is nothing then."""
    if isinstance(value, dict) and "If" in value:
        condition, met, otherwise = value["If"]
        return resolved(met if holds(condition, values) else otherwise, values)
    if isinstance(value, dict):
        parts = {key: resolved(inner, values) for key, inner in value.items()}
        return {key: inner for key, inner in parts.items() if inner != {"Ref": "AWS::NoValue"}}
    if isinstance(value, list):
        return [one for one in (resolved(inner, values) for inner in value) if one != {"Ref": "AWS::NoValue"}]
    return value


def broken(**values: str) -> list[str]:
    """The rules that a deployment breaks with these values, all others being the defaults."""
    given = DEFAULTS | values
    assert all(fits(name, value) for name, value in values.items())
    return [
        name
        for name, rule in TEMPLATE["Rules"].items()
        if holds(rule["RuleCondition"], given)
        and not all(holds(one["Assert"], given) for one in rule["Assertions"])
    ]


def references(value: Any) -> set[str]:
    """What is referred to, however deep; a version's description may name what is not used."""
    if isinstance(value, list):
        return {name for inner in value for name in references(inner)}
    if not isinstance(value, dict):
        return set()
    found = {
        name for key, inner in value.items() if key != "VersionDescription" for name in references(inner)
    }
    named = re.findall(r"\$\{([A-Za-z]+)\}", value["Sub"]) if isinstance(value.get("Sub"), str) else []
    return found | {*named, *([value["Ref"]] if "Ref" in value else [])}


# ── Parameters ────────────────────────────────────────────────────────────────────────────────────────


@each_parameter
def test_every_parameter_says_what_it_is_for_and_what_it_may_be(name: str) -> None:
    rule = PARAMETERS[name]
    assert rule["Description"].endswith(".")
    if "AllowedValues" not in rule:
        assert "AllowedPattern" in rule or "MinValue" in rule
        assert rule["ConstraintDescription"].startswith("is "), "CloudFormation says: parameter X is ..."
    assert fits(name, rule["Default"])


def test_every_parameter_is_in_one_group_of_the_console() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Stage", "Prod"),
        ("VendorBaseUrls", "https://proxy.example"),
        ("ExtraResultHosts", "a.example, b.example"),
        ("VendorLimits", "none"),
        ("AlarmEmail", "somebody"),
        ("DomainName", "https://images.example.com"),
        ("CustomerKeyArn", "alias/mine"),
        ("SubnetIds", "subnet-0a1b2c3d "),
        ("SecurityGroupIds", "default"),
        ("BatchConcurrency", "0"),
        ("WebhookSchedule", "5,86401"),
        ("WebhookSchedule", ",5"),
    ],
)
def test_value_that_would_fail_later_is_refused_at_once(name: str, value: str) -> None:
    assert not fits(name, value)


def test_parameters_that_belong_together_are_set_together() -> None:
    certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b"
    assert broken() == []
    assert broken(DomainName="images.example.com") == ["DomainHasItsCertificate"]
    assert broken(HostedZoneId="Z1") == ["ZoneHasItsDomain"]
    assert broken(SubnetIds="subnet-0a") == ["NetworkIsWhole"]
    assert broken(SecurityGroupIds="sg-0a") == ["NetworkIsWhole"]
    assert broken(Stage="prod") == ["ProdTellsSomebody"]
    assert not broken(
        Stage="prod",
        AlarmEmail="a@b.example",
        SubnetIds="subnet-0a",
        SecurityGroupIds="sg-0a",
        DomainName="images.example.com",
        CertificateArn=certificate,
        HostedZoneId="Z1",
    )


# ── Options ───────────────────────────────────────────────────────────────────────────────────────────


def made(**values: Any) -> dict[str, Any]:
    """What a deployment with these values comes to: resources, settings of all, the address."""
    given = DEFAULTS | values
    there = {name: one for name, one in RESOURCES.items() if holds(one.get("Condition", TRUE), given)}
    parts = there | {"everywhere": TEMPLATE["Globals"], "address": TEMPLATE["Outputs"]["ApiUrl"]}
    return {name: resolved(one, given) for name, one in parts.items()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CustomerKeyArn", KEY),
        ("SubnetIds", "subnet-0a"),
        ("ApiReservedConcurrency", 20),
        ("DeliverReservedConcurrency", 5),
        ("DomainName", "images.example.com"),
        ("HostedZoneId", "Z1"),
        ("AlarmEmail", "a@b.example"),
    ],
)
def test_option_is_off_until_it_is_chosen(name: str, value: object) -> None:
    assert name not in references([*made().values()])
    assert name in references([*made(**{name: value}).values()])


def test_who_enters_the_domain_elsewhere_is_told_what_it_leads_to() -> None:
    told = TEMPLATE["Outputs"]["DomainTarget"]
    assert told["Value"] == RESOURCES["DomainRecord"]["Properties"]["AliasTarget"]["DNSName"]
    assert not holds(told["Condition"], DEFAULTS)
    assert holds(told["Condition"], DEFAULTS | {"DomainName": "images.example.com"})
    assert "DomainTarget" in PARAMETERS["HostedZoneId"]["Description"]


def test_key_of_the_owners_is_that_of_all_that_is_kept() -> None:
    chosen = made(CustomerKeyArn=KEY)
    kept = [name for name, one in RESOURCES.items() if one["Type"] in KEPT | {"AWS::Logs::LogGroup"}]
    assert len(kept) == 6 + len(FUNCTIONS)
    for name in (*kept, "OfAllFunctions"):
        assert "CustomerKeyArn" in references(chosen[name]), name


# ── Stages ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("environment", "stage"), [("default", "dev"), ("prod", "prod")])
def test_every_stage_sets_parameters_that_there_are_to_values_that_are_allowed(
    environment: str, stage: str
) -> None:
    values = overrides(environment)
    assert values["Stage"] == stage
    assert set(values) <= set(PARAMETERS)
    assert all(fits(name, value) for name, value in values.items())
    assert STAGES[environment]["deploy"]["parameters"]["tags"] == ["project=easel", f"stage={stage}"]
    assert STAGES[environment]["global"]["parameters"]["stack_name"] == f"easel-{stage}"


def test_prod_is_stricter_than_dev_and_not_deployed_without_somebody_to_tell() -> None:
    dev, prod = DEFAULTS | overrides("default"), DEFAULTS | overrides("prod")
    assert dev["DeploymentType"] == "AllAtOnce" != prod["DeploymentType"]
    for name in ("LogRetentionDays", "RestoreDays"):
        assert int(prod[name]) > int(dev[name])
    assert broken(**overrides("default")) == []
    told_nobody = {name: value for name, value in overrides("prod").items() if name != "AlarmEmail"}
    assert broken(**told_nobody) == ["ProdTellsSomebody"]


def test_json_in_the_stages_file_reaches_the_template_whole_as_it_says() -> None:
    text = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
    (example,) = re.findall(r"^# +(\"VendorLimits=.*\"),$", text, re.MULTILINE)
    given = CfnParameterOverridesType().convert(tomllib.loads(f"given = [{example}]")["given"], None, None)
    assert fits("VendorLimits", given["VendorLimits"])
    offered = {name: route.limits for name, route in CATALOGUE.routes.items()}
    limits = configured_limits(given["VendorLimits"], offered)
    assert [name for name in offered if limits[name] != offered[name]] == ["mulerouter/qwen-image-max"]


@pytest.mark.parametrize(
    "file", ["template.yaml", *sorted(f"functions/{one.name}" for one in (ROOT / "functions").glob("*.yaml"))]
)
def test_no_arn_is_of_one_partition_as_others_refuse_it(file: str) -> None:
    assert not re.search("arn:aws[a-z-]*:", (ROOT / file).read_text(encoding="utf-8"))


# ── What stays, and what changes by and by ────────────────────────────────────────────────────────────


def test_what_cannot_be_made_again_outlives_the_stack_and_its_replacement() -> None:
    stateful = {name: one for name, one in RESOURCES.items() if one["Type"] in KEPT}
    assert len(stateful) == 6
    for name, one in stateful.items():
        assert one["DeletionPolicy"] == one["UpdateReplacePolicy"] == "Retain", name
    assert RESOURCES["Table"]["Properties"]["DeletionProtectionEnabled"] is True
    assert RESOURCES["ImageBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_what_lies_for_some_days_only_is_not_kept_longer_as_an_old_version() -> None:
    rules = RESOURCES["ImageBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    passing = [rule for rule in rules if "ExpirationInDays" in rule]
    assert len(passing) == 3
    assert all(rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1} for rule in passing)


@pytest.mark.parametrize("bucket", ["ImageBucket", "InboxBucket"])
def test_upload_that_was_broken_off_is_not_paid_for_for_ever(bucket: str) -> None:
    rules = RESOURCES[bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = [one for one in rules if "AbortIncompleteMultipartUpload" in one]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rule["Status"] == "Enabled"
    assert "Prefix" not in rule, "wherever it would have come to lie"


def test_functions_that_callers_wait_for_change_by_and_by_watched_by_alarms_that_there_are() -> None:
    gradual = {name for name, one in FUNCTIONS.items() if "DeploymentPreference" in one}
    assert (
        gradual
        == {"ApiFunction", "McpFunction"}
        == {n for n, f in FUNCTIONS.items() if "AutoPublishAlias" in f}
    )
    alarms = [
        one["Properties"]["AlarmName"]
        for one in RESOURCES.values()
        if one["Type"] == "AWS::CloudWatch::Alarm"
    ]
    for name in gradual:
        preference = FUNCTIONS[name]["DeploymentPreference"]
        assert preference["Type"] == {"Ref": "DeploymentType"}
        for kind in PARAMETERS["DeploymentType"]["AllowedValues"]:
            watching = resolved(preference["Alarms"], DEFAULTS | {"DeploymentType": kind})
            assert all(alarm in alarms for alarm in watching)
            assert bool(watching) is (kind != "AllAtOnce"), "an alarm that rings already stops a deployment"


@pytest.mark.parametrize("name", ["ApiFunction", "McpFunction"])
def test_change_of_a_parameter_alone_is_a_version_of_its_own(name: str) -> None:
    function, everywhere = FUNCTIONS[name], TEMPLATE["Globals"]["Function"]
    settings = [
        everywhere["Environment"],
        everywhere["VpcConfig"],
        function["Environment"],
        function["SnapStart"],
    ]
    wanted = references(settings) & set(PARAMETERS) - TOO_LONG
    described = references(function["VersionDescription"])
    assert len(wanted) > 5
    assert described == wanted
    longest = {name: PARAMETERS[name].get("MaxLength", 0) for name in described} | {
        "DefaultTenant": 64,
        "Stage": 16,
    }
    assert sum(longest.values()) + 17 + len("WARNING cheapest 3650 off") + len(described) <= 256, (
        "what Lambda takes"
    )


def test_roles_of_all_functions_have_what_all_have() -> None:
    roles = {one["Ref"] for one in RESOURCES["OfAllFunctions"]["Properties"]["Roles"]}
    assert roles == {f"{name}Role" for name in FUNCTIONS} | {"BatchStateMachineRole"}
