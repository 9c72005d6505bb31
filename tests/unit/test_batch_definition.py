"""The workflow of a batch: chunks of rows, as many at a time as the vendors allow, and one exit."""

import re
from copy import deepcopy
from fnmatch import fnmatch

from easel.catalogue import CATALOGUE
from easel.domain.batch import Batch, Source, chunk_key
from easel.domain.ids import batch_id_of
from easel.steps.prepare import state_of
from tests.fakes.memory import FakeClock
from tests.state_machines import BATCH
from tests.unit.test_workflow_definition import ENDS, targets

OUTER, INNER = BATCH.scopes
MAP = OUTER.states["Run chunks"]
COLLECT = "Collect results"
BUCKET = {"Ref": "ImageBucket"}
# "Maximum execution time" (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)
YEAR_SECONDS = 365 * 24 * 3600


def batch() -> Batch:
    now = FakeClock().now()
    source = Source(bucket="b", key="k.jsonl", etag="e")
    return Batch(id=batch_id_of("t", "x"), tenant="t", source=source, created_at=now, updated_at=now)


def test_the_only_way_to_an_end_is_through_collect() -> None:
    ends = {name for name, state in OUTER.states.items() if state["Type"] in ENDS}
    assert {name for name, state in OUTER.states.items() if set(targets(state)) & ends} == {COLLECT}


def test_every_step_that_fails_goes_to_the_one_exit() -> None:
    for name, state in OUTER.states.items():
        for rule in state.get("Catch", ()):
            assert rule["ErrorEquals"] == ["States.ALL"]
            assert rule["ResultPath"] == "$.fault", "the id must survive what is caught"
            assert rule["Next"] == ("Could not collect" if name == COLLECT else COLLECT)
    assert MAP["Catch"]


def test_a_million_rows_end_at_the_slowest_vendor_before_the_execution_does() -> None:
    spacing = max(route.limits.spacing_seconds for route in CATALOGUE.routes.values())
    assert 1_000_000 * spacing < BATCH.definition["TimeoutSeconds"] <= YEAR_SECONDS


def test_choice_after_prepare_covers_every_word_that_it_says() -> None:
    choice = OUTER.states["What comes next"]
    said = {one["StringEquals"]: one["Next"] for one in choice["Choices"]}
    assert said == {"prepare": "Prepare rows", "run": "Run chunks"}
    assert choice["Default"] == COLLECT


def test_chunks_run_as_children_of_their_own_history() -> None:
    config = MAP["ItemProcessor"]["ProcessorConfig"]
    assert config == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert MAP["ToleratedFailurePercentage"] == 100, "a child that dies is made up for when collecting"


def test_map_reads_the_keys_of_the_chunks_and_hands_nothing_else_on() -> None:
    reader = MAP["ItemReader"]
    assert reader["Resource"] == "arn:${Partition}:states:::s3:listObjectsV2"
    assert reader["Parameters"] == {"Bucket": "${ImageBucketName}", "Prefix.$": "$.prefix"}
    assert MAP["ItemSelector"] == {"id.$": "$.id", "key.$": "$$.Map.Item.Value.Key"}
    assert MAP["ResultPath"] is None
    state = state_of(batch(), "run")
    assert set(state) == {"id", "next", "prefix", "max_chunks"}
    assert MAP["MaxConcurrencyPath"] == "$.max_chunks"
    assert chunk_key(batch().id, "rows", 7).startswith(state["prefix"])
    for kind in ("refused", batch().report_kind, "children"):
        assert not chunk_key(batch().id, kind, 7).startswith(state["prefix"]), "it would be taken for rows"


def test_what_children_leave_behind_lies_beside_the_chunks_and_not_among_them() -> None:
    writer = MAP["ResultWriter"]["Parameters"]
    assert writer["Bucket"] == "${ImageBucketName}"
    (form,) = re.findall(r"States\.Format\('([^']+)', \$\.id\)", writer["Prefix.$"])
    assert form.format(batch().id) == chunk_key(batch().id, "children", 1).rpartition("/")[0]


def test_child_looks_after_its_rows_until_all_have_ended() -> None:
    assert INNER.start == "Feed rows"
    choice = INNER.states["Have all ended"]
    (done,) = choice["Choices"]
    assert (done["Variable"], done["BooleanEquals"]) == ("$.done", True)
    assert INNER.states[done["Next"]]["Type"] == "Succeed"
    wait = INNER.states[choice["Default"]]
    assert (wait["SecondsPath"], wait["Next"]) == ("$.wait_seconds", INNER.start)


def test_machine_may_do_what_its_map_needs_and_nothing_else() -> None:
    """As https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html has it."""
    (policy,) = BATCH.properties["Policies"]
    statements = {one.pop("Sid"): one for one in deepcopy(policy["Statement"])}
    name = str(BATCH.properties["Name"]["Sub"])
    states = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:"
    prefix = f"batches/*/work/{chunk_key(batch().id, 'rows', 7).split('/')[3]}/*"
    assert fnmatch(state_of(batch(), "run")["prefix"], prefix)
    del statements["RunSteps"]
    assert statements == {
        "RunChunks": {
            "Effect": "Allow",
            "Action": "states:StartExecution",
            "Resource": {"Sub": f"{states}stateMachine:{name}"},
        },
        "LookAfterChunks": {
            "Effect": "Allow",
            "Action": ["states:DescribeExecution", "states:StopExecution"],
            "Resource": {"Sub": f"{states}execution:{name}/*"},
        },
        "ListChunks": {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": {"GetAtt": "ImageBucket.Arn"},
            "Condition": {"StringLike": {"s3:prefix": prefix}},
        },
        "NoteChildren": {
            "Effect": "Allow",
            "Action": [
                "s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload",
            ],
            "Resource": {"Sub": "${ImageBucket.Arn}/batches/*/work/children/*"},
        },
    }  # fmt: skip
    assert BATCH.properties["DefinitionSubstitutions"]["ImageBucketName"] == BUCKET
