"""Where the emulator differs from AWS: one table, each row with its reason and what makes up for it.

A row changes the translated template (plain CloudFormation) before it is created, or mends what was created.
Another endpoint without these gaps is deployed to with an empty table.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.aws_endpoint import AwsEndpoint

Template = dict[str, Any]


def nothing(*_: object) -> None:
    """The half of a gap that is not needed."""


@dataclass(frozen=True)
class Gap:
    """One difference: what the emulator does, and what makes up for it.

    `correct` changes the template in place before it is created; `mend` is given the endpoint, the stack's
    name and the template afterwards.
    """

    reason: str
    correct: Callable[[Template], None] = nothing
    mend: Callable[[AwsEndpoint, str, Template], None] = nothing


def _resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {name: entry for name, entry in template["Resources"].items() if entry["Type"] == kind}


def _routes_from_openapi(template: Template) -> None:
    for api, entry in _resources(template, "AWS::ApiGatewayV2::Api").items():
        properties = entry["Properties"]
        body = properties.pop("Body", None)
        if body is None:
            continue
        properties.update(Name=api, ProtocolType="HTTP")
        for path, operations in body["paths"].items():
            for method, operation in operations.items():
                template["Resources"].update(_route(api, path, method, operation))


def _route(api: str, path: str, method: str, operation: Mapping[str, Any]) -> Template:
    integration = operation["x-amazon-apigateway-integration"]
    verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
    name = api + "".join(character for character in f"{verb}{path}" if character.isalnum())
    return {
        f"{name}Integration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationType": integration["type"].upper(),
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            },
        },
        f"{name}Route": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": {"Ref": api},
                "RouteKey": "$default" if path == "$default" else f"{verb} {path}",
                "Target": {"Fn::Sub": f"integrations/${{{name}Integration}}"},
            },
        },
    }


def _secret_arns(template: Template) -> None:
    secrets = _resources(template, "AWS::SecretsManager::Secret").keys()

    def corrected(value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and value.get("Ref") in secrets:
                return {"Fn::GetAtt": [value["Ref"], "Arn"]}
            return {key: corrected(inner) for key, inner in value.items()}
        return [corrected(inner) for inner in value] if isinstance(value, list) else value

    for section in ("Resources", "Outputs"):
        template[section] = corrected(template.get(section, {}))


def _plain_http(template: Template) -> None:
    for name, entry in _resources(template, "AWS::S3::BucketPolicy").items():
        document = entry["Properties"]["PolicyDocument"]
        document["Statement"] = [one for one in document["Statement"] if not _demands_tls(one)]
        if not document["Statement"]:
            del template["Resources"][name]


def _demands_tls(statement: Mapping[str, Any]) -> bool:
    return statement["Effect"] == "Deny" and "aws:SecureTransport" in json.dumps(
        statement.get("Condition", {})
    )


def _no_retained_layers(template: Template) -> None:
    for entry in _resources(template, "AWS::Lambda::LayerVersion").values():
        entry["DeletionPolicy"] = "Delete"


def _no_saved_queries(template: Template) -> None:
    for name in _resources(template, "AWS::Logs::QueryDefinition"):
        del template["Resources"][name]


def _no_metric_math(template: Template) -> None:
    for name, entry in _resources(template, "AWS::CloudWatch::Alarm").items():
        if "Metrics" in entry["Properties"]:
            del template["Resources"][name]


def _no_gradual_deployment(template: Template) -> None:
    for kind in ("Application", "DeploymentGroup"):
        for name in _resources(template, f"AWS::CodeDeploy::{kind}"):
            del template["Resources"][name]
    for entry in _resources(template, "AWS::Lambda::Alias").values():
        entry.pop("UpdatePolicy", None)


def _table_expiry(endpoint: AwsEndpoint, stack: str, template: Template) -> None:
    cloudformation, dynamodb = endpoint.client("cloudformation"), endpoint.client("dynamodb")
    for name, entry in _resources(template, "AWS::DynamoDB::Table").items():
        wanted = entry["Properties"].get("TimeToLiveSpecification")
        if wanted is None:
            continue
        detail = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=name)
        table = detail["StackResourceDetail"]["PhysicalResourceId"]
        state = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
        if state == "DISABLED":
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


GAPS = (
    Gap("The routes of an HTTP API are ignored when given as an OpenAPI body.", _routes_from_openapi),
    Gap("Ref of a secret is its name; on AWS it is its ARN.", _secret_arns),
    Gap("It speaks plain http, which a bucket policy that demands TLS would refuse.", _plain_http),
    Gap("It holds every retained layer version, of 20 MB each, in its memory.", _no_retained_layers),
    Gap("It has no saved log queries.", _no_saved_queries),
    Gap("It has alarms on one metric only, not on metric math or queries.", _no_metric_math),
    Gap("It has no CodeDeploy: an alias goes over to a new version at once.", _no_gradual_deployment),
    Gap("A table's time to live is not switched on.", mend=_table_expiry),
)
