"""What the tools of a session that goes on must know of its past, from its record alone."""

from __future__ import annotations

from typing import Any

from hermes_run.tools import python, shell, todo
from recorder.session import Session
from recorder.steps import Step, pair


def remembered(session: Session) -> dict[str, Any]:
    """Give the state that the tools of *session* begin with, which is empty for a new one.

    The task list is as it was. That there was an attempt is known, so that nothing is taken up that
    calls without a result have saved; and that a shell and an interpreter were there, so that calls
    are told if those begin anew.
    """
    state: dict[str, Any] = {}
    # A call that was cut off or refused has left nothing in a shell or an interpreter.
    called = {
        call.name
        for turn in session.turns
        if isinstance(turn, Step)
        for call, result in pair(turn).pairs
        if result and result.status == "ok"
    }
    if any(isinstance(turn, Step) for turn in session.turns):
        shell.go_on(state)
    if "terminal" in called:
        shell.expect(state)
    if "python" in called:
        python.expect(state)
    todo.expect(state, session)
    return state
