"""What a command is wrapped in, so that a shell goes on where the one before it ended."""

from __future__ import annotations

import shlex
from hashlib import sha256

from hermes_run.sandboxes.fencing import VARIABLE

STATE_BYTES = 1_000_000
"""A shell that has more to remember than this is not saved."""

OLD = 4
"""So many states older than the one a command began from are removed together."""

LOST = "[%s is not there any more; the command runs in %s]"
ANEW = "[the shell was started anew: its working directory and variables are as at the beginning]"
UNSAVED = "[the working directory and the variables of this command could not be kept]"

DIGITS = 9
_NUMBER = "[0-9]" * DIGITS

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
[[ $__hermes_k ]] || builtin printf -v __hermes_k %0{DIGITS}d "$((10#0${{__hermes_m##*.}} + 1))";
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
    [[ ! ${{!_OLD_VIRTUAL_*}} ]] || builtin declare -p ${{!_OLD_VIRTUAL_*}};
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
  __hermes_k=$(printf %0{DIGITS}d "$((1${{__hermes_k:-{"0" * DIGITS}}} - {10**DIGITS - 1}))");
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


FORGET = f"""\
for state in {{folder}}/bash.{_NUMBER} {{folder}}/sh.{_NUMBER}; do
  [ ! -f "$state" ] || [ "${{{{state##*.}}}}" -lt {{step}} ] || rm -f -- "$state";
done
"""


def joined(script: str) -> str:
    """Write a script on one line: the shell counts lines for what it says of the command."""
    return " ".join(line.strip().removesuffix("\\") for line in script.splitlines())


BASH_PART, TRAPS_PART, OTHER_PART = (
    shlex.quote(joined(script)) for script in (_BASH, _TRAPS, _OTHER)
)

INLINE = f'case $BASH_VERSION in "") eval {OTHER_PART};; *) eval {BASH_PART};; esac'
"""Takes up the state, and prepares that it is saved."""

FILE = f"begin-{sha256(INLINE.encode()).hexdigest()[:12]}"
"""The name of the file that has the same, in the folder of the state."""

GONE, GONE_CODE = "[what commands begin with is gone]", 213
"""What is said and exited with where the file is not there or not whole: nothing was run."""

FROM_FILE = (
    f'__hermes_y=$__hermes_d/{FILE}; [ ! -f "$__hermes_y" ] || [ ! -r "$__hermes_y" ] || '
    f'. "$__hermes_y"; case $__hermes_p in "") printf %s "{GONE}"; exit {GONE_CODE};; esac'
)
