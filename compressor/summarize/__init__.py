"""What stands for turns that are cut: a digest made by rule, or a summary a model writes.

- `local(trajectory, first, last, room_tokens, counter)`: the digest, pure. Pure modules import it
  from `compressor.summarize.local`, where nothing that asks a model can come along.
- `Options`, `Summary`, `Usage`, `Summarizer`: what they take and give.
"""

from __future__ import annotations

from compressor.summarize.local import local as local
from compressor.summarize.summary import Options as Options
from compressor.summarize.summary import Summarizer as Summarizer
from compressor.summarize.summary import Summary as Summary
from compressor.summarize.summary import Usage as Usage
