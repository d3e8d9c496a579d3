"""The settings of a run: one frozen value that the command line, files and variables all fill."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, TypeAlias, cast

from hermes_run.errors import UsageError
from hermes_run.share import share_of
from hermes_run.targets import read_targets
from recorder.messages import Json, Outcome

SIMULATED = "simulated"
"""The name of the embedded model that needs no endpoint."""

Progress: TypeAlias = Literal["auto", "rich", "plain", "json", "none"]
SandboxName: TypeAlias = Literal["auto", "bwrap", "landlock", "docker", "none"]
Network: TypeAlias = Literal["none", "host"]
WorkspaceOnCrash: TypeAlias = Literal["snapshot", "keep", "fresh"]
Client: TypeAlias = Literal["fast", "sdk"]
Capture: TypeAlias = Literal["vllm", "sglang", "openai"]
SyncMode: TypeAlias = Literal["event", "group", "none"]
ToolDialect: TypeAlias = Literal[
    "none", "hermes", "qwen", "llama", "mistral", "deepseek", "kimi", "glm", "auto"
]

LEAST_OUTPUT = 1_000
"""Bytes of a tool's output that a model needs at least, to read a page or an error."""

SECRET = ("api_key",)
"""Settings that are never written anywhere."""


@dataclass(frozen=True)
class Settings:
    """What a run is asked to do; times in seconds, sizes in bytes."""

    model: str | None = None
    """Name of the model to ask; `simulated` needs no endpoint."""
    base_url: tuple[str, ...] = ()
    """Address of the OpenAI-compatible endpoint, ending in /v1; with several, sessions are spread
    over them."""
    endpoints: tuple[dict[str, Json], ...] = ()
    """More endpoints, as tables [[endpoints]] in the file of --config, each with base_url, and
    api_key (name of a variable), model, weight, rpm and tpm where they differ."""
    api_key: str | None = None
    """Key for the endpoint; better given as OPENAI_API_KEY."""
    concurrency: int = 16
    """Sessions in flight at once."""
    workers: int = 1
    """Processes that run the sessions, for more than one core; each takes its part of them."""
    max_connections: int | None = None
    """Requests that one endpoint gets at once; by default as many as there are sessions. It begins
    with one, and gets more while its answers are good."""
    rpm: float | None = None
    """Requests that one endpoint gets a minute."""
    tpm: float | None = None
    """Tokens that one endpoint reads and writes a minute."""
    outage_timeout: float | None = 3600.0
    """Stop the run when no endpoint has answered for so many seconds; until then sessions wait."""
    out: Path = Path("runs")
    """Folder that holds run directories."""
    name: str | None = None
    """Name of the run directory; by default made from the prompts file and the time."""
    limit: int | None = None
    """Take only the first rows of the prompts file."""
    samples: int = 1
    """Sessions for each prompt."""
    max_turns: int = 50
    """Replies a session may have."""
    max_tokens: int | None = None
    """Tokens a session may read and write, over all its turns."""
    session_timeout: float | None = None
    """Seconds a session may take."""
    working_time: float | None = None
    """Seconds a session may work: its model writes or its calls run. Waiting for the endpoint,
    attempts that failed and pauses are not counted."""
    max_session_cost_usd: float | None = None
    """What the replies of a session may cost, as far as their price is known."""
    max_cost_usd: float | None = None
    """Stop the run when the replies whose price is known have cost this much."""
    prices: Path | None = None
    """TOML or JSON file with a table for each model, by its name: input, output and cached, in US
    dollars per million tokens. What an endpoint says a reply cost counts more."""
    deadline: float | None = None
    """Stop the run after so many seconds."""
    finish_when: str | None = None
    """Stop the run when this share of the sessions has ended, as 99%; the rest can be resumed."""
    system: str | None = None
    """Lasting system prompt, for rows that bring none; it is part of the record."""
    ephemeral_system: str | None = None
    """System text that is only there while asking; never exported."""
    prefill: Path | None = None
    """JSON file with a list of messages that are only there while asking; never exported."""
    toolsets: tuple[str, ...] = ("default",)
    """Toolsets that sessions get; see `hermes-run tools`."""
    distribution: str | None = None
    """Draw the toolsets of each prompt from this distribution instead; see `hermes-run tools`."""
    toolsets_file: Path | None = None
    """TOML file with toolsets and distributions of your own, as tables [toolsets.NAME] and
    [distributions.NAME]."""
    tools: tuple[str, ...] = ()
    """Tools of your own, as module:name; the name is that of a tool or of a list of tools."""
    mcp: Path | None = None
    """JSON file with MCP servers, as {"mcpServers": {NAME: {...}}}; the tools of each server are a
    toolset of its name."""
    sandbox: SandboxName = "auto"
    """Where tools run: `auto` takes the best wall that holds here and refuses to run without one;
    `none` is a folder a session and no wall."""
    network: Network = "none"
    """What tools reach: nothing, or all that this machine does."""
    image: str | None = None
    """Image that sessions run in with --sandbox docker, for rows that name none."""
    sandbox_memory: int = 4 * 2**30
    """Bytes of memory that the processes of a session may have together."""
    sandbox_disk: int = 4 * 2**30
    """Bytes that a session may write to its workspace and temporary folder."""
    sandbox_processes: int = 512
    """Processes that a session may have at once."""
    seed: int = 0
    """Seed of everything that is drawn."""
    sampling: dict[str, Json] = field(default_factory=dict[str, Json])
    """More fields for the request, as --sampling.temperature 0.7."""
    reasoning_effort: str | None = None
    """How much the model should think, where it can be told."""
    tool_dialect: ToolDialect = "none"
    """How the model writes tool calls as text, where the server does not read them; `auto` knows
    them by their markers. The tools, and the calls and results of the history, are then sent as
    text in the same dialect (`auto`: as hermes)."""
    native_tools: bool = False
    """With --tool-dialect: send tools and history as the API has them, to a server that takes
    them and only leaves calls in the text. vLLM without a tool parser also wants
    --sampling.tool_choice none."""
    tool_timeout: float = 120.0
    """Seconds a tool call may take."""
    tool_output: int = 50_000
    """Bytes of a tool's output that the model gets, 1,000 at least."""
    max_calls: int = 64
    """Calls in one reply that are run; the others are answered with an error."""
    max_repeats: int = 3
    """How often in a row the same call may fail the same way, or the same command end with the same
    exit code and output, before it is no longer run."""
    attempts: int = 6
    """How often the endpoint is asked for one reply before the session is given up."""
    retry_base: float = 1.0
    """Seconds that the first pause between two attempts has at most; each next one has twice."""
    retry_cap: float = 60.0
    """Seconds that a pause between two attempts has at most."""
    retry_time: float | None = None
    """Seconds that one reply is tried for, from its first failure, before the session is given
    up."""
    patience: float = 3600.0
    """Seconds that an endpoint may ask to be left alone for; a session that would have to wait
    longer is parked, and goes on when the run is resumed."""
    stream: bool = True
    """Ask for replies as a stream."""
    client: Client = "fast"
    """How the endpoint is talked to; `sdk` is slower, and for servers or proxies with which `fast`
    does not work."""
    capture_tokens: Capture | None = None
    """Record token ids and log-probabilities, asked for as this server knows it; `openai` gives
    log-probabilities only."""
    first_token_timeout: float = 180.0
    """Seconds to wait for the first thing the model writes, where replies are streamed."""
    silence_timeout: float = 90.0
    """Seconds to wait for the next thing the model writes; what only keeps the connection alive
    does not count."""
    attempt_timeout: float = 1800.0
    """Seconds that one attempt at a reply may take as a whole."""
    sync: SyncMode = "group"
    """When the journal is synced: each event, once a window, or left to the system."""
    drain_timeout: float = 10.0
    """Seconds that running calls get after the first Ctrl-C."""
    progress: Progress = "auto"
    """How progress is shown on standard error."""
    workspace_on_crash: WorkspaceOnCrash = "snapshot"
    """What a session that goes on works in: the copy from before a call that was cut, where there
    is one; the folder as it is; or one made anew."""
    keep_workspaces: bool = False
    """Leave the sessions' workspaces in the run directory."""
    strict: bool = False
    """Stop at the first row that can't be used, before anything is spent."""
    dry_run: bool = False
    """Read everything, say what would be run, and stop."""


