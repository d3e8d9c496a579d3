"""What became of the rows: counted, shown in a terminal, as JSON and as one page of HTML.

::

    fold = report.Fold({"strategy": "ladder"})
    fold.add(outcome)                                   # for each row
    report.show(fold.report(), rich.console.Console())
"""

from __future__ import annotations

from compressor.report.export import as_dict, as_json
from compressor.report.fold import Fold, Report, merge
from compressor.report.outcome import Digest, RowOutcome, Status
from compressor.report.page import as_html
from compressor.report.terminal import show

__all__ = [
    "Digest",
    "Fold",
    "Report",
    "RowOutcome",
    "Status",
    "as_dict",
    "as_html",
    "as_json",
    "merge",
    "show",
]
