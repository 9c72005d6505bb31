"""Function processes die at random while generations are in flight: all end, none is paid for twice."""

import os
import random
import signal
import subprocess
import threading
import time

import pytest

from easel.catalogue import CATALOGUE
from local.stack import LocalStack
from tests.integration.conftest import stack_settings
from tests.integration.easel_caller import EaselCaller, sandbox_tasks
from tests.integration.soak import compare, ended

pytestmark = pytest.mark.stack

COUNT = 40
KILL_EVERY_SECONDS = 1.0
DEADLINE_SECONDS = 120
ROUTES = tuple(name for name in CATALOGUE.routes if not CATALOGUE.routes[name].capabilities.images[1])


def function_processes(stack: LocalStack) -> list[int]:
    """The processes that run handlers: the emulator's children under AWS's runtime client."""
    (emulator,) = [one.pid for one in stack.processes() if one.name == "emulator"]
    lines = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.splitlines()
    rows = [line.split(maxsplit=2) for line in lines]
    return [int(row[0]) for row in rows if int(row[1]) == emulator and "awslambdaric" in row[-1]]


def kill_at_random(stack: LocalStack, over: threading.Event, killed: list[int]) -> None:
    """SIGKILL one of them every second, as a machine failure at AWS would."""
    chance = random.Random(4)
    while not over.wait(KILL_EVERY_SECONDS):
        processes = function_processes(stack)
        if processes:
            victim = chance.choice(processes)
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed.append(victim)


def request(number: int) -> dict[str, object]:
    """One generation on each route in turn."""
    route = CATALOGUE.routes[ROUTES[number % len(ROUTES)]]
    lora = {"lora": {"weights": "owner/name"}} if route.capabilities.lora else {}
    model = next(iter(route.models))
    body = {"model": model, "route": route.name, "prompt": f"killed {number}"}
    return {**body, **lora, "deadline_seconds": DEADLINE_SECONDS}


def test_all_end_and_none_is_paid_twice_while_function_processes_are_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    over, killed = threading.Event(), list[int]()
    with LocalStack(stack_settings(tmp_path_factory.mktemp("kills"))) as stack:
        caller = EaselCaller(stack.url, stack.api_key)
        made = [caller.create(request(number)) for number in range(COUNT)]
        killer = threading.Thread(target=kill_at_random, args=(stack, over, killed))
        killer.start()
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            answers = [caller.call("GET", f"/v1/generations/{one['id']}") for one in made]
            if all(answer.status == 200 and answer.body["ended_at"] for answer in answers):
                break
            time.sleep(1)
        over.set()
        killer.join()
        generations = [ended(caller, one) for one in made]
        findings = compare(generations, sandbox_tasks(stack.sandbox_url))
    assert killed, "nothing was killed"
    assert not findings.broken, findings
    assert sum(findings.ends.values()) == COUNT
