"""What `sam build` leaves is what is deployed: here it is opened, as it lies on this machine."""

import importlib.util
import io
import zipfile
from pathlib import Path

import pytest

from local.build import build
from local.deploy import _archive

UNCHECKED_HASH = 0b01  # PEP 552: made from a hash of the source, which no import looks at


@pytest.fixture(scope="module")
def artifacts() -> list[Path]:
    """The folder of each function and layer."""
    return sorted(path for path in build().folder.iterdir() if path.is_dir())


def test_every_source_has_bytecode_that_no_file_time_can_void(artifacts: list[Path]) -> None:
    assert len(artifacts) > 14
    for artifact in artifacts:
        sources = sorted(artifact.rglob("*.py"))
        assert sources, artifact
        for source in sources:
            bytecode = Path(importlib.util.cache_from_source(str(source))).read_bytes()
            assert bytecode[:4] == importlib.util.MAGIC_NUMBER, source
            assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH, source
            assert bytecode[8:16] == importlib.util.source_hash(source.read_bytes()), source


def test_bytecode_is_deployed(artifacts: list[Path]) -> None:
    function = next(path for path in artifacts if path.name == "SubmitFunction")
    names = zipfile.ZipFile(io.BytesIO(_archive(function))).namelist()
    assert [Path(name).suffix for name in sorted(names)] == [".pyc", ".py"]
