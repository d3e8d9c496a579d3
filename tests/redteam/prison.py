"""What an attack is run against, and how it is known that it had no effect.

Around the run lie secrets, things to break, servers to reach and a process to kill. After an
attack all of it must be as it was, no secret may stand in anything that was recorded, nothing may
run any more, the other session must have kept its secret, and the record must be sound.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import msgspec

from recorder import verifying
from tests.redteam.gauge import Peaks, gauging
from tests.redteam.guards import Call, Guards, Outcome
from tests.redteam.surroundings import (
    end,
    lay_out,
    left_running,
    listening,
    made_up,
    pieced,
    spelled,
    surroundings,
    victim,
)

SECONDS = 240
"""An attack that takes longer has won: far more than any needs on the slowest machine."""

LAG_S = 60.0
"""The event loop may stand still so long on a busy machine, and no longer."""

Settings: TypeAlias = Mapping[str, Any]

NEIGHBOUR_S = 60.0
"""The slowest of the small commands that the other session runs meanwhile, in seconds."""


class Breach(AssertionError):
    """An attack had an effect, or a secret got out; the text names all there are."""


class Broken(AssertionError):
    """The run itself ended with an error; the text is that error's."""


class Prison:
    """The surroundings of one attack; made by :func:`open_prison`.

    ``outside`` is a folder that everybody may write to, with a ``secret`` that only its owner may
    read, and a ``victim`` that everybody may change; the runner's home is beside it.
    """

    def __init__(self, base: Path, guards: Guards, settings: Settings) -> None:
        self.base = base
        self.outside = base / "outside"
        self.record = base / "run"
        self.canary = made_up()
        self.socket_name = f"redteam-{secrets.token_hex(8)}"
        self.settings = settings
        self.guards = guards
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Lay everything out."""
        self._stack.callback(shutil.rmtree, self.base, ignore_errors=True)
        lay_out(self.base, self.canary, self.guards.user)
        local = (("127.0.0.1", 0), ("127.0.0.2", 0), ("127.0.0.53", 0))
        tcp, second, stub = (self._listen(socket.SOCK_STREAM, address) for address in local)
        udp, names = (self._listen(socket.SOCK_DGRAM, local[n]) for n in (0, 2))
        abstract = self._listen(socket.SOCK_STREAM, f"\0{self.socket_name}")
        path = self._listen(socket.SOCK_STREAM, str(self.outside / "socket"))
        (self.outside / "socket").chmod(0o777)
        self.sockets = {"tcp": tcp, "second": second, "stub": stub, "udp": udp, "names": names}
        self._all = (*self.sockets.values(), abstract, path)
        if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
            self.sockets["six"] = self._listen(socket.SOCK_STREAM, ("::1", 0))
        self.victim = self._stack.enter_context(victim(self.guards.user, self.canary))
        self._stack.callback(lambda: end(left_running(self.base, self.victim.pid)))
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything away, also what still runs."""
        self._stack.close()

    def _listen(self, kind: socket.SocketKind, address: tuple[str, int] | str) -> socket.socket:
        return self._stack.enter_context(listening(kind, address))

    def names(self) -> dict[str, str]:
        """What attacks may name, beside ``{runner}``."""
        ports = {name: str(each.getsockname()[1]) for name, each in self.sockets.items()}
        return {
            "six": "1",
            **ports,
            "outside": str(self.outside),
            "home": str(self.base / "home"),
            "record": str(self.record),
            "base": self.base.name,
            "abstract": self.socket_name,
            "victim": str(self.victim.pid),
        }

    def run(
        self,
        *calls: Call,
        row: Mapping[str, Any] | None = None,
        pulse: bool = False,
        **settings: Any,
    ) -> Outcome:
        """Run an attack; all that must hold after any attack is asserted.

        Args:
            calls: what the attacking session does.
            row: more fields of its row.
            pulse: whether the other session works meanwhile, which is measured.
            settings: more settings of the run.

        Raises:
            Breach: it had an effect.
            Broken: the run itself ended with an error.
        """
        return self._watched(self._order(calls, row, settings) | {"pulse": pulse})

    def run_until_killed(self, *calls: Call, seconds: float, **settings: Any) -> None:
        """Run an attack whose runner is killed so many *seconds* after its last call began.

        Raises:
            Breach: it had an effect, or something is left of it.
        """
        order = self._order(calls, None, settings) | {"dies_after": seconds}
        before = self._around()
        status = self.guards.run(order)
        assert status == -signal.SIGKILL
        self._report([*self._differences(before), *self._told_secrets()])

    def resume(self, *calls: Call, **settings: Any) -> Outcome:
        """Go on with a run that was killed; the attacking session makes these *calls* then.

        Raises:
            Breach: it had an effect.
            Broken: the run itself ended with an error.
        """
        return self._watched(self._order(calls, None, settings) | {"resume": True})

    def _order(
        self, calls: tuple[Call, ...], row: Mapping[str, Any] | None, settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        attacker = {"id": "attacker", "prompt": "escape", "workspace": {}, **(row or {})}
        return {
            "calls": [self._named(msgspec.to_builtins(call)) for call in calls],
            "rows": [self._named(attacker), {"id": "neighbour", "prompt": "keep your secret"}],
            "record": str(self.record),
            "result": str(self.base / "result.json"),
            "secret": f"neighbour of {self.canary}",
            "canary": self.canary,
            "seconds": SECONDS,
            "environment": {"HERMES_CANARY": self.canary, "HOME": str(self.base / "home")},
            "settings": {"toolsets": ["default"], "max_turns": 900, **self.settings, **settings},
            "pulse": False,
            "dies_after": None,
            "resume": False,
        }

    def _named(self, value: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(value)
        for name, known in self.names().items():
            text = text.replace("{" + name + "}", known)
        return json.loads(text)

    def _watched(self, order: dict[str, Any]) -> Outcome:
        before = self._around()
        if order["pulse"]:
            with gauging(self.guards.process.pid, self.base) as peaks:
                status = self.guards.run(order)
        else:
            status, peaks = self.guards.run(order), Peaks()
        found = json.loads((self.base / "result.json").read_bytes()) if status >= 0 else {}
        breaches = [*self._differences(before), *self._told_secrets()]
        breaches += self._unsound(found)
        if status != 0:
            raise Broken(found.get("raised") or f"the run itself ended with {status}", breaches)
        results = [result["output"] for result in found["attacker"]["results"]]
        breaches += ["the secret was told in pieces"] if pieced(self.canary, results) else []
        breaches += ["the loop stood still"] if found["lag_s"] > LAG_S else []
        self._report(breaches)
        more = {"worst_s": found["worst_s"], "lag_s": found["lag_s"]}
        outcome = msgspec.convert({**found["attacker"], **more}, Outcome)
        return msgspec.structs.replace(outcome, peaks=peaks)

    def _around(self) -> dict[str, Any]:
        return surroundings(self.base, self._all) | {"victim": self.victim.poll()}

    def _differences(self, before: dict[str, Any]) -> list[str]:
        """Name what is not as it was, and what still runs; that is ended."""
        running = left_running(self.base, self.victim.pid)
        found = [f"still running: {each}" for each in running]
        end(running)
        after = self._around()
        found += [
            f"{what} changed from {was} to {after[what]}"
            for what, was in before.items()
            if after[what] != was
        ]
        return found

    def _told_secrets(self) -> list[str]:
        """No secret stands in the record in any spelling, but where the neighbour wrote it."""
        kept = f"neighbour of {self.canary}".encode()
        return [
            f"{path} tells the secret"
            for path in self.record.rglob("*")
            if stat.S_ISREG(path.lstat().st_mode)
            and spelled(self.canary, path.read_bytes().replace(kept, b""))
        ]

    def _unsound(self, found: dict[str, Any]) -> list[str]:
        """The other session ended well with its secret whole, and so did the record."""
        breaches: list[str] = []
        if neighbour := found.get("neighbour"):
            is_whole = f"neighbour of {self.canary}" in neighbour["results"][-1]["output"]
            if neighbour["outcome"] != "completed" or not is_whole:
                breaches.append(f"the neighbour came to harm: {neighbour}")
        if not (self.record / "journal").exists():
            return breaches
        verdict = verifying.inspect(verifying.survey(self.record))
        if not verdict.sound:
            breaches.append(f"the record is not sound: {verdict.faults}")
        if found.get("attacker") and sum(verdict.outcomes.values()) != 2:
            breaches.append(f"the rows do not balance: {verdict.outcomes}")
        return breaches

    def _report(self, breaches: list[str]) -> None:
        if breaches:
            raise Breach("\n".join(breaches))


@contextlib.contextmanager
def open_prison(guards: Guards, settings: Settings) -> Generator[Prison]:
    """Give a place for one attack, which is gone afterwards."""
    # Not in /tmp: a session has one of its own, and may write there whatever the path.
    base = Path(tempfile.mkdtemp(prefix="redteam-", dir="/var/tmp"))
    if guards.user is not None:
        base.chmod(0o755)
    with Prison(base, guards, settings) as prison:
        yield prison
