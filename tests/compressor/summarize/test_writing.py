"""Summaries that a model writes: they fit, they are paid for once, and there is always a text."""

from __future__ import annotations

from compressor.summarize import open_summarizer


async def test_a_model_writes_the_summary_of_the_whole_region(endpoint, options, counter, turns):
    """Every text of every turn is sent, and what comes back is told to be a summary."""
    async with open_summarizer(options, counter) as summarizer:
        summary = await summarizer.summarize(turns, 400)
    assert summary.status == "summarized"
    assert "parse_row in app.py" in summary.text
    assert summary.text.startswith("[Digest of 6 earlier turns, summarized afterwards by a model")
    assert (summary.paid, summary.usage.input, summary.usage.output) == (1, 100, 10)
    assert all(piece.text in endpoint.users[0] for turn in turns for piece in turn.pieces)
    assert counter.count(summary.text) <= 400
