"""Programs that look for secrets, used behind a wall and without one."""

from __future__ import annotations

from tests.redteam.guards import sh

_BY_ADDRESS = """\
python3 - <<'END'
import re
found = set()
try:
    with open('/proc/PID/maps') as maps, open('/proc/PID/mem', 'rb', 0) as memory:
        for line in maps:
            bounds, rights = line.split()[:2]
            start, end = (int(part, 16) for part in bounds.split('-'))
            if rights.startswith('rw') and end - start < 1 << 28:
                memory.seek(start)
                try:
                    found |= set(re.findall(rb'canary-[0-9a-f]{24}', memory.read(end - start)))
                except OSError:
                    pass
except OSError as error:
    print('refused', error)
print('found', found)
END"""


def by_address(process: str) -> str:
    """Write a command that looks for secrets in all memory of a process."""
    return _BY_ADDRESS.replace("PID", process)


PIECES = [sh(f"cut -c{start}-{start + 4} {{outside}}/secret") for start in range(1, 32, 5)]
"""The secret a few letters a call."""


def by_descriptors(process: str) -> str:
    """Write a command that reads all open files of a process, waiting for none."""
    return (
        f"for f in /proc/{process}/fd/*; do "
        "dd if=$f iflag=nonblock bs=99 count=1 status=none 2>&1; done; echo"
    )
