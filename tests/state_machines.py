"""The state machines' own files as plain values, with what the template says of each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tests.template import RESOURCES, ROOT

State = dict[str, Any]


@dataclass(frozen=True)
class Scope:
    """States that lead to each other: a machine's own, or those that a map runs for each item."""

    name: str
    start: str
    states: dict[str, State]


@dataclass(frozen=True)
class StateMachine:
    """A machine's file, and its resource."""

    name: str
    text: str
    properties: dict[str, Any]

    @property
    def definition(self) -> dict[str, Any]:
        definition: dict[str, Any] = yaml.safe_load(self.text)
        return definition

    @property
    def scopes(self) -> list[Scope]:
        return list(_scopes(self.name, self.definition))

    @property
    def states(self) -> dict[str, State]:
        """All states, those within maps too; a name occurs once."""
        found = [pair for scope in self.scopes for pair in scope.states.items()]
        states = dict(found)
        assert len(states) == len(found), f"{self.name} names a state twice"
        return states

    @property
    def tasks(self) -> dict[str, State]:
        return {name: state for name, state in self.states.items() if state["Type"] == "Task"}

    def function_of(self, task: State) -> str:
        """The function whose ARN stands in for the task's `${...}`."""
        match = re.fullmatch(r"\$\{([A-Za-z]+)\}", task["Resource"])
        assert match, task["Resource"]
        value: str = self.properties["DefinitionSubstitutions"][match[1]]["GetAtt"]
        return value.removesuffix(".Arn")


def _scopes(name: str, definition: dict[str, Any]) -> Iterator[Scope]:
    yield Scope(name, definition["StartAt"], definition["States"])
    for inner_name, state in definition["States"].items():
        if "ItemProcessor" in state:
            yield from _scopes(f"{name}: {inner_name}", state["ItemProcessor"])


def state_machine(resource: str) -> StateMachine:
    """The machine of a resource of the template."""
    properties = RESOURCES[resource]["Properties"]
    text = (ROOT / properties["DefinitionUri"]).read_text(encoding="utf-8")
    return StateMachine(properties["DefinitionUri"], text, properties)


GENERATE, BATCH = state_machine("GenerateStateMachine"), state_machine("BatchStateMachine")
DELIVER = state_machine("DeliverStateMachine")
