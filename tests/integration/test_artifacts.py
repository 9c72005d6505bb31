"""What `sam build` leaves is what is deployed: here it is opened, as it lies on this machine."""

import importlib.util
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import certifi
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


def test_layer_has_each_published_authority_in_a_file_of_its_own(artifacts: list[Path]) -> None:
    layer = next(path for path in artifacts if path.name == "EaselLayer") / "python"
    laid = "".join(path.read_text() for path in (layer / "easel" / "certificates").iterdir())
    published = Path(certifi.where()).read_text()
    assert laid.count("BEGIN CERTIFICATE") == published.count("BEGIN CERTIFICATE")
    assert set(laid.splitlines()) <= set(published.splitlines())
    assert not list(layer.glob("certifi*"))  # whose bundle botocore would take for its own


def test_layer_talks_to_vendors_with_the_certificates_that_lie_in_it(artifacts: list[Path]) -> None:
    layer = next(path for path in artifacts if path.name == "EaselLayer") / "python"
    program = "from easel.wiring.trust import tls; print(tls().cert_store_stats()['x509'])"
    command = [sys.executable, "-S", "-P", "-c", program]
    told = subprocess.run(command, env={"PYTHONPATH": str(layer)}, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "0"  # none is read before a chain needs it
