"""One session being recorded."""

from __future__ import annotations

from recorder.messages import ToolCall
from recorder.recording import read_calls


def test_calls_are_read_in_our_own_form_and_in_that_of_openai_chat():
    """Both say the same."""
    call = ToolCall("c", "f", "{}")
    fields = {"name": "f", "arguments": "{}"}
    assert read_calls([call, {"id": "c", **fields}, {"id": "c", "function": fields}]) == (call,) * 3
