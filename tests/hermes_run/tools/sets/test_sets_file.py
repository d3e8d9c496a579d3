"""The file of ``--toolsets-file``, right and wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_run.errors import UsageError
from hermes_run.tools.distributions import Distribution
from hermes_run.tools.sets_file import OwnToolset, Sets, read_sets

TEXT = """
[toolsets.browser]
description = "Pages"
tools = ["search_files"]
includes = ["terminal"]
mcp = ["playwright"]

[toolsets."odd name"]
tools = ["one"]

[distributions.mine]
description = "Mine"
terminal = 90
browser = 20.5
none = 0
"""


def test_toolsets_and_distributions_are_read():
    """Everything in them is a name of something else."""
    sets = read_sets(TEXT, "sets.toml")
    assert sets.toolsets == {
        "browser": OwnToolset("Pages", ("search_files",), ("terminal",), ("playwright",)),
        "odd name": OwnToolset(tools=("one",)),
    }
    chances = {"terminal": 90, "browser": 20.5, "none": 0}
    assert sets.distributions == {"mine": Distribution("Mine", chances)}
    assert read_sets("", "f") == Sets(source="f")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[toolsets.a]\ntools = b\n", "f.toml is not TOML: .*line 2"),
        ("[toolsets.a]\ntools = [", "f.toml is not TOML: .*at end of document"),
        ("[toolset.a]\ntools = []", "f.toml: 'toolset' is neither.* Did you mean 'toolsets'"),
        ("toolsets = 5", "f.toml: 'toolsets' is neither"),
        ("\n[toolsets.a]", r"f.toml, line 2: \[toolsets.a\] is empty: give it tools, includes"),
        ('[toolsets."a b"]\n', r"f.toml, line 1: \[toolsets.a b\] is empty"),
        (
            "[toolsets.a]\n\nincludes = ['b']\ntool = ['c']",
            "f.toml, line 4: .* has no key 'tool'. Did you mean 'tools'.* Keys: description, tools",
        ),
        ("[toolsets.a]\ntools = 'b'", "f.toml, line 2: .*tools is wrong: Expected `array`"),
        ("[toolsets.a]\nmcp = ['x', 5]", "f.toml, line 2: .*mcp is wrong: Expected `str`"),
        ("[toolsets]\na = 5", r"f.toml: \[toolsets.a\] is no table"),
        ("[toolsets.a]\ninclude.b = 5\n[x.b]", "'x' is neither"),
        ("[toolsets.a]\nincludes.b = 5\n[toolsets.b]\nincludes = []", "line 1: .*includes is wr"),
        (
            "[distributions.a]\nweb = 101",
            "f.toml, line 2: .* web must be a percentage from 0 to 100, not 101",
        ),
        ("[distributions.a]\nweb = -1", "percentage from 0 to 100, not -1"),
        ("[distributions.a]\nweb = nan", "percentage from 0 to 100, not nan"),
        ("[distributions.a]\nweb = true", "percentage from 0 to 100, not True"),
        ("[distributions.a]\nweb = '5'", "percentage from 0 to 100, not '5'"),
        ("[distributions.a]\nweb = 0", "f.toml, line 1: .* draws nothing: give one toolset at lea"),
        ("[distributions.a]\n", "draws nothing"),
        ("[distributions.a]\nweb = 5\ndescription = 7", "line 3: .*description must be text"),
        ("[distributions]\na.web = 101", r"f.toml: \[distributions.a\] web must be a percentage"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, said):
    """Where the line can be found: TOML has more ways to write a table than one."""
    with pytest.raises(UsageError, match=f"(?s){said}"):
        read_sets(text, "f.toml")


@given(st.text(alphabet='[]{}toolsetsdirbu.nm=\n"' + "'\\#5,-ü\ud800\0"))
def test_whatever_is_in_a_file_is_read_or_refused(text):
    """Nothing else is raised."""
    try:
        read_sets(text, "f")
    except UsageError as error:
        assert str(error).startswith("f")  # noqa: PT017
