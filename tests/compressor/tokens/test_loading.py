"""One name, one counter; and what is said where there is none."""

from __future__ import annotations

import sys

import pytest

from compressor import tokens
from compressor.errors import TokenizerError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("o300k", "o200k"),
        ("qwen3.5", "qwen3"),
        ("Llama-3.1-8B-Instruct", "llama3"),
        ("estimat", None),
        ("gpt-4o-2024-08-06", "o200k"),
        ("", None),
        ("a null \0", None),
        pytest.param("x" * 10_000, None, id="long"),
    ],
)
def test_a_name_that_is_none_gets_what_may_have_been_meant(typed, meant):
    """The message lists all there are."""
    with pytest.raises(TokenizerError) as caught:
        tokens.load(typed)
    said = str(caught.value)
    assert f"There is no tokenizer {typed[:80]!r}." in said
    assert ("Did you mean" in said) == (meant is not None)
    assert meant is None or f"Did you mean {meant!r}?" in said
    assert all(name in said for name in tokens.NAMES)


def test_the_estimate_needs_no_package_and_says_that_it_is_none():
    """It is there when nothing else is."""
    counter = tokens.load("estimate")
    assert (counter.name, counter.exact, counter.count("abcd")) == ("estimate", False, 2)


@pytest.mark.parametrize(
    ("name", "module", "package", "extra"),
    [
        ("o200k", "bundled", "splintr", "splintr-rs"),
        ("org/mini", "huggingface", "tokenizers", "hermes-run[tokenizers]"),
        ("hub:org/mini", "hub", "huggingface_hub", "hermes-run[tokenizers]"),
        ("tiktoken:o200k_base", "tiktokens", "tiktoken", "hermes-run[tiktoken]"),
    ],
)
def test_a_package_that_is_not_installed_is_named(monkeypatch, name, module, package, extra):
    """With the line that installs it."""
    monkeypatch.delitem(sys.modules, f"compressor.tokens.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(TokenizerError, match=rf"needs the package {package}") as caught:
        tokens.load(name)
    assert f"pip install '{extra}'" in str(caught.value)


def test_templates_need_a_package_too(monkeypatch):
    """It is named in the same way."""
    for module in ("templates", "sandbox"):
        monkeypatch.delitem(sys.modules, f"compressor.tokens.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(TokenizerError, match=r"pip install 'hermes-run\[templates\]'"):
        tokens.load_template("x")


def test_a_fault_that_is_no_missing_package_is_not_hidden(monkeypatch):
    """An import that fails for another reason is raised as it is."""
    monkeypatch.setitem(sys.modules, "compressor.tokens.bundled", None)
    with pytest.raises(ImportError, match="halted"):
        tokens.load()


def test_everything_that_can_be_loaded_is_described():
    """One line each."""
    lines = tokens.describe().splitlines()
    assert [line.split()[0] for line in lines[: len(tokens.NAMES)]] == list(tokens.NAMES)
    assert all(len(line) < 80 for line in lines)
