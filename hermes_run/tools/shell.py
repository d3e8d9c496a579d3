"""Let one shell go on where the one before it ended, though each command has a shell of its own.

A command is wrapped in a line that takes up the saved state, runs the command by ``eval`` and saves
the state when the shell ends, also where the command failed or called ``exit``. A shell that is
killed, or replaced by ``exec``, saves nothing: the last saved state stands. In bash the state is
the working directory, exported variables, functions, aliases and ``shopt`` options; options of
``set`` are not kept, since a ``set -e`` left behind would end later commands. In any other shell it
is the working directory and exported variables.

The state is a script in a folder of its own in the sandbox's temporary folder. bash writes it down
at the end of every command without a process for it, and only where it differs from what was there
the file is put in place, by a rename: what another shell reads is never torn, and of two at once
the last one wins.

Its name has the number of the step whose calls run, and a call reads the newest one of an earlier
step. So all calls of a step begin from the same state, and one that is run again after a crash does
not begin from what it had saved itself, though its result was never recorded.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Generator
from hashlib import sha256
from typing import cast

import anyio

from hermes_run.sandboxes.fencing import VARIABLE
from hermes_run.sandboxes.protocol import Command
from hermes_run.tools.tool import Context

STATE_BYTES = 1_000_000
"""A shell that has more to remember than this is not saved."""

OLD = 4
"""So many states older than the one a command began from are removed together."""

TWICE_CHARACTERS = 40_000
"""Up to this a command is written twice, so that messages name its lines as they are."""

LOST = "[%s is not there any more; the command runs in %s]"
ANEW = "[the shell was started anew: its working directory and variables are as at the beginning]"
UNSAVED = "[the working directory and the variables of this command could not be kept]"

_SLOTS, _SEEN, _LEFT = "shell.slots", "shell.seen", "shell.left"

_DIGITS = 9
_NUMBER = "[0-9]" * _DIGITS

_FORGET_S = 20.0

_TRAP = "{ __hermes_keep; } 9>&1 >/dev/null 2>&1"

# Everything is said with `builtin`, since commands put functions in the place of builtins, and with
# `[[`, which they cannot. Functions are read before aliases, which would be written into them.
_BASH = rf"""
builtin shopt -s expand_aliases;
__hermes_o=$BASHOPTS __hermes_x=$PATH __hermes_f=${VARIABLE} __hermes_b= __hermes_l= __hermes_p=
__hermes_q=;
[[ -d $__hermes_d ]] || mkdir -p -m 700 -- "$__hermes_d" 2>/dev/null;
__hermes_m= __hermes_g=();
for __hermes_v in "$__hermes_d"/bash.{_NUMBER}; do
  [[ -f $__hermes_v && -r $__hermes_v ]] || continue;
  [[ ! $__hermes_k || $__hermes_v < $__hermes_d/bash.$__hermes_k ]] || break;
  [[ ! $__hermes_m ]] || __hermes_g+=("$__hermes_m");
  __hermes_m=$__hermes_v;
done;
[[ $__hermes_k ]] || builtin printf -v __hermes_k %0{_DIGITS}d "$((10#0${{__hermes_m##*.}} + 1))";
if [[ $__hermes_m ]]; then
  IFS= builtin read -rd "" __hermes_b < "$__hermes_m";
  builtin eval "${{__hermes_b/declare -x LANG=\"$LANG\"}}" >/dev/null 2>&1;
  __hermes_p=$PWD __hermes_q=${{OLDPWD-}};
  [[ ! $__hermes_f ]] || builtin export {VARIABLE}="$__hermes_f";
  [[ ! $__hermes_l$__hermes_w ]] || builtin cd -P .;
  [[ ! $__hermes_l ]] || builtin printf "{LOST}\n" "$__hermes_p" "$PWD";
