"""Announce: tell the bus and webhooks how a generation ended. At least once, however often it is tried."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from easel.domain.generation import Generation
from easel.ports import EventBus, GenerationStore
from easel.steps.webhooks import Webhooks
from easel.view import generation_view

# At four bytes each below the 256 KB of PutEvents
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html).
EVENT_CHARACTERS_MAX = 60_000
LONG_FIELDS = ("request", "parameters", "actual_prompt", "error", "metadata")


@dataclass(slots=True, eq=False)
class Announcer:
    """Tells the bus, and sees to it that webhooks are told. `uri` names an object of the image bucket."""

    store: GenerationStore
    uri: Callable[[str], str]
    bus: EventBus
    webhooks: Webhooks

    def announce(self, generation: Generation) -> Generation:
        """Tell the end of a generation that has ended, unless that was told before; the record after it.

        ended ──► told ──► webhook's delivery under way ──► noted
              ▲        ▲ whoever dies in between tells it again: its listeners know the generation's id, and
              │          its delivery is the same one
              └ whoever dies here leaves it among the open ones, where Reconcile finds it
        """
        if generation.announced:
            return generation
        view = generation_view(generation, self.uri)
        name = generation.status.value.capitalize()
        self.bus.publish(f"Image Generation {name}", shortened(view, EVENT_CHARACTERS_MAX))
        self.webhooks.tell(generation)
        self.store.note_announced(generation.id)
        return generation.having(announced=True)


def as_json(view: dict[str, Any]) -> str:
    """JSON in as few characters as it takes."""
    return json.dumps(view, ensure_ascii=False)


def shortened(view: dict[str, Any], characters_max: int) -> dict[str, Any]:
    """The view; where it is too long, without those long texts that only the record needs to hold."""
    short = dict(view)
    for name in LONG_FIELDS:
        if len(as_json(short)) < characters_max:
            break
        short[name] = short[name] | {"vendor_message": None} if name == "error" and short[name] else None
    return short
