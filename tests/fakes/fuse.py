"""A fuse in the effects of a scene: at the n-th one the process dies, or somebody else comes in between."""

from collections.abc import Callable
from typing import Any

from tests.fakes.scene import Scene

EFFECTS = {
    "store": ("create", "save", "note_announced"),
    "states": ("take_slot", "pause", "take_place", "free_place", "failed", "succeeded", "took", "probe"),
    "images": ("put", "put_bytes"),
    "workflow": ("start",),
    "bus": ("publish",),
    "batches": ("create", "save", "count", "note_announced"),
    "files": ("put", "writer"),
    "batch_workflow": ("start",),
    "deliveries": ("create", "save"),
    "deliver_workflow": ("start",),
    "receivers": ("post",),
}


class CrashError(BaseException):
    """The process died. Nothing may catch it on the way."""


class KilledError(Exception):
    """The same, as whoever called the function is told of it."""


class Fuse:
    """Counts what happens before and after each effect; at `at` it does what it was set for, once."""

    def __init__(self, scene: Scene, transport: Any) -> None:
        self.at: int | None = None
        self.act: Callable[[], None] = self.crash
        parts = [(getattr(scene, part), name) for part, names in EFFECTS.items() for name in names]
        for part, name in [*parts, (transport, "send"), (transport, "download")]:
            setattr(part, name, self._around(getattr(part, name)))

    def set(self, at: int | None, act: Callable[[], None] | None = None) -> None:
        """Where to act, and how: by a crash, unless it is said."""
        self.at, self.act = at, act or self.crash

    def crash(self) -> None:
        """The end of the process."""
        raise CrashError

    def burn(self) -> None:
        """One step further."""
        if self.at is None:
            return
        self.at -= 1
        if self.at < 0:
            self.at = None
            self.act()

    def _around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def around(*arguments: Any, **more: Any) -> Any:
            self.burn()
            told = effect(*arguments, **more)
            self.burn()
            return told

        return around


def before_next(port: Any, name: str, act: Callable[[], object]) -> None:
    """Somebody else comes in just before the port's next call of this name, once."""
    call = getattr(port, name)

    def raced(*arguments: Any) -> Any:
        setattr(port, name, call)
        act()
        return call(*arguments)

    setattr(port, name, raced)
