"""Pictures in content."""

from __future__ import annotations

import pytest

from recorder.formats.pictures import has_pictures, shown

PICTURE = {"type": "image_url", "image_url": {"url": "data:,"}}
MARK = {"type": "text", "text": "[screenshot]"}
TEXT = {"type": "text", "text": "t"}


@pytest.mark.parametrize(
    ("output", "seen", "pictures"),
    [
        ("text", "text", False),
        (None, None, False),
        ([TEXT], [TEXT], False),
        ([TEXT, PICTURE], [TEXT, MARK], True),
        ({"output": PICTURE}, {"output": PICTURE}, False),
        ({"_multimodal": 1}, {"_multimodal": 1}, False),
        ({"_multimodal": True, "content": [PICTURE], "text_summary": "sum"}, "sum", True),
        ({"_multimodal": True, "content": [TEXT, PICTURE, "x", TEXT]}, "t\nt", True),
        ({"_multimodal": True, "content": [PICTURE]}, "[multimodal tool result]", True),
        ({"_multimodal": True, "text_summary": 3}, "[multimodal tool result]", False),
        ({"_multimodal": True, "content": "none"}, "[multimodal tool result]", False),
    ],
)
def test_pictures_in_tool_results_become_words(output, seen, pictures):
    """Parts of a list are marked, an envelope is summed up, other shapes stay as they are."""
    assert shown(output) == seen
    assert has_pictures(output) is pictures


def test_an_envelope_in_an_envelope_is_not_opened():
    """Nesting without end is no trap."""
    output = {"_multimodal": True, "content": [PICTURE]}
    for _ in range(100_000):
        output = {"_multimodal": True, "content": output}
    assert shown(output) == "[multimodal tool result]"
    assert not has_pictures(output)
