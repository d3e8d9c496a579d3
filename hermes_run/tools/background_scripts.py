"""What shells are given to start, watch and end a command in the background. Any POSIX shell does.

The folder of a command holds ``pid`` (number, group and start of its shell), ``exit`` (its
exit code, once it has ended), ``done`` (its output is all there) and ``out.PLACE``, at most two.
"""

from __future__ import annotations

from hermes_run.tools.shell_scripts import joined

PART_BYTES = 1_048_576
"""A file of output is full at this size; the one before it is kept, older ones are not."""

# Sets `state` and `code` for the folder one is in. A number of a process may belong to another one
# by now: the time of its start tells, where the system says it.
_STATE = r"""
__hermes_state() {{
  state=running; code=-;
  if [ -s exit ]; then read -r code < exit; state=exited; return; fi;
  p=; g=; s=;
  if [ -s pid ]; then read -r p g s < pid; fi;
  if kill -0 "${{p:-?}}" 2>/dev/null; then
    {{ IFS= read -r x < "/proc/$p/stat"; }} 2>/dev/null || return 0;
    set -- ${{x##*) }};
    [ "$1" != Z ] && [ "${{20}}" = "$s" ] && return 0;
  fi;
  state=lost;
  if [ -s exit ]; then read -r code < exit; state=exited; fi;
}};
"""

# Nothing is kept of the shell that starts a command. The one that notes the exit code outlives a
# TERM to the whole group, and so does the writer, which ends when nobody holds its pipe any more.
BEGIN = joined(
    _STATE
    + r"""
__hermes_keep() {{ :; }};
__hermes_m=0;
for __hermes_p in "$__hermes_d"/p*/; do
  [ ! -d "$__hermes_p" ] || __hermes_m=$(
    cd -P -- "$__hermes_p" && __hermes_state;
    [ "$state" != running ] || __hermes_m=$((__hermes_m + 1)); echo $__hermes_m);
done;
if [ "$__hermes_m" -ge {most} ]; then echo "started full"; exit 0; fi;
__hermes_n=1;
until [ ! -e "$__hermes_d/p$__hermes_n" ] && mkdir -m 700 "$__hermes_d/p$__hermes_n"; do
  [ -d "$__hermes_d" ] || exit 1;
  __hermes_n=$((__hermes_n + 1));
done;
__hermes_j=$__hermes_d/p$__hermes_n;
[ ! "$BASH_VERSION" ] || set -m;
{{
  (
    trap : TERM INT HUP;
    ( {text} ) 2>&1;
    echo $? > "$__hermes_j/exit";
  ) 2>/dev/null | (
    trap "" TERM INT HUP;
    cd -P -- "$__hermes_j" || exec cat >/dev/null;
    n=0; a=; f=out.000000000000000; b=0; : > "$f";
    while dd bs=4096 count=256 >> "$f" 2>/dev/null || {{ cat >/dev/null; false; }}; do
      s=$(($(wc -c < "$f")));
      [ "$s" -gt "$b" ] || break;
      b=$s;
      if [ "$s" -ge PART_BYTES ]; then
        [ ! "$a" ] || rm -f "$a";
        a=$f; n=$((n + s)); b=0;
        f=$(printf "out.%015d" "$n"); : > "$f";
      fi;
    done;
    : > done;
  );
}} </dev/null >/dev/null 2>&1 &
__hermes_p=$!;
{{ IFS= read -r __hermes_y < "/proc/$__hermes_p/stat"; }} 2>/dev/null ||
  __hermes_y="0 () - - $__hermes_p";
set -- ${{__hermes_y##*) }};
echo "$__hermes_p $3 ${{20}}" > "$__hermes_j/pid";
[ ! "$BASH_VERSION" ] || set +m;
echo "started p$__hermes_n";
""".replace("PART_BYTES", str(PART_BYTES))
)

# A file of output may be removed while it is looked at; what is said of that is no answer.
_ENTER = "exec 2>/dev/null; cd -P -- {folder} || exit 1;" + _STATE + "__hermes_state;"

# The last of the output may be on its way to the file when the exit code is already there.
_HEAD = (
    _ENTER
    + r"""
for i in 1 2 3 4; do
  [ "$state" = exited ] && [ ! -e done ] || break;
  sleep 0.05;
done;
o=; t=0;
__hermes_shown() {{
  for f in out.*; do
    [ -f "$f" ] || continue;
    b=${{f#out.}}; b=${{b#"${{b%%[1-9]*}}"}}; b=${{b:-0}};
    z=$(wc -c < "$f") && [ "$z" ] || continue;
    z=$((z));
    o=${{o:-$b}}; k=$(({since} - b)); [ "$k" -gt 0 ] || k=0;
    if [ "$1" ]; then
      [ "$b" -ge "$t" ] || [ "$k" -ge "$z" ] ||
        tail -c "+$((k + 1))" "$f" | head -c "$((t - b - k))";
    else
      t=$((b + z));
    fi;
  done;
}};
__hermes_shown "";
"""
)

LOOK = _HEAD + 'echo "$state $code ${{o:-0}} $t 0";'
POLL = LOOK + "__hermes_shown 1;"
LOG = (
    _HEAD
    + 'l=$(($(__hermes_shown 1 | wc -l))); echo "$state $code ${{o:-0}} $t $l";'
    + "__hermes_shown 1 | {part};"
)

WAIT = (
    _ENTER
    + r"""
n=0; m=50;
while [ "$state" = running ] && [ "$n" -lt {ms} ]; do
  case $m in 50) sleep 0.05;; 100) sleep 0.1;; 200) sleep 0.2;; *) sleep 0.4;; esac;
  n=$((n + m)); [ "$m" -ge 400 ] || m=$((m * 2));
  __hermes_state;
done;
"""
)

KILL = (
    _ENTER
    + r"""
if [ "$state" = running ] && [ "${{g:-0}}" -gt 1 ]; then
  kill -TERM -- "-$g" 2>/dev/null;
  i=0;
  while [ ! -e done ] && kill -0 -- "-$g" 2>/dev/null && [ "$i" -lt 40 ]; do
    sleep 0.05; i=$((i + 1));
  done;
  kill -KILL -- "-$g" 2>/dev/null;
  [ -s exit ] || echo 137 > exit;
  : > done;
fi;
"""
)
