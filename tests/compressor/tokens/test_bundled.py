"""The vocabularies that come with the package."""

from __future__ import annotations

import pickle

import pytest
import splintr
from hypothesis import given
from hypothesis import strategies as st

from compressor import tokens
from compressor.tokens.bundled import Bundled
from compressor.tokens.vocabularies import VOCABULARIES, find

# Published by OpenAI, "How to count tokens with tiktoken" (the cookbook).
PUBLISHED = [
    ("antidisestablishmentarianism", 6, 6),
    ("2 + 2 = 4", 7, 7),
    ("お誕生日おめでとう", 9, 8),
]


@pytest.mark.parametrize(("text", "cl100k", "o200k"), PUBLISHED)
def test_openai_vocabularies_count_as_published(text, cl100k, o200k):
    """Both vocabularies give the counts of OpenAI's own tokenizer."""
    assert tokens.load("cl100k").count(text) == cl100k
    assert tokens.load().count(text) == o200k


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda vocabulary: vocabulary.name)
def test_every_vocabulary_counts_plain_text_as_its_tokenizer_does(vocabulary):
    """A count has neither more nor less than the ids of the text itself."""
    counter = tokens.load(vocabulary.name)
    tokenizer = splintr.Tokenizer.from_pretrained(vocabulary.source)
    text = "def f(x):\n\treturn x + 1  # ça va? 漢字 🙂\n"
    assert counter.count(text) == len(tokenizer.encode_raw(text))
    assert (counter.count(""), counter.exact, counter.name) == (0, True, vocabulary.name)


def test_a_marker_in_a_text_for_openai_is_text():
    """`<|endoftext|>` is seven tokens where nothing tokenizes markers, also beside other text."""
    counter = tokens.load()
    assert counter.count("<|endoftext|>") == 7
    assert counter.count("a <| b") == 4


def test_a_marker_of_an_open_vocabulary_is_one_token():
    """Chat templates are tokenized with the markers in them: `<tool_call>` is one for Qwen."""
    counter = tokens.load("qwen3")
    assert counter.count("<tool_call>") == 1
    assert counter.count("<|im_end|><|im_end|>") == 2


def test_markers_that_no_model_knows_count_as_text():
    """What splintr adds to a vocabulary is not counted as one token."""
    counter = tokens.load("qwen3")
    alone = counter.count("<|think")
    assert alone >= 2
    assert counter.count("<|think|>") > 2
    assert counter.count("<tool_call><|think|><tool_call>") == counter.count("<|think|>") + 2


@pytest.mark.parametrize("name", ["O200K_Base", "gpt 4.1", "QWEN-3", "glm_4.5", "Kimi-K2.5"])
def test_a_name_may_be_typed_in_any_case_and_with_any_separators(name):
    """Users do not know how it is spelled here."""
    assert tokens.load(name).name in tokens.NAMES


def test_a_counter_goes_to_another_process_by_name():
    """What arrives counts the same."""
    vocabulary = find("qwen3")
    assert vocabulary is not None
    there = pickle.loads(pickle.dumps(Bundled(vocabulary)))
    assert (there.name, there.exact, there.count("<tool_call>")) == ("qwen3", True, 1)


def test_lone_surrogates_are_counted():
    """They stand for the replacement character; a pair that was cut apart is whole again."""
    counter = tokens.load()
    assert counter.count("a\ud800b") == counter.count("a\ufffdb")
    assert counter.count("\ud83d\ude42") == counter.count("🙂")


O200K = tokens.load().behind
REFERENCE = splintr.Tokenizer.from_pretrained("o200k_base")
MARKED = st.one_of(
    st.text(st.characters(), max_size=8),
    st.sampled_from(["<|endoftext|>", "<|think|>", "<|", "</s>"]),
)


@given(st.lists(MARKED, max_size=6).map("".join))
def test_any_text_is_counted_as_openai_counts_it(text):
    """Neither markers nor surrogates make a difference to what the text alone has."""
    assert O200K.count(text) == len(REFERENCE.encode_ordinary(tokens.clean(text)))
