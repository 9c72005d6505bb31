"""Each role is granted what it uses, nothing less and nothing more.

What the emulator does not check is read: what lets services call functions and queues, and here and in
tests/unit/test_workflow_definition.py the state machines' own roles.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.stack import STACK, LocalStack
from tests.integration.mutate_policies import notice
from tests.integration.policy_calls import Call, CallList, Policies, as_list, policies_of, unforeseen
from tests.integration.policy_scenario import Scenes
from tests.integration.test_webhooks import Receiver

pytestmark = pytest.mark.stack

AWS_OWN = "arn:aws:iam::aws:policy/"
# SAM adds these to the roles that it makes. X-Ray knows no resources for what the first one allows
# (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html); the second one is
# for logs, of any group; the third one, for functions that may be in a VPC, is denied to their own code.
TRACES, LOGS = f"{AWS_OWN}AWSXrayWriteOnlyAccess", f"{AWS_OWN}service-role/AWSLambdaBasicExecutionRole"
NETWORK = f"{AWS_OWN}service-role/AWSLambdaVPCAccessExecutionRole"
SHIFTING = f"{AWS_OWN}service-role/AWSCodeDeployRoleForLambda"  # moves aliases, and reads alarms
OF_THE_API = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/${__Stage__}"
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def policies(stack: LocalStack) -> Policies:
    """What the functions are granted."""
    return policies_of(stack)


@pytest.fixture(scope="module")
def scenes(stack: LocalStack) -> Iterator[Scenes]:
    """All of them were played."""
    receiver = Receiver()
    played = Scenes(stack, receiver)
    played.play()
    yield played
    receiver.stop()


@pytest.fixture(scope="module")
def calls(stack: LocalStack, policies: Policies, scenes: Scenes) -> list[Call]:
    """What was called so far, and by the scenes."""
    return CallList(stack, policies).since()


@pytest.fixture(scope="module")
def resources(stack: LocalStack) -> dict[str, Resource]:
    """The template as SAM translated it."""
    template = stack.aws.client("cloudformation").get_template(StackName=STACK)["TemplateBody"]
    found: dict[str, Resource] = (json.loads(template) if isinstance(template, str) else template)[
        "Resources"
    ]
    return found


def of_type(resources: dict[str, Resource], kind: str) -> dict[str, Resource]:
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}


def test_every_call_was_allowed(calls: list[Call]) -> None:
    assert unforeseen(calls) == []


def test_everything_that_is_granted_is_needed_by_a_call(policies: Policies, calls: list[Call]) -> None:
    assert len(policies.units) > 200
    assert [str(unit) for unit in policies.units if not policies.needed_by(unit, calls)] == []


@pytest.mark.parametrize(
    ("action", "resource", "condition"),
    [
        ("s3:DeleteObject", "arn:aws:s3:::*", {}),
        ("s3:GetObject", "arn:aws:s3:::another/*", {}),
        (
            "dynamodb:GetItem",
            "*",
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["gen#*", "other#*"]}},
        ),
    ],
)
def test_what_is_granted_too_much_is_found(
    action: str, resource: str, condition: dict[str, Any], policies: Policies, calls: list[Call]
) -> None:
    more = {"Sid": "More", "Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}
    for role, documents in policies.documents.items():
        changed = {**policies.documents, role: {**documents, "more": {"Statement": [more]}}}
        wider = replace(policies, documents=changed)
        units = [unit for unit in wider.units if unit.sid == "More"]
        assert [unit for unit in units if not wider.needed_by(unit, calls)], role


@pytest.mark.parametrize(
    ("role", "action", "scene"),
    [
        ("ApiFunctionRole", "events:PutEvents", "cancel"),
        ("DeliverFunctionRole", "secretsmanager:GetSecretValue", "cancel"),
    ],
)
def test_what_is_taken_away_is_missed(
    role: str, action: str, scene: str, policies: Policies, stack: LocalStack, scenes: Scenes
) -> None:
    (unit,) = [one for one in policies.units if (one.role, one.action) == (role, action)]
    assert notice(stack, policies, unit, scenes, [scene])


def test_no_role_has_managed_policies_but_those_without_an_alternative(
    resources: dict[str, Resource],
) -> None:
    roles = of_type(resources, "AWS::IAM::Role")
    functions = {name for name in roles if name.endswith("FunctionRole")}
    assert (len(roles), len(functions)) == (18, 14)
    for name, role in roles.items():
        known = {TRACES, LOGS, NETWORK} if name in functions else {TRACES}
        if name == "CodeDeployServiceRole":
            known = {SHIFTING}
        assert set(map(text_of, role["ManagedPolicyArns"])) == known, name


def text_of(arn: str | dict[str, str]) -> str:
    """An ARN, in the usual partition."""
    return arn if isinstance(arn, str) else arn["Fn::Sub"].replace("${AWS::Partition}", "aws")


def test_functions_own_code_may_not_use_what_their_networks_need(resources: dict[str, Resource]) -> None:
    ((_, policy),) = of_type(resources, "AWS::IAM::ManagedPolicy").items()
    denied, key = policy["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Action"], denied["Resource"]) == ("Deny", "ec2:*", "*")
    assert denied["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
    condition, allowed, nothing = key["Fn::If"]
    assert (condition, nothing) == ("HasCustomerKey", {"Ref": "AWS::NoValue"})
    assert allowed["Resource"] == {"Ref": "CustomerKeyArn"}
    functions = {name for name in of_type(resources, "AWS::IAM::Role") if name.endswith("FunctionRole")}
    assert {role["Ref"] for role in policy["Roles"]} == {*functions, "BatchStateMachineRole"}


def test_no_statement_allows_everything_or_everywhere(resources: dict[str, Resource]) -> None:
    documents = [
        policy["PolicyDocument"]
        for role in of_type(resources, "AWS::IAM::Role").values()
        for policy in role.get("Policies", ())
    ]
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        documents += [one["PolicyDocument"] for one in of_type(resources, kind).values()]
    statements = [one for document in documents for one in document["Statement"] if one["Effect"] == "Allow"]
    assert len(statements) > 80
    for one in statements:
        assert not [action for action in as_list(one["Action"]) if "*" in action], one
        assert "*" not in (one["Resource"], one.get("Principal")), one
        assert "*" not in one["Resource"], one


def test_each_rule_may_call_its_function_and_nobody_else_may(resources: dict[str, Resource]) -> None:
    rules = {
        (name, json.dumps(target["Arn"]))
        for name, rule in of_type(resources, "AWS::Events::Rule").items()
        for target in rule["Targets"]
    }
    permissions = of_type(resources, "AWS::Lambda::Permission").values()
    allowed = {
        (one["SourceArn"]["Fn::GetAtt"][0], json.dumps({"Fn::GetAtt": [one["FunctionName"]["Ref"], "Arn"]}))
        for one in permissions
        if one["Principal"] == "events.amazonaws.com"
    }
    assert len(rules) == 4
    assert allowed == rules
    assert {one["Principal"] for one in permissions} == {"events.amazonaws.com", "apigateway.amazonaws.com"}


def test_each_route_may_call_its_function_and_no_other_route_may(resources: dict[str, Resource]) -> None:
    integrations = of_type(resources, "AWS::ApiGatewayV2::Integration")
    routes = set()
    for route in of_type(resources, "AWS::ApiGatewayV2::Route").values():
        integration = integrations[
            route["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("}")
        ]
        (function,) = re.findall(r"functions/\$\{(\w+)(?:\.Arn)?\}", integration["IntegrationUri"]["Fn::Sub"])
        routes.add((function, place_of(route["RouteKey"])))
    allowed = set()
    for one in of_type(resources, "AWS::Lambda::Permission").values():
        if one["Principal"] == "apigateway.amazonaws.com":
            arn, names = one["SourceArn"]["Fn::Sub"]
            assert names == {"__ApiId__": {"Ref": "HttpApi"}, "__Stage__": "*"}
            allowed.add((one["FunctionName"]["Ref"], arn.removeprefix(OF_THE_API)))
    assert len(routes) > 30
    assert allowed == routes


def place_of(key: str) -> str:
    """How a route is named where a function says which of them may call it."""
    method, _, path = key.partition(" ")
    return re.sub(r"\{\w+\}", "*", f"/{method.replace('ANY', '*')}{path}") if path else "/*"


def test_events_that_cannot_be_delivered_may_be_put_into_the_dead_letters(
    resources: dict[str, Resource],
) -> None:
    (policy,) = of_type(resources, "AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert statement == {
        "Sid": "EventsThatCouldNotBeDelivered", "Effect": "Allow", "Action": "sqs:SendMessage",
        "Principal": {"Service": "events.amazonaws.com"}, "Resource": queue,
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }  # fmt: skip
    letters = [
        target["DeadLetterConfig"]["Arn"]
        for rule in of_type(resources, "AWS::Events::Rule").values()
        for target in rule["Targets"]
        if "DeadLetterConfig" in target
    ]
    assert letters == [queue, queue]
