"""What each function needs is in its own environment: its parts can be made with that, and nothing else."""

import importlib
import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import _lru_cache_wrapper

import pytest

from easel import runtime
from easel.aws import clients
from easel.aws.key_book import DynamoKeyBook
from easel.aws.keys import DynamoQuotas
from easel.aws.ledger import DynamoUsage
from easel.aws.tenants import DynamoTenants
from easel.catalogue import CATALOGUE, Catalogue
from easel.entrance import assistant, http
from easel.errors import SettingsError
from easel.sandbox import WITH_SANDBOX, SandboxTransport
from easel.steps.cancel import Canceler
from easel.steps.create import Creator
from easel.steps.route_desk import RouteDesk
from easel.steps.settle import Settler
from easel.steps.submit import Submitter
from easel.transport import HttpTransport
from tests.template import RESOURCES, TEMPLATE

FUNCTIONS = sorted(
    name
    for name, one in RESOURCES.items()
    if one["Type"] == "AWS::Serverless::Function" and name != "ConsoleFunction"  # has nothing of the package
)
# Settings that are more than names.
VALUES = {
    "EASEL_VENDOR_BASE_URLS": "{}", "EASEL_VENDOR_LIMITS": "catalogue", "EASEL_ROUTING_POLICY": "balanced",
    "EASEL_RECORD_RETENTION_DAYS": "90", "EASEL_BATCH_CONCURRENCY": "50", "POWERTOOLS_LOG_LEVEL": "INFO",
    "EASEL_WEBHOOK_SCHEDULE": "5,300", "EASEL_SANDBOX_ROUTE": "off",
}  # fmt: skip


def forget() -> None:
    """What was made before, with other settings."""
    places = ("easel.wiring.", "easel.entrance.")
    wiring = [module for name, module in sys.modules.items() if name.startswith(places)]
    for module in (runtime, clients, *wiring):
        for made in vars(module).values():
            if isinstance(made, _lru_cache_wrapper):
                made.cache_clear()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment without a setting of ours."""
    for name in os.environ:
        if name.startswith(("EASEL_", "POWERTOOLS_", "AWS_")):
            monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    forget()
    yield
    forget()


def environment(function: str) -> set[str]:
    """The names of a function's environment variables."""
    own = RESOURCES[function]["Properties"].get("Environment", {"Variables": {}})
    return {*TEMPLATE["Globals"]["Function"]["Environment"]["Variables"], *own["Variables"]}


