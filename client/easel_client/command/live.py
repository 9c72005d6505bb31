"""Progress: one live line on standard error that goes away when done; a line a state where nobody watches."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from easel_client.answers import Generation
from easel_client.batches import Batch
from easel_client.command.terminal import Terminal, plain
from easel_client.command.words import amounts, short
from easel_client.durations import in_words

FRAMES, PLAIN_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
REFRESHES_PER_SECOND = 8
BAR = 20  # columns
ALMOST = 0.97  # that a bar shows at most while the end is only expected


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen: the state, what it is about, how far it is (0 to 1, or unknown), the rest."""

    state: str
    about: str
    share: float | None
    rest: str


class Progress:
    """Shows generations and batches as they go; a context manager."""

    def __init__(self, terminal: Terminal, *, quiet: bool = False, picked_up: bool = False) -> None:
        """`picked_up` is something that has been going on for a while."""
        self._terminal = terminal
        self._quiet = quiet
        self._live: Any = None
        self._shown: Generation | Batch | None = None
        self._started = time.monotonic()
        self._before: float | None = None if picked_up else 0.0  # seconds that it went on unseen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, thing: Generation | Batch) -> None:
        """How it stands now."""
        before, self._shown = self._shown, thing
        if self._quiet:
            return
        if not self._terminal.watched:
            if before is None or before.status != thing.status:
                self._terminal.note(f"{thing.id} {thing.status}")
            return
        if self._before is None:
            self._before = _age(thing)
        if self._live is None and not thing.over:
            self._live = _live(self._line)
        if self._live is not None:
            self._live.refresh()

    def _line(self) -> Any:
        from rich.text import Text

        thing = self._shown
        if thing is None:
            return Text("")
        elapsed = time.monotonic() - self._started
        seen = _sight(thing, elapsed + (self._before or 0.0))
        ascii_only = bool(self._live is not None and self._live.console.options.ascii_only)
        frames = PLAIN_FRAMES if ascii_only else FRAMES
        frame = frames[int(elapsed * REFRESHES_PER_SECOND) % len(frames)]
        bar = _bar(seen.share, ascii_only)
        state, about = plain(short(seen.state)), plain(short(seen.about))
        return Text.assemble(
            (f"{frame} ", "cyan"), (f"{state:<10} ", "bold"), f"{about}  ",
            (bar[0], "cyan"), (bar[1], "dim"), f"  {seen.rest}",
            no_wrap=True, overflow="ellipsis",
        )  # fmt: skip


def _live(line: Any) -> Any:
    from rich.console import Console
    from rich.live import Live

    live = Live(
        console=Console(stderr=True),
        get_renderable=line,
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    live.start()
    return live


def _sight(thing: Generation | Batch, elapsed: float) -> Sight:
    return _of_generation(thing, elapsed) if isinstance(thing, Generation) else _of_batch(thing)


def _of_generation(thing: Generation, elapsed: float) -> Sight:
    ends, made = thing.estimated_completion_at, thing.created_at
    expected = (ends - made).total_seconds() if ends and made else None
    about = f" of about {in_words(round(expected))}" if expected else ""
    share = min(elapsed / expected, ALMOST) if expected and expected > 0 else None
    return Sight(thing.status, thing.route or thing.model, share, f"{in_words(int(elapsed))}{about}")


def _of_batch(thing: Batch) -> Sight:
    rows = thing.rows
    wrong = rows.failed + rows.refused
    parts = [f"{wrong} failed" if wrong else "", f"{amounts(thing.cost, thing.usd.billed)} billed"]
    if thing.estimated_end_at is not None:
        left = (thing.estimated_end_at - datetime.now(UTC)).total_seconds()
        parts.append(f"about {in_words(round(left))} more" if left > 0 else "")
    share = rows.ended / rows.total if rows.total else None
    rest = plain(short(", ".join(filter(None, parts))))
    return Sight(thing.status, f"{rows.ended} of {rows.total} rows", share, rest)


def _age(thing: Generation | Batch) -> float:
    """By this machine's clock, which may be off: no more than the time that a generation has."""
    made = thing.created_at if isinstance(thing, Generation) else None
    if made is None:
        return 0.0
    ends = thing.deadline_at if isinstance(thing, Generation) else None
    age = (datetime.now(UTC) - made).total_seconds()
    return age if age > 0 and (ends is None or made.timestamp() + age < ends.timestamp()) else 0.0


def _bar(share: float | None, plain: bool) -> tuple[str, str]:
    if share is None:
        return "", ""
    done = round(share * BAR)
    full, empty = ("#", ".") if plain else ("━", "━")
    return full * done, empty * (BAR - done)
