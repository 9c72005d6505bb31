"""What operators are told of a scene: the lines of the log, and the figures that are counted of them."""

from typing import Any

from easel.domain.generation import Generation
from tests.fakes.log_lines import Counted, all_counted, lines
from tests.fakes.scene import Scene


def named(scene: Scene, name: str) -> list[dict[str, Any]]:
    """The lines of one name."""
    return [line for line in lines(scene.facts) if line["message"] == name]


def figures(scene: Scene, name: str) -> list[Counted]:
    """All that was counted of one metric."""
    return [one for one in all_counted(scene.facts) if one.name == name]


def total(scene: Scene, name: str) -> float:
    """Its sum."""
    return sum(one.value for one in figures(scene, name))


def go(scene: Scene, made: Generation) -> Generation:
    """All steps, and each of them twice."""
    for step in (scene.submitter.submit, scene.poller.poll, scene.persister.persist, scene.settler.settle):
        step(made.id)
        step(made.id)
    return scene.now(made)
