"""Doors are opened by the first request that comes to them, and each has its calls below its own paths."""

from collections.abc import Callable, Mapping

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from easel.doors.front import Door
from easel.doors.router import Router
from easel.entrance import http
from easel.steps.gate import Gate
from tests.fakes import door as fakes
from tests.fakes.memory import KnownKeys
from tests.fakes.scene import Scene
from tests.unit.doors.calls import event
from tests.unit.doors.native_routes import calls_of


class OneCall:
    """A door with one call."""

    def __init__(self, path: str) -> None:
        self.path = path

    def add_calls(self, app: APIGatewayHttpResolver) -> None:
        """The call, which says its path."""
        app.get(f"{self.path}/<name>")(lambda name: {"path": self.path})


def status_of(router: Router, path: str) -> int:
    return int(router.resolve(event("GET", path), LambdaContext())["statusCode"])


def test_door_is_opened_by_the_first_request_below_its_path_and_once() -> None:
    opened: list[str] = []

    def maker(path: str) -> Callable[[], Door]:
        def make() -> Door:
            opened.append(path)
            return OneCall(path)

        return make

    router = Router({path: maker(path) for path in ("/v1/key", "/v1/keys", "/openai")})
    assert calls_of(router) == set()
    assert status_of(router, "/v1/keyss/one") == 404
    assert opened == []
    for _ in range(2):
        assert status_of(router, "/v1/keys/one") == 200
    assert opened == ["/v1/keys"]
    assert status_of(router, "/openai/one") == 200
    assert opened == ["/v1/keys", "/openai"]


def test_door_with_two_paths_is_opened_once() -> None:
    def make() -> Door:
        return OneCall("/docs")

    router = Router({"/docs": make, "/openapi.json": make})
    assert status_of(router, "/openapi.json") == 404
    assert status_of(router, "/docs/one") == 200
    assert router.closed == {}


def test_door_that_could_not_be_made_is_tried_again() -> None:
    failures = [OSError("no network")]

    def make() -> Door:
        if failures:
            raise failures.pop()
        return OneCall("/v1/keys")

    router = Router({"/v1/keys": make})
    with pytest.raises(OSError, match="no network"):
        status_of(router, "/v1/keys/one")
    assert status_of(router, "/v1/keys/one") == 200


def tables() -> Mapping[str, Callable[[], Door]]:
    scene = Scene()
    gate = Gate(KnownKeys({}), scene.tenants, scene.quotas, scene.clock)
    return {**fakes.doors(scene, gate), **fakes.front_doors(scene, gate)}


@pytest.mark.parametrize("path", sorted({**http.DOORS, **http.FRONTS}))
def test_every_call_of_a_door_is_below_a_path_that_opens_it(path: str) -> None:
    known = tables()
    own = [prefix for prefix, make in known.items() if make is known[path]]
    app = APIGatewayHttpResolver()
    known[path]().add_calls(app)
    calls = calls_of(app)
    assert any(f"{call}/".startswith(f"{path}/") for _, call in calls)
    for _, call in calls:
        assert any(f"{call}/".startswith(f"{prefix}/") for prefix in own), call


def test_tables_of_the_tests_are_those_of_the_function() -> None:
    def grouped(table: Mapping[str, Callable[[], Door]]) -> set[frozenset[str]]:
        makers = set(map(id, table.values()))
        return {frozenset(path for path, make in table.items() if id(make) == one) for one in makers}

    assert grouped(tables()) == grouped({**http.DOORS, **http.FRONTS})
