"""What runs in a container around a command: plain ``sh``, which every image has that is of use.

A command is a child of the script :data:`RUN`, which the engine starts as the leader of a session
and process group of its own. The engine tells no process id that means anything in the container
and can end no command, so the script says its id before anything else, and :data:`END` kills that
group from inside.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

NAME: Final = "hermes-run"
"""What the scripts are called in a list of processes."""

_COMMON: Final = r"""
# Put the processes of group $1 into $found, without $2; zombies are no processes any more.
members() {
    group=$1 spared=$2 found=
    for each in /proc/[0-9]*/stat; do
        stat=
        while IFS= read -r text || [ -n "$text" ]; do stat=$text; done 2>/dev/null <"$each"
        # A program may give itself a name with blanks and brackets; what counts comes after it.
        set -- ${stat##*") "}
        number=${each#/proc/} number=${number%/stat}
        case "$1 $3 $number" in
            Z*|X*|*" $spared") ;;
            *" $group $number") found="$found $number" ;;
        esac
    done
}
# Put how often something was killed here because there was no memory left into $kills.
count_kills() {
    kills=0
    for each in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
        while read -r name number; do
            [ "$name" = oom_kill ] && kills=$number
        done 2>/dev/null <"$each"
    done
}
"""

RUN: Final = (
    _COMMON
    + r"""
members $$ none
count_kills
echo "$$ $found $kills"
cd -- "$2" || exit 1
# What the shell itself has to say about a command that is killed belongs to nobody.
exec 2>/dev/null
([ -n "$5" ] && HOME=$5; exec "$3" -c "$1" </dev/null 2>&1)
code=$?
[ -n "$4" ] && exit "$code"
while members $$ $$; [ -n "$found" ]; do kill -s KILL $found; done
exit "$code"
"""
)
"""Runs ``$1`` in the folder ``$2`` by the shell ``$3``; ``$4`` is empty unless it is lasting, and
``$5`` is its home unless that is empty."""

END: Final = (
    _COMMON
    + r"""
count_kills
echo "$kills"
[ -n "$1" ] || exit 0
tries=0
while kill -s KILL -- "-$1" 2>/dev/null; members "$1" none; [ -n "$found" ]; do
    tries=$((tries + 1))
    [ "$tries" -gt 50 ] && exit 1
    sleep 0.1 || sleep 1
done
exit 0
"""
)
"""Says how often memory ran out, and kills the group ``$1`` until nothing of it is left."""

PROBE: Final = (
    _COMMON
    + r"""
members $$ none
shell=/bin/sh
[ -x /bin/bash ] && shell=/bin/bash
rights=none
[ -w "$1" ] && [ -w "$2" ] && rights=all
echo "$$ $found $shell $rights"
: >"$2/$3"
"""
)
"""Says what a container is like and leaves the file ``$3`` in the folder ``$2``; ``$1`` is the
workspace."""

_HEADER = re.compile(rb"([0-9]{1,10})  ?([0-9]{1,10}) ([0-9]{1,18})")
_PROBED = re.compile(rb"([0-9]{1,10})  ?([0-9]{1,10}) (/bin/(?:ba)?sh) (all|none)")


class Header(msgspec.Struct, frozen=True):
    """What is known when a command begins: its group, and how often memory has run out so far."""

    group: str
    kills: int


class Probed(msgspec.Struct, frozen=True):
    """What a container is like: its shell, and whether the folders can be written."""

    shell: str
    writable: bool


def read_header(line: bytes) -> Header | None:
    """Read the first line of :data:`RUN`; nothing where it is none."""
    found = _HEADER.fullmatch(line)
    if not found or found[1] != found[2]:
        return None
    return Header(group=found[1].decode(), kills=int(found[3]))


def read_probed(line: bytes) -> Probed | None:
    """Read the line of :data:`PROBE`; nothing where it is none."""
    found = _PROBED.fullmatch(line)
    if not found or found[1] != found[2]:
        return None
    return Probed(shell=found[3].decode(), writable=found[4] == b"all")


def read_kills(line: bytes) -> int:
    """Read the line of :data:`END`."""
    return int(line) if re.fullmatch(rb"[0-9]{1,18}", line) else 0
