"""Requests that executions of callers' own bring: carried by them, and made once."""

from typing import Any

import pytest

from easel.errors import InvalidRequestError
from tests.fakes.scene import TENANT, Scene
from tests.unit.steps.vendor_words import ASYNC

REQUEST = ASYNC | {"prompt": "PLANTED-PROMPT"}
ARN = "arn:aws:states:eu-west-1:123456789012:execution:easel-generate-dev:mine"


def test_request_of_an_execution_is_carried_by_it_and_starts_no_other() -> None:
    scene = Scene()
    made = scene.requests_of_workflows.create(REQUEST | {"correlation_id": "c"}, f"execution:{ARN}", ARN)
    assert (made.origin.execution, made.origin.correlation_id, made.tenant) == (ARN, "c", TENANT)
    assert scene.now(made) == made
    assert scene.workflow.ids == []


def test_execution_that_runs_its_first_step_again_has_the_same_generation() -> None:
    scene = Scene()
    made = [
        scene.requests_of_workflows.create(REQUEST, f"execution:{arn}", arn) for arn in (ARN, ARN, ARN + "2")
    ]
    assert made[0] == made[1] != made[2]
    assert len(scene.store.records) == 2
    assert scene.workflow.ids == []


@pytest.mark.parametrize("request_", [None, "text", 7, []])
def test_request_that_is_no_object_is_refused_by_its_name(request_: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Scene().requests_of_workflows.create(request_, "k", ARN)
    assert [problem.field for problem in caught.value.problems] == ["request"]


@pytest.mark.parametrize("tenant", ["", "a b", "../x", "a" * 65, "ä", 7])
def test_tenant_that_no_key_or_folder_could_be_named_after_is_refused(tenant: object) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Scene().requests_of_workflows.create(REQUEST | {"tenant": tenant}, "k", ARN)
    assert [problem.field for problem in caught.value.problems] == ["tenant"]
