"""The set-up of the environment: quick when nothing changed, one clear sentence when it cannot be made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
TOOLS = ("sh", "dirname", "cat", "cksum", "awk", "df", "tail", "grep", "rm", "tee", "env")
REAL_PYTHON = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
OLD_PYTHON = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.18" && exit 0\nexit 1\n'
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n'
FULL_DISK = '#!/bin/sh\nprintf "Filesystem 1024-blocks Used Available\\n/dev/x 100 90 10240\\n"\n'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with what the set-up reads."""
    for name in ("client", "local"):
        (tmp_path / name).mkdir()
    for name in ("pyproject.toml", "client/pyproject.toml", "requirements.lock", "local/setup.sh"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


def set_up(copy: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run it with nothing on PATH but the tools it needs and these programs."""
    path = copy / "bin"
    path.mkdir(exist_ok=True)
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(found)
    for name, text in programs.items():
        (path / name).unlink(missing_ok=True)
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    environment = {
        "PATH": str(path),
        "HOME": str(copy),
        "PIP_RETRIES": "0",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
    }
    return subprocess.run(
        ["sh", "local/setup.sh"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_an_old_python_is_one_clear_sentence(copy: Path) -> None:
    result = set_up(copy, python3=OLD_PYTHON)
    assert result.returncode == 1
    assert result.stderr == "easel: Python 3.11 or newer is needed on PATH; found Python 3.9.18.\n"


def test_no_python_is_one_clear_sentence(copy: Path) -> None:
    result = set_up(copy)
    assert result.returncode == 1
    assert result.stderr.startswith("easel: Python 3.11 or newer is needed on PATH; found ")
    assert len(result.stderr.splitlines()) == 1


def test_a_python_without_venv_is_one_clear_sentence(copy: Path) -> None:
    result = set_up(copy, python3=WITHOUT_VENV)
    assert result.returncode == 1
    assert result.stderr.startswith("easel: python3 cannot make virtual environments; install")


def test_no_room_on_disk_is_one_clear_sentence(copy: Path) -> None:
    result = set_up(copy, python3=REAL_PYTHON, df=FULL_DISK)
    assert result.returncode == 1
    assert result.stderr.startswith("easel: no room on disk: ")
    assert "10 MB are free" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_registry_out_of_reach_is_one_clear_sentence(copy: Path) -> None:
    result = set_up(copy, python3=REAL_PYTHON)
    assert result.returncode == 1
    assert result.stderr.startswith("easel: the Python package registry is out of reach")
    assert len(result.stderr.splitlines()) == 1


def test_an_environment_that_is_up_to_date_is_left_alone() -> None:
    stamp = REPOSITORY / ".venv" / "easel-stamp"
    assert stamp.is_file(), "run the tests by `make test`, in the environment that it makes"
    before = stamp.stat().st_mtime_ns
    result = subprocess.run(
        [REPOSITORY / "local" / "setup.sh"], capture_output=True, text=True, timeout=600, check=False
    )
    assert (result.returncode, result.stdout) == (0, "")
    assert stamp.stat().st_mtime_ns == before
