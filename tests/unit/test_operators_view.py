"""The operator's view in the template: dashboard, alarms and saved queries hold with what the code tells."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from easel.domain.facts import METRICS, Fact
from easel.domain.generation import TERMINAL
from easel.errors import AnswerLostError
from easel.steps.reconcile import MENDED
from tests.fakes.log_lines import lines
from tests.fakes.pictures import picture
from tests.fakes.scene import Scene, said
from tests.template import RESOURCES, ROOT
from tests.unit.steps.vendor_words import (
    LINK,
    SYNC,
    dashscope_finished,
    mule_completed,
    mule_error,
    mule_submitted,
)

NAMESPACE = "Easel/${Stage}"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SEARCH = re.compile(r"SEARCH\('\{\"([^\"]+)\",(\w+)\} MetricName=\"(\w+)\"', '(\w+)', \d+\)")
SELECT = re.compile(r'SELECT \w+\((\w+)\) FROM SCHEMA\("([^"]+)", (\w+)\)')
# Of what a metric is told apart by; routes are searched for.
VALUES = {"status": {status.value for status in TERMINAL}, "fate": set(MENDED)}
Named = tuple[
    str, str | None, str | None
]  # a metric of ours, by which field, and of which value if one is named


def of(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a kind."""
    return {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == f"AWS::{kind}"}


def text(value: Any) -> str:
    """A text that may be an !Sub."""
    return str(value["Sub"] if isinstance(value, dict) else value)


ALARMS = of("CloudWatch::Alarm")
(DASHBOARD,) = of("CloudWatch::Dashboard").values()
WIDGETS: list[dict[str, Any]] = json.loads(text(DASHBOARD["DashboardBody"]).replace("${!", "${"))["widgets"]
QUERIES = of("Logs::QueryDefinition")
LOGS = {text(one["LogGroupName"]): name for name, one in of("Logs::LogGroup").items()}
FUNCTIONS = of("Serverless::Function")


def rows(widget: dict[str, Any]) -> Iterator[list[Any]]:
    """A widget's metrics, written out: "." repeats the word above, "..." all but the last."""
    above: list[Any] = []
    for row in widget["properties"]["metrics"]:
        words = [word for word in row if isinstance(word, str)]
        if words[:1] == ["..."]:
            words = [*above[: len(above) - len(words) + 1], *words[1:]]
        above = [above[place] if word == "." else word for place, word in enumerate(words)]
        yield above or row


def on_the_dashboard() -> Iterator[Named]:
    """Each metric of ours."""
    for widget in WIDGETS[1:]:
        for row in rows(widget):
            if isinstance(row[0], dict):
                namespace, by, name, _ = SEARCH.fullmatch(row[0]["expression"]).groups()  # type: ignore[union-attr]
                assert namespace == NAMESPACE
                yield name, by, None
            elif row[0] == NAMESPACE:
                yield (row[1], *row[2:]) if len(row) > 2 else (row[1], None, None)


def of_an_alarm(alarm: dict[str, Any]) -> Iterator[Named]:
    """Each metric of ours that it watches."""
    for query in alarm.get("Metrics", [{"MetricStat": {"Metric": alarm}}]):
        if "MetricStat" not in query:
            for name, namespace, by in SELECT.findall(text(query["Expression"])):
                assert namespace == NAMESPACE
                yield name, by, None
        elif text(query["MetricStat"]["Metric"]["Namespace"]) == NAMESPACE:
            assert "Dimensions" not in query["MetricStat"]["Metric"]
            yield query["MetricStat"]["Metric"]["MetricName"], None, None


def test_dashboard_has_every_metric_and_no_other_and_each_as_it_is_counted() -> None:
    shown = set(on_the_dashboard())
    assert {name for name, _, _ in shown} == set(METRICS)
    assert all(METRICS[name].by == by for name, by, _ in shown)
    for name, metric in METRICS.items():
        values = {value for one, _, value in shown if one == name}
        assert values == VALUES.get(metric.by or "", {None}), name


def test_alarms_watch_metrics_as_they_are_counted() -> None:
    watched = {one for alarm in ALARMS.values() for one in of_an_alarm(alarm)}
    assert len(watched) >= 6
    assert all(METRICS[name].by == by for name, by, _ in watched)


def test_code_counts_under_the_namespace_that_dashboard_and_alarms_name() -> None:
    environment = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert f"EASEL_METRICS_NAMESPACE: !Sub {NAMESPACE}\n" in environment


def test_every_alarm_is_on_the_dashboard_tells_the_topic_and_says_what_it_means_and_what_to_do() -> None:
    shown = {arn.rpartition(":")[2] for arn in WIDGETS[0]["properties"]["alarms"]}
    assert shown == {text(alarm["AlarmName"]) for alarm in ALARMS.values()}
    for name, alarm in ALARMS.items():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}], name
        meaning, _, action = alarm["AlarmDescription"].partition(" Do: ")
        assert meaning.endswith("."), name
        assert action.endswith("."), name


