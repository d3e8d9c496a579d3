"""What became of the rows: counted, shown in the terminal, as JSON and as one page of HTML."""

from __future__ import annotations

from compressor.report.outcome import Digest, RowOutcome, Status

__all__ = ["Digest", "RowOutcome", "Status"]
