"""What the functions' roles are granted on a running stack, and which calls were made under them.

A unit of a policy is one action on one resource, and one value of its condition where it has such. A unit is
needed where some call that was made would be denied without it: by the emulator's own evaluator.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from local.stack import STACK, LocalStack

Statement = dict[str, Any]
Document = dict[str, Any]
CONDITION = "ForAllValues:StringLike"
LEADING_KEYS = "dynamodb:LeadingKeys"

# They may not list the bucket, are told 403 of an object that is not there, and take it as that.
UNTOLD = {f"{name}FunctionRole" for name in ("Api", "Mcp", "Intake", "Create")}


class Call(NamedTuple):
    """A call of a role, as the emulator checked it."""

    role: str
    principal: str
    action: str
    resource: str
    context: Mapping[str, Any]
    allowed: bool

    def allowed_by(self, documents: Iterable[Document]) -> bool:
        """Whether policies allow it."""
        asked = EvalContext(
            principal_arn=self.principal, principal_type="AssumedRole", principal_account="",
            action=self.action, resource_arn=self.resource, region="", service_context=dict(self.context),
        )  # fmt: skip
        return bool(evaluate(asked, [parse_policy_document(one) for one in documents]).decision == "Allow")


@dataclass(frozen=True)
class Unit:
    """One action of a statement on one of its resources, or with one value of its condition less."""

    role: str
    policy: str
    place: int  # of the statement in its policy
    sid: str
    action: str
    resource: str
    key: str = ""

    def __str__(self) -> str:
        where = self.resource.rpartition(":")[2]
        return " ".join(filter(None, (self.role, self.sid, self.action, where, self.key)))

    def without(self, document: Document) -> Document:
        """The policy that lacks it alone. A statement is written anew as one for each of its actions and
        resources, for taking an action out of it would take it from all resources."""
        statements: list[Statement] = []
        for place, statement in enumerate(document["Statement"]):
            if place != self.place:
                statements.append(statement)
                continue
            for action, resource in pairs(statement):
                one = {**statement, "Action": action, "Resource": resource}
                if (action, resource) != (self.action, self.resource):
                    statements.append(one)
                elif self.key:
                    others = [key for key in keys_of(statement) if key != self.key]
                    statements.append({**one, "Condition": {CONDITION: {LEADING_KEYS: others}}})
        return {**document, "Statement": statements}


@dataclass(frozen=True)
class Policies:
    """The policies of the functions' roles, by the template's names of the roles."""

    names: Mapping[str, str]  # of the roles, by those of the template
    documents: Mapping[str, Mapping[str, Document]]  # by role and policy

    @cached_property
    def units(self) -> Sequence[Unit]:
        """All that is granted."""
        return [unit for role in self.documents for unit in self._units(role)]

    def _units(self, role: str) -> Iterator[Unit]:
        for policy, document in self.documents[role].items():
            for place, statement in enumerate(document["Statement"]):
                for action, resource in pairs(statement):
                    unit = Unit(role, policy, place, statement.get("Sid", policy), action, resource)
                    keys = keys_of(statement)
                    # The one value of a condition is needed where the statement is.
                    yield from (
                        [Unit(**{**vars(unit), "key": key}) for key in keys] if len(keys) > 1 else [unit]
                    )

    def without(self, unit: Unit) -> Sequence[Document]:
        """The role's policies that lack a unit."""
        known = self.documents[unit.role]
        return [unit.without(one) if name == unit.policy else one for name, one in known.items()]

    def needed_by(self, unit: Unit, calls: Iterable[Call]) -> Call | None:
        """A call that would be denied without a unit."""
        documents = self.without(unit)
        mine = (one for one in calls if one.role == unit.role and one.action == unit.action and one.allowed)
        return next((one for one in mine if not one.allowed_by(documents)), None)


class CallList:
    """The list of calls that a running stack writes."""

    def __init__(self, stack: LocalStack, policies: Policies) -> None:
        self._file: Path = stack.settings.data / "calls"
        self._roles = {name: role for role, name in policies.names.items()}

    def end(self) -> int:
        """Where the list ends now."""
        return self._file.stat().st_size

    def forget(self, start: int) -> None:
        """Let the list end at a place. The emulator writes at its end, wherever that is."""
        os.truncate(self._file, start)

    def since(self, start: int = 0) -> list[Call]:
        """The calls of the functions' roles from a place in the list on."""
        with self._file.open("rb") as file:
            file.seek(start)
            lines = [json.loads(line) for line in file if line.endswith(b"\n")]
        calls = []
        for line in lines:
            name = line["principal"].split("/")[1]
            if name in self._roles:
                calls.append(Call(self._roles[name], **line))
        return calls


def unforeseen(calls: Iterable[Call]) -> list[Call]:
    """The calls that were denied and should not have been made."""
    denied = [one for one in calls if not one.allowed]
    return [one for one in denied if one.action != "s3:ListBucket" or one.role not in UNTOLD]


def pairs(statement: Statement) -> list[tuple[str, str]]:
    """Each action on each resource."""
    actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
    return [(action, resource) for action in actions for resource in resources]


def keys_of(statement: Statement) -> list[str]:
    """The values of a statement's condition on leading keys."""
    return as_list(statement.get("Condition", {}).get(CONDITION, {}).get(LEADING_KEYS, []))


def as_list(value: Any) -> list[str]:
    """One, or several."""
    return [value] if isinstance(value, str) else list(value)


def policies_of(stack: LocalStack) -> Policies:
    """The policies of the functions' roles as they are deployed."""
    iam, cloudformation = stack.aws.client("iam"), stack.aws.client("cloudformation")
    found = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    names = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in found
        if one["ResourceType"] == "AWS::IAM::Role" and one["LogicalResourceId"].endswith("FunctionRole")
    }
    documents = {
        role: {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        for role, name in names.items()
    }
    return Policies(names, documents)
