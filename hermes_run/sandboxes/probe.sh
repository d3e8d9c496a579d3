# Tries what a wall must not let through. HERMES_RUN_* are given by whoever runs this; what it could
# read it prints, what it could reach is seen from outside.
printf '%s' "$HERMES_RUN_WORD" >written
env | grep -a "$HERMES_RUN_CANARY"
cat "$HERMES_RUN_SECRET" "/proc/$HERMES_RUN_BAIT/environ" /proc/[0-9]*/environ 2>/dev/null |
    tr '\0' '\n' | grep -a "$HERMES_RUN_CANARY"
{ echo x >>"$HERMES_RUN_SECRET"; } 2>/dev/null
{ echo x >"$HERMES_RUN_OUTSIDE"; } 2>/dev/null
kill -URG "$HERMES_RUN_BAIT" 2>/dev/null
[ "$HERMES_RUN_TCP" ] || exit 0
{ read -r head; while read -r line; do echo "route $line"; done; } 2>/dev/null </proc/net/route
if command -v perl >/dev/null 2>&1 && perl -MSocket -e '
    my ($tcp, $udp, $name) = @ARGV;
    socket(T, PF_INET, SOCK_STREAM, 0) and connect(T, pack_sockaddr_in($tcp, INADDR_LOOPBACK));
    socket(U, PF_INET, SOCK_DGRAM, 0) and send(U, "x", 0, pack_sockaddr_in($udp, INADDR_LOOPBACK));
    socket(N, PF_UNIX, SOCK_STREAM, 0) and connect(N, pack_sockaddr_un("\0$name"));
    ' "$HERMES_RUN_TCP" "$HERMES_RUN_UDP" "$HERMES_RUN_NAME" 2>/dev/null
then echo tried
elif command -v python3 >/dev/null 2>&1 && python3 -I -S -c '
import contextlib, socket, sys
inet, unix = socket.AF_INET, socket.AF_UNIX
tcp, udp, name = sys.argv[1:]
with contextlib.suppress(OSError):
    socket.socket(inet).connect(("127.0.0.1", int(tcp)))
with contextlib.suppress(OSError):
    socket.socket(inet, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(udp)))
with contextlib.suppress(OSError):
    socket.socket(unix).connect("\0" + name)
    ' "$HERMES_RUN_TCP" "$HERMES_RUN_UDP" "$HERMES_RUN_NAME" 2>/dev/null
then echo tried
elif command -v bash >/dev/null 2>&1
then
    bash -c ': <>"/dev/tcp/127.0.0.1/$HERMES_RUN_TCP"' 2>/dev/null
    bash -c 'echo x >"/dev/udp/127.0.0.1/$HERMES_RUN_UDP"' 2>/dev/null
    echo tried
elif command -v nc >/dev/null 2>&1
then
    echo x | nc -w 1 127.0.0.1 "$HERMES_RUN_TCP" >/dev/null 2>&1
    echo x | nc -u -w 1 127.0.0.1 "$HERMES_RUN_UDP" >/dev/null 2>&1
    echo tried
fi
exit 0
