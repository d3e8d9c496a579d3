# The supervisor of a session: runs behind its wall, starts its commands there and ends them.
#
# Any POSIX shell will do: bash, dash, busybox ash. It is given as text (sh -c), so that nobody
# inside can change it, with these arguments:
#   the shell for commands; the control folder; the name of the two FIFOs there that
#   are for this one; for each process of a command the bytes of memory and of a file in KiB, and
#   how many files it may have open and allow itself to; how many processes there may be in all (or
#   nothing)
# Standard output is told that this has begun, what goes wrong at first, and that all is ready. From
# then on only the FIFOs count, which nobody can open any more: commands may be the same user.
#
# Requests, from NAME.in:                   Reports, to NAME.out:
#   grow K     start the keeper K
#   kill K     end what it runs, and it       ended N CODE GROUP     N is over; GROUP is 0, or the
#   ask K      is it there?                                         group, if something is left in it
#   end GROUP  end what is left of a command  here K, lost K         answers to ask; lost also to kill
#   keep GROUP end it when the session ends   gone GROUP             an answer to end
#
# A keeper runs commands, one after the other: it reads their numbers from the FIFO kK in the
# control folder. N.sh sets `line`, `folder` and `home`, which is empty where it is the usual one; N
# is the FIFO for the output. The end of the requests ends the session: so nothing is left of it
# where the host was killed.

shell=$1 control=$2 channel=$3 memory=$4 file=$5 files=$6 most=$7 processes=$8
kept=

exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
# Where memory runs out, commands go before the host does.
{ echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
# Where the system shares its processors out among sessions, a nice process is nice to its own only.
# All users together may tell it ten times a second; who came too late does when a command starts.
back=
[ -w /proc/self/autogroup ] || back=1
stand_back() {
	[ -n "$back" ] || { echo 10 >/proc/self/autogroup && back=1; }
} 2>/dev/null
stand_back

# A command has a process group of its own: by job control, which only some shells have without a
# terminal, or as the leader of a session.
leader=
set -m 2>/dev/null
case $- in
*m*) ;;
*)
	for leader in "$(command -v setsid)" /usr/bin/setsid /bin/setsid; do
		[ ! -x "$leader" ] || break
	done
	[ -x "$leader" ] || {
		echo "neither bash nor setsid is there"
		exit 1
	}
	;;
esac
set +m

# Blocks of files are of 512 bytes, but not in bash.
[ -n "$BASH_VERSION" ] || file=$((file * 2))

# The bounds are for commands alone: the supervisor must still be able to start a process where they
# are not. What can't be lowered is low already.
bound() {
	ulimit -c 0
	ulimit -d "$memory"
	ulimit -f "$file"
	ulimit -S -n "$files"
	ulimit -H -n "$most"
	[ -z "$processes" ] || ulimit -u "$processes" || ulimit -p "$processes"
} 2>/dev/null

end_group() {
	# A setsid that has not come so far yet has no group.
	kill -KILL "-$child" || kill -KILL "$child"
}

serve() {
	killed='' child=''
	trap 'killed=1; [ -z "$child" ] || end_group' TERM
	while [ -z "$killed" ] && read -r number; do
		case $number in '' | *[!0-9]*) continue ;; esac
		code=126 group=0
		command . "$control/$number.sh" && perform
		echo "ended $number $code $group"
	done
}

perform() {
	[ -z "$killed" ] || return
	stand_back
	[ -n "$leader" ] || set -m
	(
		bound
		cd "$folder" || exit 126
		[ -z "$home" ] || export HOME="$home" PYTHONNOUSERSITE=1
		exec $leader "$shell" -c "$line"
	) </dev/null >"$control/$number" 2>&1 &
	child=$!
	set +m
	[ -z "$killed" ] || end_group
	wait "$child"
	code=$?
	if [ -n "$killed" ]; then
		while kill -0 "$child"; do wait "$child"; done
	elif kill -0 "-$child"; then
		group=$child
	fi
	child=
}

# Requests to end are for those who look after a command, not for this one.
trap '' TERM
# Who waits for the other end of a FIFO waits for ever where the host was killed. If it was before a
# wall could see that, nobody reads this any more; if it is later, the wall ends all there is. Without
# a wall that is left to whoever goes on with the run.
echo begun || exit 1
exec <"$control/$channel.in" 3>"$control/$channel.out" || exit 1
echo ready
exec >&3 3>&- 2>/dev/null

while read -r verb number; do
	case $number in '' | *[!0-9]*) continue ;; esac
	case $verb in
	grow)
		# bash waits for its children by itself; others do when they are asked about them.
		[ -n "$BASH_VERSION" ] || jobs >/dev/null
		serve <"$control/k$number" &
		eval "keeper$number=\$!"
		;;
	kill) eval "kill -TERM \$keeper$number" || echo "lost $number" ;;
	ask) if eval "kill -0 \$keeper$number"; then echo "here $number"; else echo "lost $number"; fi ;;
	end)
		kill -KILL "-$number"
		echo "gone $number"
		;;
	keep) kept="$kept $number" ;;
	esac
done

for group in $kept; do
	# A process of that number is another's: the leader of this group has ended.
	kill -0 "$group" || kill -KILL "-$group"
done
kill -TERM 0
wait
