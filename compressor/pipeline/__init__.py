"""Files of rows, compressed: read in a stream, planned in processes, written in order.

::

    result = compressor.pipeline.compress(Path("rows.jsonl"), Path("small.jsonl"), Options())
    result.report.statuses
"""

from __future__ import annotations

from compressor.pipeline.options import Options
from compressor.pipeline.run import Result, compress

__all__ = ["Options", "Result", "compress"]
