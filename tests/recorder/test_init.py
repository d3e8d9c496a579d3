"""What `import recorder` gives, and what it loads."""

from __future__ import annotations

import pytest

import recorder


def test_a_name_that_the_package_does_not_have_is_missed():
    """The error is the usual one, so that hasattr and the like work."""
    with pytest.raises(AttributeError, match="module 'recorder' has no attribute 'shut'"):
        _ = recorder.shut
