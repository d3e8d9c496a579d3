"""How ``--help`` looks: two plain columns, the options under what they are about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

GROUPS = {
    "Model": "model base_url endpoints api_key system ephemeral_system prefill sampling "
    "reasoning_effort stream client capture_tokens first_token_timeout silence_timeout "
    "attempt_timeout attempts retry_base retry_cap retry_time patience",
    "Rates": "max_connections rpm tpm outage_timeout",
    "Run": "concurrency workers samples limit seed strict dry_run config",
    "Limits": "max_turns max_tokens session_timeout working_time max_session_cost_usd max_cost_usd "
    "prices deadline finish_when drain_timeout",
    "Tools": "toolsets distribution toolsets_file tools mcp tool_dialect native_tools "
    "tool_timeout tool_output max_calls max_repeats",
    "Sandbox": "sandbox network image sandbox_memory sandbox_disk sandbox_processes "
    "keep_workspaces workspace_on_crash",
    "Output": "out name overwrite progress sync",
    "Going on": "prompts retry_outcome restart_failed allow_drift",
}
"""The names of the options under each heading."""

DOCTOR_GROUPS = {
    "Model": "model base_url api_key sampling reasoning_effort stream first_token_timeout "
    "silence_timeout attempt_timeout tool_dialect native_tools",
    "Output": "json config",
}
"""The same of the command that looks at an endpoint; it takes all other settings of a run, too."""

COMPRESS_GROUPS = {
    "Output": "out overwrite dry_run progress",
    "Budget": "target_tokens strategy tokenizer last_turns turn_tokens chat_template look_ahead",
    "Rows": "sample seed failed workers row_timeout",
    "Summaries": "summarizer base_url concurrency summaries",
    "Report": "metrics html",
}
"""The same of the command that compresses, where some names mean something else."""

EXPORT_GROUPS = {
    "Output": "to out live overwrite licence shard_size push public",
    "Sessions": "outcome partial min_reward require_reasoning max_tokens no_unknown_tools dedup "
    "best_of_n",
    "Style": "reasoning harness_turns split_turns arguments tools",
    "Secrets": "secrets config redact",
}
"""The same of the command that exports."""

CONVERT_GROUPS = {
    "Output": "from to out overwrite",
    "Style": EXPORT_GROUPS["Style"],
    "Secrets": EXPORT_GROUPS["Secrets"],
}
"""The same of the command that converts."""

Section: TypeAlias = "tuple[str, list[HelpEntry]]"

_LEFT = 30
_WIDEST = 100
_QUOTES = "()',"


def show_panel(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print one panel of the help."""
    _show(console, options, _sections(panel, GROUPS))


def show_doctor_panel(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print one panel of the help of the command that looks at an endpoint."""
    sections = list(_sections(panel, DOCTOR_GROUPS))
    asked = [section for section in sections if section[0] in ("Model", "Output")]
    _show(console, options, asked or sections)


def show_compress_panel(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print one panel of the help of the command that compresses."""
    _show(console, options, _sections(panel, COMPRESS_GROUPS))


def show_export_panel(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print one panel of the help of the command that exports."""
    _show(console, options, _sections(panel, EXPORT_GROUPS))


def show_convert_panel(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print one panel of the help of the command that converts."""
    _show(console, options, _sections(panel, CONVERT_GROUPS))


def _show(console: Console, options: ConsoleOptions, sections: Iterable[Section]) -> None:
    width = min(options.max_width, _WIDEST)
    for title, entries in sections:
        console.print(f"\n{title}:", markup=False, highlight=False, style="bold")
        for entry in entries:
            for line in _lines(entry, width):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def _sections(panel: HelpPanel, groups: dict[str, str]) -> Iterator[Section]:
    """Split the options by heading; everything else stays together."""
    heading = {name: title for title, names in groups.items() for name in names.split()}
    sections: dict[str, list[HelpEntry]] = {}
    for entry in panel.entries:
        own = str(panel.title)
        title = own if entry.positional_label else heading.get(_name(entry), own)
        sections.setdefault(title, []).append(entry)
    order = ["Arguments", *groups]
    return iter(sorted(sections.items(), key=lambda item: _place(item[0], order)))


def _place(title: str, order: list[str]) -> int:
    return order.index(title) if title in order else len(order)


def _name(entry: HelpEntry) -> str:
    return next(iter(entry.names), "").removeprefix("--").replace("-", "_")


def _lines(entry: HelpEntry, width: int) -> Iterator[str]:
    """Lay out one entry: how it is typed on the left, what it does on the right."""
    typed = _typed(entry)
    said = textwrap.wrap(_description(entry), max(20, width - _LEFT - 2)) or [""]
    if len(typed) > _LEFT - 4:
        yield f"  {typed}"
        typed = ""
    yield f"  {typed:<{_LEFT - 2}}{said[0]}".rstrip()
    yield from (" " * _LEFT + line for line in said[1:])


def _typed(entry: HelpEntry) -> str:
    """How the option is typed; a switch that is on is shown with what turns it off."""
    off = () if entry.default == "True" else entry.negative_names
    return ", ".join(label for label in entry.display_labels_with_metavar if label not in off)


def _description(entry: HelpEntry) -> str:
    inline = getattr(entry.description, "primary_renderable", entry.description)
    text = getattr(inline, "plain", None) or str(inline or "")
    if entry.choices:
        text += f" One of {', '.join(entry.choices)}."
    return text + _default(entry.default)


def _default(default: str | None) -> str:
    if default is None or default in ("False", "{}", "()"):
        return ""
    return f" [default: {'on' if default == 'True' else default.strip(_QUOTES)}]"
