"""Start a supervisor behind Landlock: ``python -I -S start.py SPEC ARGUMENT...``.

Three processes: this one, which whoever started it knows and may kill; the keeper, which outlives
it for as long as there is something to end; and the supervisor, which is the only one that lives
behind the wall.
"""

from __future__ import annotations

import _socket
import json
import os
import signal
import sys

if __name__ == "__main__":
    # Our packages are there without what they load: nothing but this one is needed.
    _top = __file__.rpartition("/hermes_run/")[0]
    for _name in ("hermes_run", "hermes_run.sandboxes", "hermes_run.sandboxes.confined"):
        sys.modules[_name] = type(sys)(_name)
        sys.modules[_name].__path__ = [f"{_top}/{_name.replace('.', '/')}"]

from hermes_run.sandboxes.confined.grant import Granted
from hermes_run.sandboxes.confined.keep import Kept, keep
from hermes_run.sandboxes.confined.kernel import adopt_orphans
from hermes_run.sandboxes.confined.restrict import restrict

TYPE_CHECKING = False  # `typing` takes longer to load than all of this
if TYPE_CHECKING:
    from typing import NoReturn

    from hermes_run.sandboxes.confined.spec import Spec

FAILED = 126
"""The exit code where the wall could not be put up."""


def main(spec: Spec, argv: list[str]) -> int:
    """Start *argv* as *spec* says, and wait until all that came of it has ended.

    Raises:
        OSError: the FIFO of the spec is not there, or nobody reads it.
    """
    os.open(spec["over"], os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    life, ours = os.pipe()
    keeper = os.fork()
    if keeper:
        os.close(life)
        for descriptor in (0, 1):
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
        return code if code >= 0 else 128 - code
    os.close(ours)
    os.setsid()
    adopt_orphans()
    return keep(_start(spec, argv, life))


def _start(spec: Spec, argv: list[str], life: int) -> Kept:
    """Start the supervisor; our side lets go of what only that shall have open."""
    receiving, sending = _socket.socketpair()
    supervisor = os.fork()
    if not supervisor:
        _become_supervisor(spec, argv, sending)
    sending.close()
    _, messages, _, _ = receiving.recvmsg(1, _socket.CMSG_LEN(4))
    receiving.close()
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    calls = {int(key): name for key, name in spec["calls"].items()}
    roots, processes = spec["roots"], spec["processes"]
    listeners = [int.from_bytes(content, sys.byteorder) for _, _, content in messages]
    granted = [Granted(listener, calls, roots, processes) for listener in listeners]
    return Kept(supervisor, life, granted[0] if granted else None)


def _become_supervisor(spec: Spec, argv: list[str], sending: _socket.socket) -> NoReturn:
    try:
        os.setsid()
        if listener := restrict(spec):
            content = listener.to_bytes(4, sys.byteorder)
            sending.sendmsg([b"x"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, content)])
            os.close(listener)
        # Python ignores these, and what is ignored stays so in every program that is started.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execv(argv[0], argv)  # noqa: S606 - a shell is what is started
    except OSError as error:
        os.write(2, f"the wall can't be put up: {error}\n".encode())
    finally:
        os._exit(FAILED)


if __name__ == "__main__":
    os._exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
