"""The commands and their options; what they do is loaded when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from compressor.pipeline.options import EPILOGUE as COMPRESS_EPILOGUE
from compressor.typed import command_called
from hermes_run.cli import sources
from hermes_run.cli.help import (
    show_compress_panel,
    show_convert_panel,
    show_doctor_panel,
    show_export_panel,
    show_panel,
)
from hermes_run.cli.output import tell
from hermes_run.config import Network, ResumeOptions, Settings, check
from hermes_run.errors import UsageError
from recorder.export.options import CONVERT_EPILOGUE, Common
from recorder.export.options import EPILOGUE as EXPORT_EPILOGUE
from recorder.export.options import Options as ExportOptions
from recorder.version import VERSION

EPILOGUE = (
    "Settings also come from variables like HERMES_RUN_CONCURRENCY, from OPENAI_API_KEY, "
    "OPENAI_BASE_URL and OPENAI_MODEL, and from the file of --config. What is typed wins, then a "
    "variable.\n\n"
    "To try it, nothing else is needed: hermes-run --model simulated PROMPTS"
)

DOCTOR_EPILOGUE = "To see what it prints: hermes-run doctor --model simulated"

RESUME_EPILOGUE = "`none` takes a limit away: hermes-run resume RUN --limit none"

app = App(
    name="hermes-run",
    help="Run many agent sessions at once and record every fact.",
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    help_formatter=show_panel,
    version=VERSION,
    usage="Usage: hermes-run [OPTIONS] PROMPTS\n       hermes-run COMMAND ...",
    config=[sources.recorded, sources.variables, sources.file, sources.shape],
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)


@app.default
def run(
    prompts: Path,
    /,
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),  # noqa: B008  # frozen
    config: Path | None = None,  # noqa: ARG001  # read while the options are
) -> int:
    """Run an agent session for every row of a prompts file, and record every fact.

    Args:
        prompts: JSON lines, each {"prompt": "..."} or {"messages": [...]}.
        settings: what is asked for.
        config: TOML file with settings, under their names.
    """
    try:
        check(settings)
    except UsageError as error:
        tell(f"hermes-run: {error}")
        return 2
    from hermes_run.cli.run import run_prompts

    return run_prompts(prompts, settings)


@app.command(help_epilogue=RESUME_EPILOGUE)
def resume(
    run: Path,
    /,
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),  # noqa: B008  # frozen
    options: Annotated[ResumeOptions, Parameter(name="*")] = ResumeOptions(),  # noqa: B008  # frozen
    config: Path | None = None,  # noqa: ARG001  # read while the options are
) -> int:
    """Go on with a run after a crash, Ctrl-C, an outage or a limit; nothing is paid for twice.

    Settings are those of the run unless they are given again.

    Args:
        run: the run directory.
        settings: what is to be different now.
        options: what is to go on, and how.
        config: TOML file with settings, under their names.
    """
    from hermes_run.cli.resume import resume_run

    return resume_run(run, settings, options)


@app.command(help_epilogue="")
def status(run: Path, /, *, json: bool = False) -> int:
    """Say how a run stands, while it runs or after: counts, rates, tokens, cost, what is left.

    Args:
        run: the run directory.
        json: print one JSON object.
    """
    from hermes_run.cli.status import show_status

    return show_status(run, as_json=json)


@app.command(help_epilogue="")
def verify(run: Path, /, *, json: bool = False, salvage: Path | None = None) -> int:
    """Check every line, every session and every row of a run, and that the sum holds.

    Nothing in the run is changed. Exits with 0 where it is sound and with 1 where it is not.

    Args:
        run: the run directory.
        json: print one JSON object.
        salvage: a new run directory, for what is sound of a damaged run.
    """
    from hermes_run.cli.verify import verify_run

    return verify_run(run, salvage, as_json=json)


@app.command(help_epilogue=EXPORT_EPILOGUE, help_formatter=show_export_panel)
def export(
    run: Path,
    /,
    *,
    to: str,
    out: Path,
    licence: Annotated[str | None, Parameter(name=("--licence", "--license"))] = None,
    config: Path | None = None,
    options: Annotated[ExportOptions, Parameter(name="*")] = ExportOptions(),  # noqa: B008  # frozen
) -> int:
    """Write the sessions of a run as training or evaluation data; the run is not changed.

    Args:
        run: the run directory.
        to: format of the trajectories.
        out: the folder to write.
        licence: what the card says of the licence, as mit.
        config: TOML file with the settings of the run; its keys are masked, too.
        options: which sessions, and what they look like.
    """
    from hermes_run.cli.export import export_run
    from recorder.export.run import Order

    return export_run(Order(run, out, to, options, licence), config)


@app.command(help_epilogue=CONVERT_EPILOGUE, help_formatter=show_convert_panel)
def convert(
    file: Path,
    /,
    *,
    reads: Annotated[str, Parameter(name="--from")],
    to: str,
    out: Path,
    config: Path | None = None,
    options: Annotated[Common, Parameter(name="*")] = Common(),  # noqa: B008  # frozen
) -> int:
    """Write trajectories of one format as those of another; nothing is lost without a word.

    Args:
        file: a file of trajectories, or a folder of such files.
        reads: format of the trajectories that are there.
        to: format to write.
        out: the file to write, or the folder where a trajectory is a file.
        config: TOML file with the settings of a run; its keys are masked, too.
        options: what they look like.
    """
    from hermes_run.cli.convert import convert_file
    from recorder.export.convert import Order

    return convert_file(Order(file, reads, to, out, options), config)


app.command(
    command_called("hermes-run"),
    name="compress",
    help_epilogue=COMPRESS_EPILOGUE,
    help_formatter=show_compress_panel,
)


@app.command(help_epilogue="")
def tools(
    *,
    toolsets_file: Path | None = None,
    mcp: Path | None = None,
    tools: tuple[str, ...] = (),
    network: Network = "none",
    json: bool = False,
) -> int:
    """List toolsets, distributions and tools: what backs each, what it needs, what it may change.

    Args:
        toolsets_file: TOML file with toolsets and distributions of your own.
        mcp: JSON file with MCP servers; they are started, and asked for their tools.
        tools: tools of your own, as module:name.
        network: what tools would reach, as in a run.
        json: print one JSON object.
    """
    from hermes_run.cli.tools import show_tools

    settings = Settings(toolsets_file=toolsets_file, mcp=mcp, tools=tools, network=network)
    return show_tools(settings, as_json=json)


@app.command(help_epilogue=DOCTOR_EPILOGUE, help_formatter=show_doctor_panel)
def doctor(
    *,
    settings: Annotated[Settings, Parameter(name="*")] = Settings(),  # noqa: B008  # frozen
    config: Path | None = None,  # noqa: ARG001  # read while the options are
    json: bool = False,
) -> int:
    """Find out in a few small requests whether the endpoint is usable, and what to change.

    Nothing is written. Exits with 0 where a run is possible and with 4 where it is not.

    Args:
        settings: those of a run.
        config: TOML file with settings, under their names.
        json: print one JSON object.
    """
    try:
        check(settings)
    except UsageError as error:
        tell(f"hermes-run: {error}")
        return 2
    from hermes_run.cli.doctor import show_doctor

    return show_doctor(settings, as_json=json)
