"""What a session does when it goes on after a crash at any of its events."""

from __future__ import annotations

from hermes_run.recovery import UNKNOWN_TEXT


def test_the_text_for_a_call_of_unknown_effect_says_to_look_first() -> None:
    """Repeating blindly is what the text is there to prevent."""
    assert "look before you repeat it" in UNKNOWN_TEXT
