"""Why toolsets can't be used, in words that say what to type. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

_ADVICE = """\
Back {each} with an MCP server: give a server that name in the file of --mcp, as
  {{"mcpServers": {{"{first}": {{"command": "..."}}}}}}
or take the tools of a server that has another one, in the file of --toolsets-file:
  [toolsets.{first}]
  mcp = ["SERVER"]"""

_LEAVE_OUT = """\
To leave {them} out, write a distribution of your own there and name it with --distribution:
  [distributions.mine]
{kept}"""


class Lack(msgspec.Struct, frozen=True):
    """What toolsets lack: anything that backs them, servers that are absent, a network."""

    unbacked: tuple[str, ...] = ()
    absent: Mapping[str, tuple[str, ...]] = {}
    offline: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether they lack anything."""
        return bool(self.unbacked or self.absent or self.offline)


class Asked(msgspec.Struct, frozen=True):
    """The distribution that asks for toolsets, if one does, and the chances of its usable ones."""

    distribution: str = ""
    usable: Mapping[str, float] = {}


def explain(lack: Lack, asked: Asked) -> str:
    """Say what is lacking, and how to get it or do without."""
    return "\n".join([*_who(lack, asked), *_advice(lack), *_without(lack, asked)])


def needs(lack: Lack) -> list[str]:
    """Say in a few words each what is lacking."""
    servers = dict.fromkeys(each for names in lack.absent.values() for each in names)
    said = [f"an MCP server for {_each(lack.unbacked)}"] if lack.unbacked else []
    said += [_servers(tuple(servers))] if servers else []
    return said + ([f"--network host for {_each(lack.offline)}"] if lack.offline else [])


def _who(lack: Lack, asked: Asked) -> Iterator[str]:
    name = asked.distribution
    what = f"the distribution {name!r} can draw toolsets" if name else "toolsets are asked for"
    yield f"{what} that can't be used:"
    if lack.unbacked:
        yield f"  nothing backs {_listed(lack.unbacked)}"
    for toolset, servers in lack.absent.items():
        yield f"  {toolset} is to have tools of {_servers(servers)}, not in the file of --mcp"
    if lack.offline:
        yield f"  {_listed(lack.offline)} is of no use without a network"


def _advice(lack: Lack) -> Iterator[str]:
    names = (*lack.unbacked, *lack.offline)
    if lack.offline:
        yield f"For {_listed(lack.offline)}: type --network host, or do as follows."
    if names:
        each = names[0] if len(names) == 1 else "each of them"
        yield _ADVICE.format(each=each, first=names[0])
    if lack.absent:
        yield "Name the missing servers in the file of --mcp."


def _without(lack: Lack, asked: Asked) -> Iterator[str]:
    if not asked.distribution:
        return
    count = len({*lack.unbacked, *lack.absent, *lack.offline})
    kept = [f"  {name} = {percent:g}" for name, percent in asked.usable.items() if percent]
    them = "it" if count == 1 else "them"
    yield _LEAVE_OUT.format(them=them, kept="\n".join(kept) or "  terminal = 100")


def _servers(names: tuple[str, ...]) -> str:
    return f"the MCP server{'' if len(names) == 1 else 's'} {_listed(names)}"


def _each(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"each of {_listed(names)}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
