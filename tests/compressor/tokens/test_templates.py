"""Chat templates: found, filled in, counted, and kept in their sandbox."""

from __future__ import annotations

import json
import pickle

import pytest

from compressor import tokens
from compressor.errors import TokenizerError

CHATML = """\
{%- if tools %}
<tools>{{ tools | tojson }}</tools>
{% endif -%}
{% for message in messages %}
<|im_start|>{{ message.role }}
{% generation %}{{ message.content }}{% endgeneration %}<|im_end|>
{% if loop.last %}{% break %}{% endif %}
{% endfor %}
"""
HELLO = [{"role": "user", "content": "hello"}]
CALL = {"name": "ls", "description": "漢"}


def opened(tmp_path, text):
    """Open *text* as a template."""
    path = tmp_path / "chat_template.jinja"
    path.write_text(text)
    return tokens.load_template(str(path))


def configured(folder, **settings):
    """Write a `tokenizer_config.json` with *settings*."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def test_messages_and_tools_are_filled_in(tmp_path):
    """As `apply_chat_template` does it: tools as JSON that is not escaped, no blank lines."""
    template = opened(tmp_path, CHATML)
    assert template.render(HELLO) == "<|im_start|>user\nhello<|im_end|>\n"
    assert template.render(HELLO, [CALL]) == (
        '<tools>[{"name": "ls", "description": "漢"}]</tools>\n<|im_start|>user\nhello<|im_end|>\n'
    )


def test_a_rendered_conversation_is_counted_exactly(tmp_path):
    """Every marker is one token where the vocabulary has it."""
    template = opened(tmp_path, CHATML)
    assert template.count(tokens.load("qwen3"), HELLO) == 6
    assert template.turn_tokens(tokens.load("qwen3")) == 5
    assert template.turn_tokens(tokens.load("estimate")) > 5


def test_a_template_that_says_less_than_its_turns_costs_nothing(tmp_path):
    """A turn never costs less than its text."""
    assert opened(tmp_path, "nothing").turn_tokens(tokens.load("estimate")) == 0


def test_a_template_goes_to_another_process(tmp_path):
    """What arrives renders the same."""
    template = opened(tmp_path, CHATML)
    assert pickle.loads(pickle.dumps(template)).render(HELLO) == template.render(HELLO)


@pytest.mark.parametrize(
    "chat_template",
    [
        "{{ bos_token }}{{ eos_token }}",
        [
            {"name": "default", "template": "no"},
            {"name": "tool_use", "template": "{{ bos_token }}{{ eos_token }}"},
        ],
        [{"name": "default", "template": "{{ bos_token }}{{ eos_token }}"}],
    ],
)
def test_the_template_of_a_tokenizer_configuration_is_found(tmp_path, chat_template):
    """As a text or by its name, with the tokens it may name; tokens that are null are not there."""
    configured(
        tmp_path,
        chat_template=chat_template,
        bos_token="<s>",
        eos_token={"content": "</s>", "lstrip": False},
        pad_token=None,
    )
    for name in (tmp_path, tmp_path / "tokenizer.json"):
        assert tokens.load_template(str(name)).render(HELLO) == "<s></s>"


def test_a_template_of_its_own_comes_first(tmp_path):
    """The tokens it names are still those of the configuration."""
    configured(tmp_path, chat_template="not this", bos_token="<s>")
    (tmp_path / "chat_template.jinja").write_text("this {{ bos_token }}")
    assert tokens.load_template(str(tmp_path)).render(HELLO) == "this <s>"


def test_the_template_of_a_cached_model_is_found(tmp_path, monkeypatch):
    """By the model's id, with nothing downloaded."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    configured(tmp_path / "models--org--mini" / "snapshots" / "abc", chat_template="cached")
    assert tokens.load_template("org/mini").render(HELLO) == "cached"


def test_what_is_no_template_is_named(tmp_path, monkeypatch):
    """With the file and what is wrong with it."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(TokenizerError, match="has no chat template"):
        tokens.load_template("org/none")
    with pytest.raises(TokenizerError, match="has no chat template"):
        tokens.load_template(str(tmp_path))
    with pytest.raises(TokenizerError, match="can't be read"):
        tokens.load_template(str(tmp_path / "none.jinja"))
    with pytest.raises(TokenizerError, match="is no chat template: "):
        opened(tmp_path, "{% for %}")
    other = tmp_path / "other"
    configured(other, chat_template=7)
    with pytest.raises(TokenizerError, match="is no tokenizer configuration"):
        tokens.load_template(str(other))


def test_a_template_that_refuses_messages_says_why(tmp_path):
    """In its own words, and not for other messages."""
    text = "{% if messages[0].role != 'user' %}{{ raise_exception('user first') }}{% endif %}ok"
    template = opened(tmp_path, text)
    assert template.render(HELLO) == "ok"
    with pytest.raises(TokenizerError, match=r"can't render these messages: .*user first"):
        template.render([{"role": "system", "content": ""}])


@pytest.mark.parametrize(
    "text",
    [
        "{{ messages.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{{ 'a' * 99999999 }}",
        "{{ 99999999 * [1] }}",
        "{{ 9 ** 99999999 }}",
        "{{ range(99999999) }}",
        "{{ 1 / 0 }}",
    ],
)
def test_a_template_can_do_no_harm(tmp_path, text):
    """It is somebody else's program: what it may not do is an error that names it."""
    with pytest.raises(TokenizerError, match="can't render these messages"):
        opened(tmp_path, text).render(HELLO)


def test_a_template_may_multiply_and_tell_the_date(tmp_path):
    """What ordinary templates do works; the date is always the same, as counts must be."""
    template = opened(tmp_path, "{{ '-' * 3 }}{{ 2 * 3 }} {{ strftime_now('%d %b %Y') }}")
    assert template.render(HELLO) == "---6 01 Jan 2026"
