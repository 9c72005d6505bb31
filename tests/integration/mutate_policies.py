"""Takes each thing that the functions' roles are granted away, and looks whether that is noticed.

`python -m tests.integration.mutate_policies` plays the scenes of `policy_scenario` on a local stack. Then it
takes each unit of each policy from the running role, plays a scene that needs it, and waits for a call to be
denied (`--role SubmitFunctionRole`: for one role). It prints a line for each unit, and exits with 0 only if
all were noticed. A few are a test, which also replays all calls of the scenes without each unit.
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from local.stack import LocalStack
from tests.integration.batch_run import function_of
from tests.integration.conftest import stack_settings
from tests.integration.policy_calls import Call, CallList, Policies, Unit, policies_of
from tests.integration.policy_scenario import Scenes
from tests.integration.test_kills import function_processes
from tests.integration.test_webhooks import Receiver

PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.1
TRIES_MAX = 3  # a scene may end early, and which step meets a call first is chance


@dataclass
class Played:
    """The scenes with the calls that were made while each was played alone, and how long that took."""

    scenes: Scenes
    calls: dict[str, Sequence[Call]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def scenes_for(self, policies: Policies, unit: Unit) -> Sequence[str]:
        """The scenes that need a unit, the shortest first."""
        fit = [name for name, calls in self.calls.items() if policies.needed_by(unit, calls)]
        return sorted(fit, key=self.seconds.__getitem__)


def play_each(scenes: Scenes, listed: CallList) -> Played:
    """Play one after the other, each in new processes, which read what others remember."""
    scenes.prepare()
    played = Played(scenes)
    for name, scene in scenes.all().items():
        end_processes(scenes.stack)
        start, began = listed.end(), time.monotonic()
        scene()
        played.seconds[name] = time.monotonic() - began
        played.calls[name] = listed.since(start)
    return played


def notice(
    stack: LocalStack, policies: Policies, unit: Unit, scenes: Scenes, names: Sequence[str]
) -> Call | None:
    """A call that is denied because the role lacks a unit while scenes are played; None where none is.

    The list of calls knows nothing of it afterwards.
    """
    listed = CallList(stack, policies)
    start = listed.end()
    with taken_away(stack, policies, unit):
        tries = (denied_call(listed, unit, scenes, name) for name in islice(cycle(names), TRIES_MAX))
        call = next(filter(None, tries), None)
    listed.forget(start)
    return call


def denied_call(listed: CallList, unit: Unit, scenes: Scenes, scene: str) -> Call | None:
    """Play a scene until a call that a unit is about is denied."""
    end_processes(scenes.stack, unit.role.removesuffix("Role"))
    start, limit = listed.end(), time.monotonic() + PATIENCE_SECONDS
    with played_apart(scenes, scene) as player:
        while time.monotonic() < limit:
            goes_on = player.is_alive()
            for one in listed.since(start):
                if not one.allowed and (one.role, one.action) == (unit.role, unit.action):
                    return one
            if not goes_on:
                break
            time.sleep(LOOK_SECONDS)
    return None


@contextmanager
def taken_away(stack: LocalStack, policies: Policies, unit: Unit) -> Iterator[None]:
    """The running role lacks a unit for a while."""
    iam, known = stack.aws.client("iam"), policies.documents[unit.role][unit.policy]
    place = {"RoleName": policies.names[unit.role], "PolicyName": unit.policy}
    changed = unit.without(known)
    if changed["Statement"]:
        iam.put_role_policy(**place, PolicyDocument=json.dumps(changed))
    else:
        iam.delete_role_policy(**place)
    try:
        yield
    finally:
        iam.put_role_policy(**place, PolicyDocument=json.dumps(known))


@contextmanager
def played_apart(scenes: Scenes, scene: str) -> Iterator[multiprocessing.process.BaseProcess]:
    """A scene is played by a process of its own, for as long as somebody looks on."""
    player = multiprocessing.get_context("fork").Process(target=play_alone, args=(scenes, scene))
    player.start()
    try:
        yield player
    finally:
        player.kill()
        player.join()


def play_alone(scenes: Scenes, scene: str) -> None:
    """Play it with connections of its own. It may well fail: its errors go to a file in the data folder."""
    own = Scenes(scenes.stack, Receiver())
    own.own, own.dropped = scenes.own, scenes.dropped
    with (scenes.stack.settings.data / "scenes.log").open("a") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    own.all()[scene]()


def end_processes(stack: LocalStack, function: str = "") -> None:
    """Kill what runs a function, or all of them: its next call finds a new process."""
    ended = {pid for pid in function_processes(stack) if not function or f"-{function}-" in function_of(pid)}
    for pid in ended:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    limit = time.monotonic() + PATIENCE_SECONDS
    while ended & set(function_processes(stack)) and time.monotonic() < limit:
        time.sleep(LOOK_SECONDS)
    time.sleep(LOOK_SECONDS)  # in which the pool finds them gone


def report(stack: LocalStack, units: Sequence[Unit], policies: Policies, played: Played) -> list[Unit]:
    """What was not noticed; prints a line for each unit."""
    missed = []
    for number, unit in enumerate(units, 1):
        began, names = time.monotonic(), played.scenes_for(policies, unit)
        call = notice(stack, policies, unit, played.scenes, names)
        if call is None:
            missed.append(unit)
        told = f"denied {call.resource.rpartition(':')[2]}" if call else f"MISSED by {', '.join(names)}"
        print(f"{number}/{len(units)} {unit}: {told}, {time.monotonic() - began:.1f} s", flush=True)
    return missed


def main() -> int:
    """Exit status 0 where everything that was taken away was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--role", help="this one only, by its name in the translated template")
    role, began = parser.parse_args().role, time.monotonic()
    with tempfile.TemporaryDirectory() as data, LocalStack(stack_settings(Path(data)), print) as stack:
        policies = policies_of(stack)
        played = play_each(Scenes(stack, Receiver()), CallList(stack, policies))
        units = [unit for unit in policies.units if role in (None, unit.role)]
        missed = report(stack, units, policies, played)
    noticed = len(units) - len(missed)
    print(f"{noticed} of {len(units)} were noticed, in {time.monotonic() - began:.0f} s")
    return 1 if missed or not units else 0


if __name__ == "__main__":
    sys.exit(main())
