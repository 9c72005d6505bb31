"""The folder with AWS's Lambda runtime client alone, taken from the packages installed here.

The functions must not see the development environment: what a handler imports comes from its layer, as it
does on AWS, or the import fails here too.
"""

import compileall
import shutil
from importlib import metadata
from pathlib import Path

PACKAGES = ("awslambdaric", "simplejson", "snapshot-restore-py")  # the client and its two dependencies


def make_runtime_client(folder: Path) -> Path:
    """Copy the client's files to a folder of its version below `folder`, once; return that folder."""
    target = folder / f"awslambdaric-{metadata.version('awslambdaric')}"
    if target.exists():
        return target
    unfinished = target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for package in PACKAGES:
        for file in metadata.files(package) or []:
            if file.suffix == ".pyc" or ".." in file.parts:
                continue
            copy = unfinished / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(file.locate()), copy)
    compileall.compile_dir(unfinished, quiet=1)  # as AWS's own is: functions cannot write beside their code
    unfinished.rename(target)
    return target
