"""Encodings of tiktoken, with one that needs no download."""

from __future__ import annotations

import pickle

import pytest
import tiktoken
import tiktoken.registry
import tiktoken_ext

from compressor import tokens
from compressor.errors import TokenizerError

PLUG_IN = '''
def letters():
    """Every byte is a token, and so is `ab`."""
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256}
    return {
        "name": "letters",
        "pat_str": r"\\\\w+|\\\\W+",
        "mergeable_ranks": ranks,
        "special_tokens": {"<|end|>": 257},
    }

def broken():
    """An encoding whose file is damaged."""
    raise ValueError("hash mismatch")

ENCODING_CONSTRUCTORS = {"letters": letters, "broken": broken}
'''


@pytest.fixture(autouse=True)
def plug_in(tmp_path, monkeypatch):
    """Put encodings where tiktoken looks for plug-ins."""
    (tmp_path / "letters.py").write_text(PLUG_IN.replace("\\\\", "\\"))
    monkeypatch.setattr(tiktoken_ext, "__path__", [*tiktoken_ext.__path__, str(tmp_path)])
    monkeypatch.setattr(tiktoken.registry, "ENCODING_CONSTRUCTORS", None)
    tiktoken.registry._available_plugin_modules.cache_clear()
    yield
    tiktoken.registry._available_plugin_modules.cache_clear()


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("abab", 2), ("<|end|>", 7), ("\ud800", 3), ("ba", 2)]
)
def test_an_encoding_of_tiktoken_counts(text, count):
    """Markers in a text are text; a lone surrogate is the replacement character."""
    assert tokens.load("tiktoken:letters").count(text) == count


def test_an_encoding_of_tiktoken_goes_to_another_process():
    """What arrives has its name and its counts."""
    there = pickle.loads(pickle.dumps(tokens.load("tiktoken:letters")))
    assert (there.name, there.exact, there.count("ab")) == ("tiktoken:letters", True, 1)


def test_an_encoding_that_is_none_is_named():
    """With those that there are."""
    with pytest.raises(TokenizerError, match=r"tiktoken knows no 'nope'.*letters"):
        tokens.load("tiktoken:nope")


def test_an_encoding_that_cannot_be_opened_is_named():
    """Whatever goes wrong inside tiktoken."""
    with pytest.raises(TokenizerError, match="can't open 'broken': hash mismatch"):
        tokens.load("tiktoken:broken")