@dataclass(frozen=True)
class ResumeOptions:
    """What a resumption may be asked beside settings."""

    prompts: Path | None = None
    """The prompts file, where it is no longer where it was."""
    retry_outcome: tuple[Outcome, ...] = ()
    """Outcomes to try again beside those that failed, as limit or uncertain."""
    restart_failed: bool = False
    """Begin sessions that failed anew instead of going on with them."""
    allow_drift: bool = False
    """Go on although settings or rows changed, and record what did."""


_POSITIVE = (
    "concurrency",
    "workers",
    "max_connections",
    "rpm",
    "tpm",
    "outage_timeout",
    "samples",
    "max_turns",
    "max_tokens",
    "session_timeout",
    "working_time",
    "max_session_cost_usd",
    "max_cost_usd",
    "deadline",
    "tool_timeout",
    "sandbox_memory",
    "sandbox_disk",
    "sandbox_processes",
    "max_calls",
    "max_repeats",
    "attempts",
    "retry_base",
    "retry_cap",
    "retry_time",
    "patience",
    "first_token_timeout",
    "silence_timeout",
    "attempt_timeout",
)


def check(settings: Settings) -> None:
    """Refuse settings that can't work together.

    Raises:
        UsageError: the text names the option and what to type.
    """
    for name in _POSITIVE:
        value = getattr(settings, name)
        if value is not None and not value > 0:  # nan is neither more nor less
            raise UsageError(f"{option(name)} must be more than 0, not {value}")
    if not settings.tool_output >= LEAST_OUTPUT:
        raise UsageError(
            f"--tool-output must be {LEAST_OUTPUT} or more, not {settings.tool_output}: with less "
            "a model can't read what its tools say"
        )
    if settings.workers > settings.concurrency:
        said = f"--workers {settings.workers} are more than --concurrency {settings.concurrency}"
        raise UsageError(f"{said}: each needs a session to run")
    if not settings.drain_timeout >= 0:
        raise UsageError(f"--drain-timeout must be 0 or more, not {settings.drain_timeout}")
    share_of(settings.finish_when)
    if settings.limit is not None and settings.limit < 0:
        raise UsageError(f"--limit must be 0 or more, not {settings.limit}")
    _check_model(settings)
    if settings.name and Path(settings.name).name != settings.name:
        raise UsageError(
            f"--name is one folder name, not {settings.name!r}: use --out for the rest"
        )


