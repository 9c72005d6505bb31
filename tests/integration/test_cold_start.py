"""No function's cold start takes more than 1.05 times the instructions that the bench has recorded.

After a change that is worth more: `python -m tests.bench cold_start --record "what the change was"`. The
count is held against a gauge's, counted in the same run: interpreters differ by a fifth, and so do builds.
"""

import shutil
from collections.abc import Iterator

import pytest

from local.build import Build, build
from tests.bench import history
from tests.bench.cold_start import GAUGE_NAME, TARGETS, aws_stub, bare_mi, gauge_mi, of_function

GROWTH_MAX = 1.05
# The gauge tells what another interpreter takes for a start, to within so much: Debian's 3.11 took 4 % more
# than foretold, 3.13 took 7 % less. One whose gauge is as it was recorded is no other.
SAME, FORETOLD = 0.01, 0.05
RECORDED = history.recorded()["figures"]["cold_start"]


@pytest.fixture(scope="module")
def built() -> Build:
    """The packages; and valgrind has to be here, which counts."""
    if shutil.which("valgrind") is None:
        pytest.fail("valgrind, which counts instructions, is missing (Debian: apt-get install valgrind)")
    return build()


@pytest.fixture(scope="module")
def scale(built: Build) -> float:
    """What the interpreter here takes for the same work, beside the one that was recorded."""
    return gauge_mi() / float(RECORDED[GAUGE_NAME])


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """Variables by which AWS is a stub: the init phase calls it."""
    with aws_stub() as variables:
        yield variables


@pytest.mark.parametrize("function", TARGETS)
def test_cold_start_takes_hardly_more_than_was_recorded(
    built: Build, scale: float, aws: dict[str, str], function: str
) -> None:
    process, program = of_function(built, function, aws)
    counted = (process.instructions(program) - bare_mi()) / scale
    recorded = RECORDED[f"{function}: instructions"]
    most = GROWTH_MAX if abs(scale - 1) < SAME else GROWTH_MAX + FORETOLD
    assert counted <= most * recorded, f"{counted:,.0f} Mi instead of {recorded:,.0f}"
