"""Every foreign tool has a legal name of its own, whatever it is called at home."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as some

from hermes_run.tools.mcp.names import MOST, name_tools

NAMES = some.text(some.sampled_from("ab_-. é\0"), max_size=4) | some.text(max_size=90)


def test_what_is_nobody_elses_keeps_its_name():
    """Two servers that share one have longer ones, whatever their order."""
    servers = {"a": ["x", "y"], "b": ["x"]}
    wanted = {("a", "x"): "a_x", ("a", "y"): "y", ("b", "x"): "b_x"}
    assert name_tools(servers) == wanted
    assert name_tools(dict(reversed(servers.items()))) == wanted


def test_what_belongs_to_others_is_left_to_them():
    """Also where the longer name is taken."""
    assert name_tools({"a": ["x"]}, ["x"]) == {("a", "x"): "a_x"}
    (name,) = name_tools({"a": ["x"]}, ["x", "a_x"]).values()
    assert re.fullmatch(r"a_x_[0-9a-f]{8}", name)


def test_longer_names_that_meet_end_in_a_hash():
    """Server ``a`` with ``b_c`` and server ``a_b`` with ``c``, where both are shared."""
    names = name_tools({"a": ["b_c", "c"], "a_b": ["c", "b_c"]})
    assert len(set(names.values())) == 4
    assert names["a", "c"] == "a_c"
    assert names["a", "b_c"].startswith("a_b_c_")


@given(some.dictionaries(NAMES, some.lists(NAMES, unique=True, max_size=5), max_size=5))
def test_names_are_legal_and_differ(servers):
    """Always, and in every order the same."""
    names = name_tools(servers, ["a", "b"])
    assert len(set(names.values()) | {"a", "b"}) == len(names) + 2
    assert all(re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MOST}}}", name) for name in names.values())
    backwards = {key: list(reversed(value)) for key, value in reversed(servers.items())}
    assert name_tools(backwards, ["b", "a"]) == names