def test_every_alarm_has_its_line_in_the_runbook_and_every_line_its_alarm() -> None:
    runbook = README.partition("### Dashboard, alarms and runbook")[2].partition("\n### ")[0]
    told = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \| (.+) \|$", runbook, re.MULTILINE)
    names = [text(alarm["AlarmName"]).removeprefix("easel-${Stage}-") for alarm in ALARMS.values()]
    assert [name for name, *_ in told] == names


def test_every_alarm_says_why_missing_data_means_what_it_means() -> None:
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    reasons = re.findall(r"^ +TreatMissingData: \w+ # \w", template, re.MULTILINE)
    assert len(reasons) == len(ALARMS) >= 10


def test_every_function_is_on_the_dashboard_with_errors_throttles_and_duration() -> None:
    shown = {(row[1], row[3]) for widget in WIDGETS[1:] for row in rows(widget) if row[0] == "AWS/Lambda"}
    metrics = ("Errors", "Throttles", "Duration")
    assert shown == {(metric, f"${{{name}}}") for metric in metrics for name in FUNCTIONS}


def test_every_function_and_every_state_machine_is_traced() -> None:
    tracing = (ROOT / "template.yaml").read_text(encoding="utf-8").partition("\nResources:")[0]
    assert "\n    Tracing: Active\n" in tracing
    machines = of("Serverless::StateMachine")
    assert len(machines) == 3
    assert all(machine["Tracing"] == {"Enabled": True} for machine in machines.values())


# ── Logs ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_functions_log_is_kept_no_longer_than_it_was_asked_for() -> None:
    assert set(LOGS) == {f"/aws/lambda/${{{name}}}" for name in FUNCTIONS}


def facts() -> list[Fact]:
    """What is told of generations of many fates."""
    scene = Scene(mule_submitted(), mule_error(429), mule_completed(), links={LINK: picture()})
    made = scene.create(webhook="https://hooks.example/told")
    steps = (scene.submitter.submit, scene.poller.poll, scene.poller.poll, scene.persister.persist)
    for step in (*steps, scene.settler.settle):
        step(made.id)
        scene.clock.sleep(20)
    (delivery_id,) = scene.deliveries.records
    scene.receivers.answers = [said(410)]
    scene.deliverer.deliver(delivery_id)
    scene.script.answers = [AnswerLostError("lost"), mule_error(429), dashscope_finished()]
    for other in (scene.create(), scene.create(deadline_seconds=50), scene.create(**SYNC)):
        scene.submitter.submit(other.id)
        scene.settler.settle(other.id)
    scene.create()
    scene.workflow.stop_all()
    scene.clock.sleep(100)
    scene.reconciler.sweep()
    return scene.facts


def fields_of_lines() -> set[str]:
    """All that a line of the log may have: of facts, of the handlers' own lines, and of every line."""
    names = (
        {name for line in lines(facts()) for name in line} | set(METRICS) | {"batch_id", "row", "execution"}
    )
    for handler in (ROOT / "functions").glob("*/handler.py"):
        for node in ast.walk(ast.parse(handler.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("runtime.logger()"):
                names |= {keyword.arg for keyword in node.keywords if keyword.arg}
    return names | {"@timestamp", "@log", "xray_trace_id"}  # of Logs Insights, and of Powertools' logger


WORDS = re.compile(r"[@a-zA-Z_][\w]*(?!\w*\()")
SYNTAX = {
    "filter", "fields", "stats", "sort", "limit", "asc", "desc", "by", "as", "and", "or", "not", "in",
    "count", "latest", "ispresent", "times", "example",
}  # fmt: skip


@pytest.mark.parametrize("name", QUERIES)
def test_saved_query_names_fields_that_lines_have(name: str) -> None:
    query = re.sub(r"#.*", "", QUERIES[name]["QueryString"])
    named = set(WORDS.findall(re.sub(r'"[^"]*"', "", query))) - SYNTAX
    assert named
    assert named <= fields_of_lines()


@pytest.mark.parametrize("name", QUERIES)
def test_saved_query_looks_into_logs_that_there_are_and_for_lines_that_are_written(name: str) -> None:
    groups = [one["Ref"] for one in QUERIES[name]["LogGroupNames"]]
    assert set(groups) <= set(LOGS.values())
    messages = {line["message"] for line in lines(facts())} | {"delivery given up"}
    assert set(re.findall(r'message = "([^"]+)"', QUERIES[name]["QueryString"])) <= messages


def test_saved_query_of_ends_looks_into_the_logs_of_all_that_end_generations() -> None:
    of_ends = [query for query in QUERIES.values() if 'message = "ended"' in query["QueryString"]]
    assert len(of_ends) == 3
    for query in of_ends:
        groups = {one["Ref"] for one in query["LogGroupNames"]}
        assert {"PersistLogs", "SettleLogs", "ReconcileLogs"} <= groups, query["Name"]
