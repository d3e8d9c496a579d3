"""The vocabularies that come with the package, and the names that users have for them. Pure."""

from __future__ import annotations

import difflib
import re

import msgspec


class Vocabulary(msgspec.Struct, frozen=True):
    """A vocabulary that needs no download.

    ``source`` is what splintr calls it. ``spelled`` says that its markers, spelled out in a text,
    count as one token each, as they do where chat templates are tokenized; the interfaces of
    OpenAI take them for text.
    """

    name: str
    source: str
    models: str
    aliases: tuple[str, ...] = ()
    spelled: bool = True


VOCABULARIES = (
    Vocabulary(
        "o200k",
        "o200k_base",
        "GPT-4o, GPT-4.1, GPT-5, o1, o3, o4-mini",
        ("o200k_base", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5", "o1", "o3", "o4-mini"),
        spelled=False,
    ),
    Vocabulary(
        "cl100k",
        "cl100k_base",
        "GPT-4, GPT-3.5 Turbo",
        ("cl100k_base", "gpt-4", "gpt-3.5", "gpt-3.5-turbo"),
        spelled=False,
    ),
    Vocabulary("gpt-oss", "gpt-oss", "gpt-oss", ("o200k_harmony", "harmony")),
    Vocabulary(
        "qwen3",
        "qwen3",
        "Qwen 2, 2.5 and 3",
        ("qwen2", "qwen2.5", "baichuan_m2"),
    ),
    Vocabulary(
        "kimi",
        "kimi_k2",
        "Kimi K2 and K2.5, Kimi Linear",
        ("kimi-k2", "kimi-k2.5", "kimi_linear"),
    ),
    Vocabulary("kimi-k3", "kimi_k3", "Kimi K3"),
    Vocabulary("glm", "glm4", "GLM 4 and 4.5", ("glm4", "glm4.5", "chatglm4")),
    Vocabulary("deepseek", "deepseek_v3", "DeepSeek V3 and R1", ("deepseek-v3", "deepseek-r1")),
    Vocabulary(
        "llama3",
        "llama3",
        "Llama 3, 3.1, 3.2 and 3.3",
        ("llama3.1", "llama3.2", "llama3.3"),
    ),
    Vocabulary("llama2", "llama2", "Llama 2, TinyLlama, Vicuna", ("tinyllama", "vicuna")),
    Vocabulary("codellama", "codellama", "Code Llama"),
    Vocabulary("mistral-v3", "mistral_v3", "Mistral NeMo, Large 2, Pixtral", ("tekken",)),
    Vocabulary("mistral-v2", "mistral_v2", "Mistral 7B v0.3, Mixtral 8x22B, Codestral"),
    Vocabulary("mistral-v1", "mistral_v1", "Mistral 7B v0.1 and v0.2, Mixtral 8x7B"),
    Vocabulary("gemma3", "gemma3", "Gemma 3"),
    Vocabulary("gemma4", "gemma4", "Gemma 4"),
    Vocabulary("gemma2", "gemma2", "Gemma 2"),
    Vocabulary("phi4", "phi4", "Phi-4"),
    Vocabulary("olmo2", "olmo2", "OLMo 2"),
    Vocabulary("modernbert", "modernbert", "ModernBERT"),
    Vocabulary("whisper", "whisper_v3", "Whisper large v3", ("whisper_v3",)),
)


def plain(name: str) -> str:
    """Take the case and the separators out of *name*: `GLM-4.5` and `glm_4.5` are one."""
    return re.sub(r"[\s_-]+", "", name.lower())


_BY_NAME = {
    plain(name): vocabulary
    for vocabulary in VOCABULARIES
    for name in (vocabulary.name, *vocabulary.aliases)
}


def find(name: str) -> Vocabulary | None:
    """Find the vocabulary that users call *name*, in any case and with any separators."""
    return _BY_NAME.get(plain(name))


def nearest(name: str) -> str | None:
    """Find the name of the vocabulary that somebody who typed *name* may have meant."""
    base = plain(name.rpartition("/")[2])[:64]
    close = difflib.get_close_matches(base, list(_BY_NAME), n=1, cutoff=0.7)
    starts = [known for known in _BY_NAME if base.startswith(known)]
    best = max(starts, key=len, default=None) or (close[0] if close else None)
    return _BY_NAME[best].name if best else None
