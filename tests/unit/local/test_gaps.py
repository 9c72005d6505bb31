"""What makes up for the emulator's gaps, on the template as AWS's translator gives it."""

import json
from typing import Any

from local.gaps import GAPS, nothing

LAMBDA_URI = {"Fn::Sub": "arn:aws:apigateway:x:lambda:path/2015-03-31/functions/${Painter.Arn}/invocations"}
OPERATION = {
    "x-amazon-apigateway-integration": {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": LAMBDA_URI,
        "payloadFormatVersion": "2.0",
    }
}


def corrected(resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    """The template with these resources after every correction."""
    template = {"Resources": json.loads(json.dumps(resources)), "Outputs": outputs or {}}
    for gap in GAPS:
        gap.correct(template)
    return template


def test_every_gap_has_its_reason_and_an_effect() -> None:
    assert all(gap.reason.endswith(".") for gap in GAPS)
    assert len({gap.reason for gap in GAPS}) == len(GAPS)
    assert all((gap.correct is nothing) != (gap.mend is nothing) for gap in GAPS)


def test_routes_of_an_openapi_body_become_routes_and_integrations() -> None:
    paths = {
        "/v1/things/{id}": {"get": OPERATION, "post": OPERATION},
        "$default": {"x-amazon-apigateway-any-method": OPERATION},
    }
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": {"paths": paths}}}
    resources = corrected({"Api": api})["Resources"]
    routes = [one for one in resources.values() if one["Type"] == "AWS::ApiGatewayV2::Route"]
    assert {route["Properties"]["RouteKey"] for route in routes} == {
        "GET /v1/things/{id}",
        "POST /v1/things/{id}",
        "$default",
    }
    for route in routes:
        name = route["Properties"]["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("}")
        assert resources[name]["Properties"] == {
            "ApiId": {"Ref": "Api"},
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": LAMBDA_URI,
            "PayloadFormatVersion": "2.0",
        }
    assert resources["Api"]["Properties"] == {"Name": "Api", "ProtocolType": "HTTP"}


def test_a_reference_to_a_secret_becomes_its_arn_everywhere() -> None:
    resources = {
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {}},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"Deep": [{"Ref": "Secret"}, {"Ref": "Table"}]}},
    }
    template = corrected(resources, {"SecretArn": {"Value": {"Ref": "Secret"}}})
    arn = {"Fn::GetAtt": ["Secret", "Arn"]}
    assert template["Resources"]["Role"]["Properties"]["Deep"] == [arn, {"Ref": "Table"}]
    assert template["Outputs"]["SecretArn"]["Value"] == arn


def test_only_the_statement_that_demands_tls_is_dropped() -> None:
    tls = {"Effect": "Deny", "Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": False}}}
    other = {"Effect": "Deny", "Action": "s3:DeleteBucket"}
    resources = {
        name: {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {"Statement": statements}}}
        for name, statements in {"Both": [tls, other], "TlsOnly": [tls]}.items()
    }
    left = corrected(resources)["Resources"]
    assert left.keys() == {"Both"}
    assert left["Both"]["Properties"]["PolicyDocument"]["Statement"] == [other]


def test_replaced_layer_versions_are_not_retained() -> None:
    layer = {"Type": "AWS::Lambda::LayerVersion", "DeletionPolicy": "Retain", "Properties": {}}
    assert corrected({"Layer": layer})["Resources"]["Layer"]["DeletionPolicy"] == "Delete"


def test_saved_queries_and_alarms_on_metric_math_are_left_out_and_plain_alarms_stay() -> None:
    resources = {
        "Query": {"Type": "AWS::Logs::QueryDefinition", "Properties": {}},
        "Math": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Id": "a"}]}},
        "Plain": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "QueueAge"}},
    }
    assert set(corrected(resources)["Resources"]) == {"Plain"}
