"""A generation whose images are to be fetched, and whether any was kept."""

from easel.domain.generation import Generation, Status
from tests.fakes.scene import Scene
from tests.unit.steps.vendor_words import ASYNC


def finished(scene: Scene) -> Generation:
    """A generation whose vendor has delivered."""
    made = scene.create(**ASYNC)
    assert scene.submitter.submit(made.id).next == "persist"
    return made


def nothing_is_kept(scene: Scene, made: Generation) -> bool:
    """It waits as before for its images."""
    now = scene.now(made)
    return scene.images.objects == {} and now.images == () and now.status is Status.PERSISTING
