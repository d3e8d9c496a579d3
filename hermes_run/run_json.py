"""What a run was asked: settings, versions, tools, where its rows come from."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hermes_run.config import shown
from hermes_run.plan import Plan
from hermes_run.tools.toolbox import Toolbox
from recorder import files
from recorder.errors import RunDirectoryError
from recorder.events import timestamp
from recorder.json_text import decode, encode
from recorder.messages import Json
from recorder.shapes import object_of
from recorder.version import VERSION

RUN = "run.json"


def asked(plan: Plan, toolbox: Toolbox, prompts: Mapping[str, Json]) -> dict[str, Json]:
    """Say what a run is asked, without secrets."""
    return {
        "run": plan.record.run,
        "created": timestamp(time.time()),
        "version": VERSION,
        "python": platform.python_version(),
        "model": plan.model_name,
        "provider": plan.provider,
        "sandbox": plan.settings.sandbox,
        "prompts": prompts,
        "settings": shown(plan.settings),
        "tools": toolbox.schemas,
    }


async def write_run_json(directory: Path, document: Mapping[str, Json]) -> None:
    """Replace what the run directory says the run was asked."""
    content = msgspec.json.format(encode(document), indent=2) + b"\n"
    await files.replace(directory / RUN, content)


def settings_of(document: Mapping[str, Json]) -> dict[str, Json]:
    """The settings in a run's ``run.json``."""
    return object_of(document.get("settings"))


def read_run_json(directory: Path) -> Mapping[str, Json]:
    """Read what a run was asked.

    Raises:
        RunDirectoryError: there is no run in *directory* that this command began.
    """
    try:
        return object_of(decode((directory / RUN).read_bytes()))
    except (OSError, ValueError) as error:
        raise RunDirectoryError(
            f"{directory} holds no run of hermes-run: its {RUN} can't be read: {error}"
        ) from error