def _check_model(settings: Settings) -> None:
    if settings.model is None:
        raise UsageError(NO_MODEL)
    if settings.model == SIMULATED and (settings.base_url or settings.endpoints):
        raise UsageError("--model simulated brings its own endpoint: leave --base-url out")
    read_targets(settings.base_url, settings.endpoints)
    if settings.model == SIMULATED and settings.tool_dialect != "none":
        raise UsageError("--model simulated gives its calls as calls: leave --tool-dialect out")


NO_MODEL = """no model is named. Try one of these:
  hermes-run --model simulated PROMPTS                                   (nothing else needed)
  hermes-run --model NAME --base-url http://127.0.0.1:8000/v1 PROMPTS    (a server of your own)
  OPENAI_API_KEY=... hermes-run --model NAME PROMPTS                     (a hosted endpoint)"""


def option(name: str) -> str:
    """How the setting *name* is typed."""
    return "--" + name.replace("_", "-")


def shown(settings: Settings) -> dict[str, Json]:
    """The settings as they may be written down: without secrets, paths as text."""
    values = {item.name: getattr(settings, item.name) for item in fields(settings)}
    return {name: _written(value) for name, value in values.items() if name not in SECRET}


def _written(value: object) -> Json:
    """Give a value as it is read back."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return list(cast("tuple[Json, ...]", value))
    return cast("Json", value)
