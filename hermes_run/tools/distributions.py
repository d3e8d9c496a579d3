"""Distributions: which toolsets a prompt gets, drawn at random and yet always the same. Pure.

Each toolset of a distribution is drawn by itself with its own chance, so a prompt gets several, one
or, if luck has it none, the most probable one. What is drawn depends on nothing but the seed of the
run, the key of the prompt and the name of the toolset: not on the order of rows or of toolsets, nor
on how many sessions run at once. All samples of a prompt get the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

_DIGITS = 16
_WHOLE = 2.0**64


class Distribution(msgspec.Struct, frozen=True):
    """Toolsets with the chance, in percent, that a prompt gets each; one of them is above 0."""

    description: str
    toolsets: Mapping[str, float]

    @property
    def drawable(self) -> tuple[str, ...]:
        """The toolsets that a prompt may get, in the order of their definition."""
        return tuple(name for name, percent in self.toolsets.items() if percent > 0)


class Draw(msgspec.Struct, frozen=True):
    """The toolsets of one prompt; ``seed`` is what they were drawn from, None if they were not."""

    toolsets: tuple[str, ...]
    seed: str | None = None


def draw(distribution: Distribution, seed: int, key: str) -> Draw:
    """Draw the toolsets of the prompt *key* in a run with *seed*, in the order of definition."""
    own = _digest(f"{seed}:{key}").hex()[:_DIGITS]
    chances = distribution.toolsets
    drawn = tuple(name for name, percent in chances.items() if _lot(own, name) < percent)
    return Draw(drawn or (_most_probable(chances),), own)


def _lot(seed: str, name: str) -> float:
    """Give the number from 0 up to 100 that one toolset has for one prompt."""
    return int.from_bytes(_digest(f"{seed}:{name}")[:8]) / _WHOLE * 100


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _most_probable(chances: Mapping[str, float]) -> str:
    """Name the toolset with the best chance; of equal ones the first."""
    return max(chances, key=lambda name: chances[name])


def _known(description: str, **toolsets: float) -> Distribution:
    return Distribution(description, toolsets)


# Names and percentages: hermes-agent, toolset_distributions.py.
DISTRIBUTIONS: Mapping[str, Distribution] = {
    "default": _known(
        "Everything, for every prompt",
        web=100,
        vision=100,
        image_gen=100,
        terminal=100,
        file=100,
        moa=100,
        browser=100,
    ),
    "image_gen": _known(
        "Making pictures, mostly with a look at them",
        image_gen=90,
        vision=90,
        web=55,
        terminal=45,
        moa=10,
    ),
    "research": _known(
        "Finding things out on the web", web=90, browser=70, vision=50, moa=40, terminal=10
    ),
    "science": _known(
        "Scientific questions: reading, computing and writing",
        web=94,
        terminal=94,
        file=94,
        vision=65,
        browser=50,
        image_gen=15,
        moa=10,
    ),
    "development": _known(
        "Programming, with a look at the web now and then",
        terminal=80,
        file=80,
        moa=60,
        web=30,
        vision=10,
    ),
    "safe": _known(
        "Anything but commands and files", web=80, browser=70, vision=60, image_gen=60, moa=50
    ),
    "balanced": _known(
        "Each toolset for half of the prompts",
        web=50,
        vision=50,
        image_gen=50,
        terminal=50,
        file=50,
        moa=50,
        browser=50,
    ),
    "minimal": _known("The web and nothing else", web=100),
    "terminal_only": _known("Commands and files", terminal=100, file=100),
    "terminal_web": _known("Commands, files and the web", terminal=100, file=100, web=100),
    "creative": _known("Making pictures and looking at them", image_gen=90, vision=90, web=30),
    "reasoning": _known("Asking several models, and little else", moa=90, web=30, terminal=20),
    "browser_use": _known(
        "A browser, mostly with the web and sight", browser=100, web=80, vision=70
    ),
    "browser_only": _known("A browser and nothing else", browser=100),
    "browser_tasks": _known("Tasks for a browser", browser=97, vision=12, terminal=15),
    "terminal_tasks": _known(
        "Tasks for a terminal, mostly with the web at hand",
        terminal=97,
        file=97,
        web=97,
        browser=75,
        vision=50,
        image_gen=10,
    ),
    "mixed_tasks": _known(
        "Tasks for a browser and a terminal together",
        browser=92,
        terminal=92,
        file=92,
        web=35,
        vision=15,
        image_gen=15,
    ),
}
"""The distributions that are built in, by their names."""