def make(function: str) -> object:
    """What the function's handler makes when it starts."""
    module = importlib.import_module(f"functions.{function.removesuffix('Function').lower()}.handler")
    (provided,) = (one for one in vars(module).values() if isinstance(one, runtime.Provided))
    return provided.make()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_own_environment_is_all_that_it_needs(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment(function):
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    assert make(function)


@pytest.mark.parametrize("function", ["ApiFunction", "McpFunction"])
def test_door_needs_nothing_of_where_vendors_are(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment(function) - {"EASEL_VENDOR_BASE_URLS", "EASEL_EXTRA_RESULT_HOSTS"}:
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    assert make(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_setting_that_is_missing_is_named(function: str) -> None:
    with pytest.raises(SettingsError, match="EASEL_"):
        make(function)


# What the parts that a function is made of do to the table, some of it in transactions.
READ_AND_MOVE = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
NEEDS: dict[type, set[str]] = {
    Creator: {*READ_AND_MOVE, "dynamodb:BatchGetItem"},  # records, reservations; how routes fare
    Settler: READ_AND_MOVE,  # the end, and what it cost
    Canceler: READ_AND_MOVE,
    DynamoQuotas: {"dynamodb:UpdateItem"},
    DynamoTenants: {"dynamodb:GetItem"},
    DynamoKeyBook: {*READ_AND_MOVE, "dynamodb:Query", "dynamodb:DeleteItem"},
    DynamoUsage: {"dynamodb:Query"},
    RouteDesk: {"dynamodb:UpdateItem"},  # how routes fared
    Submitter: {"dynamodb:BatchGetItem"},  # and fare
}


def all_doors() -> tuple[object, ...]:
    """The HTTP API's parts, and those of the doors that are opened when they are asked for."""
    return (http.native_door(), *(make() for make in {*http.DOORS.values(), *http.FRONTS.values()}))


DOORS: Mapping[str, Callable[[], object]] = {  # behind a router
    "ApiFunction": all_doors,
    "McpFunction": assistant.assistant,
}


def parts_of(function: str) -> Iterator[object]:
    """Everything that a function's own is made of."""
    yield from parts(DOORS[function]() if function in DOORS else make(function))


def parts(thing: object) -> Iterator[object]:
    """The thing, and everything that it is made of."""
    yield thing
    inner: list[object] = list(thing) if isinstance(thing, tuple) else []
    if is_dataclass(thing):
        inner += [getattr(thing, field.name) for field in fields(thing)]
    for one in inner:
        yield from parts(one)


def allowed_on_the_table(function: str) -> set[str]:
    """What a function's role may do to the table itself."""
    found: set[str] = set()
    for policy in RESOURCES[function]["Properties"]["Policies"]:
        for statement in policy["Statement"]:
            resources = statement["Resource"]
            if {"GetAtt": "Table.Arn"} in (resources if isinstance(resources, list) else [resources]):
                actions = statement["Action"]
                found |= {actions} if isinstance(actions, str) else set(actions)
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_role_allows_what_its_parts_do_to_the_table(
    function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment(function):
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    ahead = {"dynamodb:GetItem"}  # which every function does before its first request
    needed = ahead.union(*(NEEDS.get(type(part), set()) for part in parts_of(function)))
    assert needed <= allowed_on_the_table(function)


def test_functions_that_make_and_end_generations_are_known_by_their_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made_by: dict[type, set[str]] = {kind: set() for kind in NEEDS}
    for function in FUNCTIONS:
        for name in environment(function):
            monkeypatch.setenv(name, VALUES.get(name, "some-name"))
        for part in parts_of(function):
            if type(part) in made_by:
                made_by[type(part)].add(function)
    assert {f"{name}Function" for name in ("Api", "Mcp", "Intake", "Create", "Feed")} <= made_by[Creator]
    assert {"SettleFunction", "ReconcileFunction"} <= made_by[Settler]
    assert all(made_by.values())


# What takes long to import, and the functions whose step has no use for it.
DEAR = {
    "easel.signatures",
    "easel.public_http",
    "easel.steps.prepare",
    "easel.steps.intake",
    "easel.aws.files",
    "easel.aws.batches",
    "easel.domain.batch",
}
LEAN = ("Submit", "Poll", "Persist", "Settle")
LOADED = "import sys, functions.{name}.handler; print(*sys.modules)"


@pytest.mark.parametrize("function", LEAN)
def test_step_of_a_generation_imports_nothing_dear_that_it_has_no_use_for(function: str) -> None:
    loaded = imported_by(function)
    assert not DEAR & loaded
    assert f"easel.steps.{function.lower()}" in loaded


ADAPTERS = {f"easel.vendors.{name}" for name in ("aimlapi", "dashscope", "mulerouter", "pixeldojo")}
MADE = "import sys, functions.{name}.handler as one; one.step.get(); print(*sys.modules)"


@pytest.mark.parametrize(
    ("function", "adapters"),
    [("Submit", ADAPTERS), ("Poll", ADAPTERS), ("Persist", set()), ("Intake", set())],
)
def test_start_loads_the_adapters_of_vendors_where_vendors_are_asked(
    function: str, adapters: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment(f"{function}Function"):
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    assert ADAPTERS & imported_by(function, MADE) == adapters


SANDBOX = {"easel.sandbox", "easel.vendors.sandbox"}


@pytest.mark.parametrize(
    ("function", "loaded"),
    [("Submit", SANDBOX), ("Poll", SANDBOX), ("Persist", {"easel.sandbox"}), ("Intake", {"easel.sandbox"})],
)
@pytest.mark.parametrize("switch", ["off", "on"])
def test_start_loads_the_sandbox_where_the_deployment_offers_it(
    function: str, loaded: set[str], switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment(f"{function}Function"):
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    monkeypatch.setenv("EASEL_SANDBOX_ROUTE", switch)
    assert SANDBOX & imported_by(function, MADE) == (loaded if switch == "on" else set())


@pytest.mark.parametrize("switch", ["off", "on"])
def test_all_parts_of_all_functions_offer_the_same_routes(
    switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offering: dict[str, set[str]] = {}
    for function in FUNCTIONS:
        for name in environment(function):
            monkeypatch.setenv(name, VALUES.get(name, "some-name"))
        monkeypatch.setenv("EASEL_SANDBOX_ROUTE", switch)
        for part in parts_of(function):
            if isinstance(offered := getattr(part, "catalogue", None), Catalogue):
                assert offered is (WITH_SANDBOX if switch == "on" else CATALOGUE), part
                offering.setdefault(type(part).__name__, set()).add(function)
    assert offering.keys() == {
        "Assistant", "Creator", "DescriptionDoor", "Feeder", "KeyDesk", "NativeDoor", "Persister", "Preparer",
        "RouteDesk", "UsageReport", "VendorCalls",
    }  # fmt: skip


@pytest.mark.parametrize(("switch", "offered"), [("off", False), ("on", True)])
def test_sandbox_has_its_key_its_limits_and_its_transport_where_it_is_offered(
    switch: str, offered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment("SubmitFunction"):
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    monkeypatch.setenv("EASEL_SANDBOX_ROUTE", switch)
    monkeypatch.setenv("EASEL_VENDOR_LIMITS", "off")
    made = make("SubmitFunction")
    assert isinstance(made, Submitter)
    monkeypatch.setattr(made.calls.vendor_keys, "_client", EmptySecret())
    assert list(made.calls.vendor_keys.get()) == (["sandbox"] if offered else [])
    assert isinstance(made.calls.transport, SandboxTransport if offered else HttpTransport)
    assert ("sandbox/picture" in made.desk.limits) is offered


def test_sandbox_has_no_address_that_a_deployment_could_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment("SubmitFunction"):
        monkeypatch.setenv(name, VALUES.get(name, "some-name"))
    monkeypatch.setenv("EASEL_SANDBOX_ROUTE", "on")
    monkeypatch.setenv("EASEL_VENDOR_BASE_URLS", '{"sandbox": "https://example.com"}')
    with pytest.raises(SettingsError, match="EASEL_VENDOR_BASE_URLS"):
        make("SubmitFunction")


class EmptySecret:
    """A client of Secrets Manager in a deployment that no key was put into yet."""

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": "{}"}


def imported_by(function: str, start: str = LOADED) -> set[str]:
    """The modules that a function's start imports."""
    program = start.format(name=function.lower())
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return set(said.split())


# What the doors of the HTTP API that are opened when they are asked for import.
BEHIND_DOORS = {
    *(f"easel.doors.{name}" for name in ("aimlapi", "dashscope", "mulerouter", "openai", "pixeldojo")),
    *(f"easel.doors.{name}" for name in ("assistant", "batches", "description", "keys", "usage", "webhooks")),
    "easel.domain.batch", "easel.domain.key_orders", "easel.openapi.description", "easel.steps.intake",
    "easel.signatures",
}  # fmt: skip


def test_start_of_the_http_api_imports_no_door_that_a_request_opens() -> None:
    loaded = imported_by("Api")
    assert not BEHIND_DOORS & loaded
    assert {"easel.doors.native", "easel.entrance.http"} <= loaded


def test_there_is_everything_that_starts_are_said_not_to_import() -> None:
    for name in DEAR | BEHIND_DOORS | ADAPTERS | SANDBOX:
        assert importlib.util.find_spec(name), name


@pytest.mark.parametrize(("chosen", "told"), [("ERROR", False), ("INFO", True)])
def test_level_that_the_owner_chose_holds_beside_the_one_that_lambda_sets(
    chosen: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"chosen-{chosen}")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", chosen)
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "INFO")
    log = logging.getLogger(runtime.logger().name)
    assert log.isEnabledFor(logging.INFO) is told
    assert log.isEnabledFor(logging.ERROR)
    monkeypatch.setenv("EASEL_METRICS_NAMESPACE", "Easel/test")
    runtime.fact_log()
    assert log.getChild("facts").isEnabledFor(logging.INFO), "alarms live on facts"
