"""``hermes-run doctor``: whether the endpoint is usable, in a few small requests."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from hermes_run.cli import output
from hermes_run.cli.faults import explain, tell
from hermes_run.complaints import kept_from_the_screen
from hermes_run.config import SIMULATED, Settings
from hermes_run.doctor.examine import MOST, examine
from hermes_run.doctor.judge import judge
from hermes_run.doctor.table import Diagnosis, document, lines, sentence, verdicts
from hermes_run.models.opening import endpoint_of, names_of, targets_of
from hermes_run.models.simulated.server import serve
from hermes_run.targets import Target
from hermes_run.words import clean
from recorder.json_text import encode
from recorder.messages import Json


def show_doctor(settings: Settings, *, as_json: bool) -> int:
    """Ask every endpoint of *settings* and print what was found; gives the exit code."""
    try:
        diagnoses = anyio.run(_diagnose, settings)
    except KeyboardInterrupt:
        output.tell("hermes-run: stopped; nothing was written.")
        return 130
    except Exception as error:  # noqa: BLE001  # the screen gets a sentence, a file the traceback
        nowhere = Path()
        return tell(explain(error, nowhere), nowhere)
    code = verdicts(diagnoses)
    if as_json:
        told: dict[str, Json] = {
            "usable": not code,
            "exit_code": code,
            "endpoints": [document(one) for one in diagnoses],
        }
        output.result(encode(told).decode())
    else:
        output.result("\n".join(line for one in diagnoses for line in lines(one)))
    for one in diagnoses:
        if not one.usable:
            output.tell(f"hermes-run: the endpoint can't be used: {sentence(one)}")
    return code


async def _diagnose(settings: Settings) -> list[Diagnosis]:
    """Examine one endpoint after the other.

    Raises:
        UsageError: an address or a key is none.
    """
    found: list[Diagnosis] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(kept_from_the_screen())
        targets = targets_of(settings)
        names = names_of(targets, settings)
        if settings.model == SIMULATED:
            targets = (Target(base_url=await stack.enter_async_context(serve())),)
            names = [f"{SIMULATED} (embedded)"]
        for name, target in zip(names, targets, strict=True):
            endpoint, model = endpoint_of(target, settings), target.model or settings.model or ""
            output.tell(
                f"Asking {clean(model)} at {clean(name)}: at most {MOST} small requests, a few "
                "hundred tokens together."
            )
            evidence = await examine(name, model, endpoint, settings)
            found.append(Diagnosis(evidence, judge(evidence)))
    return found
