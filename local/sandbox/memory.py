"""What the sandbox vendors know beyond the life of their process, and its form as JSON (the file: keeper.py).

Kept, as a real vendor would: the tasks with their orders, times, polls, fetches, faults and the tokens of
their links; the bills of tasks that are forgotten; the log of submits and how often faults have struck. Time
goes on while nobody runs: a task is done when its time has come. A submit that was at work at the end stays
in the log without an answer, and the job that was taken of it is done, and billed, like any other.

Not kept: the settings and the plan of faults, which are the running process's own.

The JSON follows the dataclasses field by field, so that a new field is kept without a line here; a file of
other fields is refused. Decimals and infinities are strings, bytes base64, a fault's kind its name; a fault
that the table no longer has is dropped.
"""

from __future__ import annotations

import base64
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from local.sandbox.faults import KINDS, Fault, Kind
from local.sandbox.submits import Submission
from local.sandbox.tasks import Bill, Task

FORMAT = 1  # to be raised where a field stays and its meaning changes


class UnreadableError(ValueError):
    """JSON that is damaged, or of another version."""


@dataclass(frozen=True)
class Memory:
    """`tasks` and `log`: oldest first. `forgotten` and `arrived`: by endpoint. `strikes`: see submits.py."""

    tasks: list[Task]
    forgotten: dict[str, Bill]
    log: list[Submission]
    arrived: dict[str, int]
    strikes: dict[str, int]
    format: int = FORMAT


def to_json(memory: Memory) -> str:
    """The memory as ASCII."""
    return json.dumps(memory, default=_plain)


def from_json(data: bytes) -> Memory:
    """The memory that `to_json` made into text. Raises UnreadableError, without any of the values."""
    try:
        memory: Memory = _decode(Memory, json.loads(data))
    except (ValueError, TypeError, ArithmeticError, RecursionError) as fault:
        raise UnreadableError(type(fault).__name__) from fault
    if memory.format != FORMAT:
        raise UnreadableError(f"format {memory.format}")
    return memory


def _plain(value: object) -> object:
    """What JSON has in place of a value that it does not have."""
    if isinstance(value, Kind):
        return value.name
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if is_dataclass(value):
        members = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: str(item) if item == math.inf else item for name, item in members.items()}
    raise TypeError(type(value).__name__)


def _decode(kind: Any, value: Any) -> Any:
    """`value`, as JSON has it, as a `kind`. Raises ValueError, TypeError or ArithmeticError."""
    if kind in _READERS:
        return _READERS[kind](value)
    if is_dataclass(kind):
        return _decode_fields(kind, value)
    origin, inner = get_origin(kind), get_args(kind)
    if NoneType in inner:  # always in second place
        return None if value is None else _decode(inner[0], value)
    if origin in (tuple, list):
        return origin(_decode(inner[0], item) for item in _checked(list, value))
    if origin:  # a mapping; a counter's type names that of its keys alone, which is that of its values too
        items = {inner[0](key): _decode(inner[-1], item) for key, item in _checked(dict, value).items()}
        return Counter(items) if origin is Counter else items
    return _checked(kind, value)


def _decode_fields(kind: Any, value: Any) -> Any:
    hints = _hints(kind)
    if set(_checked(dict, value)) != set(hints):
        raise ValueError(f"other fields than {kind}")
    return kind(**{name: _decode(hint, value[name]) for name, hint in hints.items()})


def _known_faults(rows: Any) -> tuple[Fault, ...]:
    known = [row for row in _checked(list, rows) if _checked(dict, row).get("kind") in KINDS]
    return tuple(_decode_fields(Fault, row) for row in known)


def _checked(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"no {kind}")
    return value


@cache  # bounded: there are a handful of dataclasses
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns={"Fault": Fault})


_READERS: Mapping[object, Callable[[Any], object]] = {
    Any: lambda value: value,
    Decimal: Decimal,
    float: float,  # a string where it is infinite
    bytes: lambda value: base64.b64decode(value, validate=True),
    Kind: KINDS.__getitem__,
    tuple[Fault, ...]: _known_faults,
}
