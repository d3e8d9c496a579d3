"""Bombs, and how the call of each may end."""

from __future__ import annotations

import msgspec


class Bomb(msgspec.Struct, frozen=True):
    """A command, what its result says one way or another, and what it must not come to say."""

    line: str
    said: str
    never: str = "came-to-its-end"


def python(code: str) -> str:
    """Write a command that runs a program."""
    return f"python3 - <<'END'\n{code}\nEND"


LATE = "ran into its limit of"
MEMORY = rf"had more than 256 MiB of memory|MemoryError|{LATE}"
DISK = rf"wrote more than 128 MiB|No space left|File size limit|{LATE}"
FORKS = rf"Resource temporarily unavailable|BlockingIOError|can.t start new thread|{LATE}"
FILES = rf"Too many open files|{LATE}"
DROPPED = r"killed after \d+ bytes of output"

EAT = "python3 -c \"x = []\nwhile True: x.append(bytearray(b'x' * (8 << 20)))\""

HOLD = "print('came-to-its-end', flush=True)\nimport time; time.sleep(20)"

ZOMBIE = f"""\
cat >z.py <<'END'
import ctypes, threading, time
def work():
    x = [bytearray(b'x' * (8 << 20)) for _ in range(25)]
    open('ready-%d' % threading.get_native_id(), 'w').close()
    time.sleep(60)
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(None)
END
for i in 1 2 3 4 5 6; do python3 z.py & done
while [ $(ls ready-* 2>/dev/null | wc -l) -lt 6 ]; do sleep .1; done; sleep .5
{python(HOLD)}"""

SOCKETS = f"""\
import socket, time
kept, total = [], 0
while total < 1500 << 20:
    pair = socket.socketpair()
    kept.append(pair)
    for end in pair:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
        try:
            while True: total += end.send(b'x' * 32768)
        except BlockingIOError: pass
time.sleep(.5)
{HOLD}"""

FLIGHT = f"""\
import os, socket, time
a, b = socket.socketpair()
for i in range(16):
    f = os.open(f'x{{i}}', os.O_RDWR | os.O_CREAT); os.unlink(f'x{{i}}')
    for _ in range(3): os.write(f, b'x' * (8 << 20))
    socket.send_fds(a, [b'x'], [f]); os.close(f)
time.sleep(.5)
{HOLD}"""

MAPPED = f"""\
import mmap, os, time
kept = []
for i in range(16):
    f = os.open(f'x{{i}}', os.O_RDWR | os.O_CREAT); os.unlink(f'x{{i}}')
    for _ in range(3): os.write(f, b'x' * (8 << 20))
    kept.append(mmap.mmap(f, 4096)); os.close(f)
time.sleep(.5)
{HOLD}"""

DESCRIPTORS = f"""\
cat >f.py <<'END'
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
f = os.open('/dev/null', 0)
try:
    while True: os.dup(f)
except OSError: time.sleep(20)
END
for i in $(seq 20); do python3 f.py & done
{EAT} & {EAT} & {EAT} & wait"""

SEGMENTS = f"""\
import ctypes, time
c = ctypes.CDLL(None); c.shmat.restype = ctypes.c_void_p; c.shmdt.argtypes = [ctypes.c_void_p]
had = 0
for _ in range(1000):
    s = c.shmget(0, (1 << 20) - 4096, 0o600)
    if s < 0: break
    p = c.shmat(s, None, 0); ctypes.memset(p, 1, (1 << 20) - 4096); c.shmdt(p); had += 1
assert had > 256, 'No segments: MemoryError'
time.sleep(.5)
{HOLD}"""

TERMINALS = """\
import os
had = []
try:
    while len(had) < 2500: had.append(os.open('/dev/ptmx', os.O_RDWR))
except OSError as error: print(error)
print('came-to-its-end' if len(had) > 1100 else 'Too many open files')"""

BOMBS = {
    "forks": Bomb(":(){ :|:& };: ; sleep 1; echo $(ls -d /proc/[0-9]* | wc -l)", FORKS),
    "forks_of_python": Bomb(
        python("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"), LATE
    ),
    "memory": Bomb(EAT, MEMORY),
    "memory_of_many_processes": Bomb(f"for i in 1 2 3 4 5 6; do {EAT} & done; wait", MEMORY),
    "memory_of_a_zombie": Bomb(ZOMBIE, MEMORY),
    "memory_of_sockets": Bomb(python(SOCKETS), MEMORY + "|" + FILES),
    "memory_between_many_descriptors": Bomb(DESCRIPTORS, MEMORY),
    "memory_that_is_shared": Bomb(
        python(
            "import mmap\nx = []\nwhile True:\n  x.append(mmap.mmap(-1, 8 << 20))\n"
            "  x[-1].write(bytes(8 << 20))"
        ),
        MEMORY,
    ),
    "segments": Bomb(python(SEGMENTS), MEMORY),
    "shared_memory": Bomb("head -c 400M /dev/zero >/dev/shm/full; ls -l /dev/shm", DISK),
    "names_in_memory": Bomb(
        python(
            "import time\nfor n in range(900000): open(f'/dev/shm/{n}', 'w').close()\n" + HOLD
        ),
        MEMORY + "|" + DISK,
    ),
    "disk": Bomb(
        "for i in $(seq 8); do head -c 100M /dev/zero >full$i; done; echo came-to-its-end", DISK
    ),
    "one_large_file": Bomb("head -c 400M /dev/zero >full && echo came-to-its-end", DISK),
    "disk_without_a_name": Bomb(
        "exec 9>gone; rm gone; for i in $(seq 40); do head -c 16M /dev/zero >&9 || exit; done; "
        "echo came-to-its-end",
        DISK,
    ),
    "disk_in_flight": Bomb(python(FLIGHT), DISK),
    "disk_that_is_only_mapped": Bomb(python(MAPPED), DISK),
    "temporary_files": Bomb(
        "for i in $(seq 40); do head -c 16M /dev/zero >/tmp/t$i; done; echo came-to-its-end", DISK
    ),
    "files": Bomb(
        "mkdir f; cd f; for i in $(seq 400); do seq -f $i-%g 1000 | xargs touch; done; "
        "echo came-to-its-end",
        DISK,
    ),
    "processors": Bomb("for i in 1 2 3 4; do (while :; do :; done) & done; wait", LATE),
    "output": Bomb("yes", DROPPED + "|" + LATE),
    "one_line_of_a_gigabyte": Bomb("head -c 1G /dev/zero | tr '\\0' x", DROPPED + "|" + LATE),
    "a_drip": Bomb("while :; do printf .; sleep 0.2; done", LATE),
    "open_files": Bomb(
        python("import os\nx = []\nwhile len(x) < 200000: x.append(os.pipe())\n" + HOLD), FILES
    ),
    "terminals": Bomb(python(TERMINALS), FILES),
    "sleepers": Bomb("for i in $(seq 3000); do sleep 600 & done; echo over", FORKS),
    "threads": Bomb(
        python(
            "import threading, time\nfor i in range(20000): "
            "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n" + HOLD
        ),
        FORKS,
    ),
    "message_queues": Bomb(
        python(
            "import ctypes; c = ctypes.CDLL(None)\n"
            "had = sum(c.msgget(0, 0o600) >= 0 for _ in range(2000))\n"
            "print('had', had, 'came-to-its-end' if had > 64 else '')"
        ),
        "had ",
    ),
}  # fmt: skip