elif [[ $__hermes_a ]]; then builtin printf "%s\n" "{ANEW}";
fi;
__hermes_p=${{__hermes_p:-$__hermes_r}};
__hermes_keep() {{
  __hermes_s=$?;
  [[ $BASH_SUBSHELL = 0 ]] || builtin return;
  builtin set +eu;
  builtin unset -f __hermes_keep ${{__hermes_t:+trap}};
  builtin trap "" XFSZ;
  builtin umask 077;
  if [[ $__hermes_w ]]; then builtin export PWD="$__hermes_p" OLDPWD="$__hermes_q";
  elif [[ ! $PWD || ( -e $PWD && ! $PWD -ef . ) ]]; then builtin cd -P .;
  fi;
  __hermes_n=;
  {{
    builtin printf "[[ \$__hermes_w || \$PWD = %q ]] || builtin cd -- %q || __hermes_l=1\n" \
      "$PWD" "$PWD";
    for __hermes_v in HOME LANG PATH TERM TMPDIR; do
      [[ ${{!__hermes_v+x}} ]] || builtin printf "builtin unset -v %s\n" "$__hermes_v";
    done;
    builtin export -p;
    [[ $BASHOPTS = "$__hermes_o" ]] || builtin shopt -p;
    builtin declare -f;
    builtin alias -p;
    builtin printf "#kept";
  }} >| "$__hermes_d/new.$__hermes_i" &&
    IFS= builtin read -rd "" __hermes_n < "$__hermes_d/new.$__hermes_i";
  if [[ ! $__hermes_n || $__hermes_n != "$__hermes_b" ]]; then
    if [[ $__hermes_n = *"#kept" && ${{#__hermes_n}} -le {STATE_BYTES} ]] &&
      PATH=$__hermes_x builtin command mv -f -- "$__hermes_d/new.$__hermes_i" \
        "$__hermes_d/bash.$__hermes_k"; then
      [[ ${{#__hermes_g[@]}} -lt {OLD} ]] ||
        PATH=$__hermes_x builtin command rm -f -- "${{__hermes_g[@]}}";
    else builtin printf "%s\n" "{UNSAVED}" >&9;
    fi;
  fi;
  builtin return $__hermes_s;
}};
builtin trap "{_TRAP}" EXIT;
"""

# Where a command sets traps, its own for the end of the shell must not push ours away.
_TRAPS = rf"""
__hermes_t=1;
trap() {{
  builtin trap "$@" || builtin return;
  [[ $BASH_SUBSHELL = 0 ]] || builtin return 0;
  __hermes_e=$(builtin trap -p EXIT);
  [[ $__hermes_e ]] || __hermes_e="trap -- \"\" EXIT";
  [[ $__hermes_e = *__hermes_keep* ]] ||
    builtin eval "builtin trap -- \"{_TRAP};\"${{__hermes_e#trap -- }}";
}};
"""

_OTHER = rf"""
__hermes_x=$PATH __hermes_f=${VARIABLE};
[ -d "$__hermes_d" ] || mkdir -p -m 700 -- "$__hermes_d" 2>/dev/null;
__hermes_p=$__hermes_r __hermes_c=$PWD __hermes_m=;
for __hermes_v in "$__hermes_d"/sh.{_NUMBER}; do
  [ -f "$__hermes_v" ] && [ -r "$__hermes_v" ] || continue;
  [ ! "$__hermes_k" ] || [ "${{__hermes_v##*.}}" -lt "$__hermes_k" ] || break;
  __hermes_m=$__hermes_v;
done;
[ "$__hermes_k" ] || {{
  __hermes_k=${{__hermes_m##*.}};
  __hermes_k=$(printf %0{_DIGITS}d "$((1${{__hermes_k:-{"0" * _DIGITS}}} - {10**_DIGITS - 1}))");
}};
if [ "$__hermes_m" ]; then
  . "$__hermes_m" >/dev/null 2>&1;
  __hermes_q=$__hermes_p; unset -v __hermes_p; __hermes_p=$__hermes_q;
  [ ! "$__hermes_f" ] || export {VARIABLE}="$__hermes_f";
  if [ "$__hermes_w" ]; then cd -P .;
  elif [ "$__hermes_c" != "$__hermes_p" ] && ! cd -- "$__hermes_p" 2>/dev/null; then
    cd -P .; printf "{LOST}\n" "$__hermes_p" "$PWD";
  fi;
elif [ "$__hermes_a" ]; then printf "%s\n" "{ANEW}";
fi;
__hermes_keep() {{
  set +eu;
  [ "$__hermes_w" ] || __hermes_p=$PWD;
  export __hermes_p;
  umask 077;
  {{ export -p; echo "#kept"; }} >| "$__hermes_d/new.$__hermes_i";
  (
    PATH=$__hermes_x;
    [ "$__hermes_m" ] && cmp -s "$__hermes_d/new.$__hermes_i" "$__hermes_m" || {{
      [ "$(tail -n 1 "$__hermes_d/new.$__hermes_i")" = "#kept" ] &&
        mv -f -- "$__hermes_d/new.$__hermes_i" "$__hermes_d/sh.$__hermes_k" || exit;
      for __hermes_v in "$__hermes_d"/sh.{_NUMBER}; do
        [ "$__hermes_v" != "$__hermes_m" ] || break;
        [ "${{__hermes_v##*.}}" -ge "$__hermes_k" ] || rm -f -- "$__hermes_v";
      done;
    }};
  ) || printf "%s\n" "{UNSAVED}" >&9;
}};
trap "{_TRAP}" EXIT;
"""


_FORGET = f"""\
for state in {{folder}}/bash.{_NUMBER} {{folder}}/sh.{_NUMBER}; do
  [ ! -f "$state" ] || [ "${{{{state##*.}}}}" -lt {{step}} ] || rm -f -- "$state";
done
"""


def _joined(script: str) -> str:
    """Write a script on one line: the shell counts lines for what it says of the command."""
    return " ".join(line.strip().removesuffix("\\") for line in script.splitlines())


_BASH_PART, _TRAPS_PART, _OTHER_PART = (
    shlex.quote(_joined(script)) for script in (_BASH, _TRAPS, _OTHER)
)


def private_folder(context: Context) -> str:
    """Write where, for a shell, the session's own folder in the temporary folder is."""
    name = f"{context.session}\0{context.sandbox.root}".encode("utf-8", "surrogatepass")
    return f'"${{TMPDIR:-/tmp}}/.hermes-{sha256(name).hexdigest()[:12]}"'


def going_on(line: str, slot: int, context: Context, *, elsewhere: bool = False) -> str:
    """Wrap a command so that it goes on where the one before it ended.

    Args:
        line: the command.
        slot: a number that no other command has while this one runs, from :func:`slot`.
        context: the session.
        elsewhere: it stays in the folder it is started in, and the next one is where it would
            have been without it.
    """
    given = {
        "__hermes_d": private_folder(context),
        "__hermes_r": shlex.quote(context.sandbox.root),
        "__hermes_i": str(slot),
        "__hermes_k": "" if context.step is None else f"{context.step:0{_DIGITS}}",
        "__hermes_w": "1" if elsewhere else "",
        "__hermes_a": "1" if expected(context) else "",
    }
    assignments = " ".join(f"{name}={value}" for name, value in given.items())
    traps = f"eval {_TRAPS_PART}; " if re.search(r"\btrap\b", line) else ""
    bash, other = f"eval {_BASH_PART}; {traps}", f"eval {_OTHER_PART}; "
    text = f"eval {shlex.quote(line)}"
    if "\n" not in line or len(line) > TWICE_CHARACTERS:
        return f'{assignments}; if [ "$BASH_VERSION" ]; then {bash}else {other}fi; {text}'
    # bash counts the lines of the command from the one where the word after `eval` ends.
    flat = line.replace("\\", "\\\\").replace("'", "\\047").replace("\n", "\\n")
    bash, other = f"{bash}eval $'{flat}'; ", f"{other}{text}; "
    return f'{assignments}; if [ "$BASH_VERSION" ]; then {bash}else {other}fi'


@contextlib.contextmanager
def slot(context: Context) -> Generator[int]:
    """Give a number that no other command of the session has meanwhile."""
    taken = cast("set[int]", context.state.setdefault(_SLOTS, set()))
    number = next(n for n in range(len(taken) + 1) if n not in taken)
    taken.add(number)
    try:
        yield number
    finally:
        taken.remove(number)


async def forget(context: Context) -> None:
    """Take away what calls have saved whose results were not recorded before a crash.

    It is done once, before the first command of a session that goes on.

    Raises:
        OSError: no shell can be asked.
    """
    lock = cast("anyio.Lock | None", context.state.get(_LEFT))
    if lock is None or context.step is None:
        return
    async with lock:
        if _LEFT in context.state:
            line = _FORGET.format(folder=private_folder(context), step=context.step)
            await context.sandbox.run(Command(line, _FORGET_S, 0))
            context.state.pop(_LEFT)


def go_on(state: dict[str, object]) -> None:
    """Note that there was an earlier attempt at the session."""
    state[_LEFT] = anyio.Lock()


def expected(context: Context) -> bool:
    """Tell, once, whether there should be a state, since an earlier attempt used the shell."""
    return bool(context.state.pop(_SEEN, False))


def expect(state: dict[str, object]) -> None:
    """Note that an earlier attempt at the session used the shell."""
    state[_SEEN] = True
