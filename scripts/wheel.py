#!/usr/bin/env python3
"""Build the wheel and look into it: three typed packages, nothing else at the top."""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

import uv_build

PACKAGES = {"compressor", "hermes_run", "recorder"}


def names() -> list[str]:
    """Build a wheel in a temporary folder and list its files."""
    with tempfile.TemporaryDirectory() as folder:
        built = uv_build.build_wheel(folder)
        with zipfile.ZipFile(Path(folder, built)) as wheel:
            return wheel.namelist()


def faults(files: list[str]) -> list[str]:
    """Say what a wheel of these *files* lacks or has too much."""
    top = {name.split("/")[0] for name in files if ".dist-info/" not in name}
    wanted = {f"{package}/{file}" for package in PACKAGES for file in ("__init__.py", "py.typed")}
    missing = [f"{name} is missing" for name in sorted(wanted - set(files))]
    return missing + [f"{name} does not belong there" for name in sorted(top - PACKAGES)]


if __name__ == "__main__":
    # uv_build looks for its program on the path, where an environment that is not activated is not.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.chdir(Path(__file__).resolve().parent.parent)
    files = names()
    print(f"the wheel holds {len(files)} files")
    sys.exit("\n".join(faults(files)) or 0)
