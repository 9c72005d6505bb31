"""`easel login`, `logout`, `profiles` and `up`."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from easel_client.profiles import Profiles, profile_file
from tests.unit.client.command import data, easel
from tests.unit.client.deployment import Deployment, problem
from tests.unit.client.test_keys_command import key

NOT_KNOWN = (401, problem(401, "unauthorized", "The API key is not known."))


@pytest.fixture(autouse=True)
def address(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the deployment is; the environment does not know it."""
    monkeypatch.delenv("EASEL_URL")
    monkeypatch.delenv("EASEL_API_KEY")
    deployment.answers("GET /v1/models", {"data": [], "next_cursor": None})
    return deployment.url


def test_login_tries_the_key_and_keeps_it(deployment: Deployment) -> None:
    deployment.answers("GET /v1/key", key())
    done = easel("login", "--url", f"{deployment.url}/", typed="ezl_mine\n")
    assert done.exit_code == 0
    assert "shop of tenant acme, which may generate, read" in done.stderr
    assert "ezl_mine" not in done.output
    kept = Profiles.read()
    assert (kept.default, kept.known["default"].url, kept.known["default"].key) == (
        "default", deployment.url, "ezl_mine",
    )  # fmt: skip
    assert deployment.asked[0].headers["authorization"] == "Bearer ezl_mine"


def test_login_asks_a_person(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.answers("GET /v1/key", key())
    monkeypatch.setattr("easel_client.command.deployments.somebody_types", lambda: True)
    done = easel("login", "--profile", "work", typed=f"{deployment.url}\nezl_mine\n")
    assert done.exit_code == 0
    assert Profiles.read().known["work"].key == "ezl_mine"


def test_login_keeps_nothing_that_does_not_work(deployment: Deployment) -> None:
    deployment.answers("GET /v1/key", NOT_KNOWN)
    assert easel("login", "--url", deployment.url, typed="wrong\n").exit_code == 4
    assert easel("login", "--url", "http://127.0.0.1:9", typed="k\n").exit_code == 5
    assert easel("login", "--url", "ftp://x", typed="k\n").exit_code == 4
    assert easel("login", typed="k\n").exit_code == 2
    assert not profile_file().exists()


def test_an_older_deployment_that_cannot_tell_of_keys_is_kept(deployment: Deployment) -> None:
    assert easel("login", "--url", deployment.url, typed="k\n").exit_code == 0


def test_profiles_are_listed_without_keys_and_chosen(deployment: Deployment) -> None:
    deployment.answers("GET /v1/key", key())
    for name in ("home", "work"):
        easel("login", "--url", deployment.url, "--profile", name, typed="ezl_mine\n")
    lines = easel("profiles", "--use", "work").stdout.splitlines()
    assert lines == [f"\thome\t{deployment.url}", f"*\twork\t{deployment.url}"]
    told = data(easel("profiles", "--json"))
    assert (told["default"], "ezl_" in str(told)) == ("work", False)
    assert easel("logout").exit_code == 0
    assert list(Profiles.read().known) == ["home"]
    assert easel("logout", "nix").exit_code == 4
    assert easel("logout").exit_code == 4  # there is no default one any more


def test_up_starts_the_checkout_that_one_is_in(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(
        "easel_client.command.local.os.execvp", lambda file, words: begun.append((file, words))
    )
    nowhere = easel("up")
    assert (nowhere.exit_code, "Get Easel's source" in nowhere.stderr, begun) == (2, True, [])
    (alone / "local").mkdir()
    (alone / "local" / "__main__.py").touch()
    (alone / "Makefile").touch()
    (alone / "deep").mkdir()
    monkeypatch.chdir(alone / "deep")
    easel("up", "--once")
    assert begun == [("make", ["make", "run", "ONCE=1"])]
    assert Path(os.getcwd()) == alone  # noqa: PTH109  (as the program that is begun sees it)
    shutil.rmtree(alone / "deep")
