"""What follows from an answer that is none, and how long to wait before asking again. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from compressor.errors import SummaryError, Verdict
from compressor.summarize.summary import Options

_NEVER = frozenset({401, 402, 403, 404, 405, 407})
_AGAIN = frozenset({408, 409, 421, 425, 429})
_NEVER_CODES = frozenset({"insufficient_quota", "invalid_api_key", "model_not_found"})
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_TOO_LONG = re.compile(
    r"context (?:length|window|size)|maximum context|(?:prompt|input) is too long"
    r"|reduce the length of",
    re.IGNORECASE,
)
_LONGEST_PAUSE_S = 30.0
_DAY_S = 86_400.0


def pause(options: Options, attempt: int, error: SummaryError, chance: float) -> float | None:
    """Give the seconds to wait after *attempt* failed, or ``None`` to give up.

    Args:
        options: how often and how patiently to try.
        attempt: the number of the attempt that failed, from 1.
        error: what went wrong; the pause an endpoint asked for is kept to, plus jitter.
        chance: a random number in [0, 1).

    Source of the full jitter: Marc Brooker, "Exponential Backoff And Jitter" (AWS, 2015).
    """
    if error.verdict != "again" or attempt >= options.attempts or error.pause_s > options.row_s:
        return None
    return error.pause_s + chance * min(_LONGEST_PAUSE_S, options.pause_s * 2.0 ** (attempt - 1))


def failure_of_status(
    status: int, text: str, code: str, headers: Mapping[str, str], now: float
) -> SummaryError:
    """Say what an HTTP status that is no success means.

    Args:
        status: the HTTP status.
        text: what the endpoint said.
        code: the code of its error, or "".
        headers: the response's headers, names in lower case.
        now: seconds since the epoch, which a date in ``Retry-After`` is compared with.
    """
    verdict: Verdict = "row"
    if status in _NEVER or code in _NEVER_CODES:
        verdict = "never"
    elif status in _AGAIN or status >= 500:
        verdict = "again"
    elif status == 413 or code in _TOO_LONG_CODES or _TOO_LONG.search(text):
        verdict = "less"
    return SummaryError(text, verdict, retry_after(headers, now))


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Read the pause an endpoint asks for, in seconds; 0 where it says nothing credible.

    Source: RFC 9110 section 10.2.3 for ``Retry-After`` in seconds or as a date;
    ``retry-after-ms`` is what OpenAI and Azure send beside it.
    """
    milliseconds, either = headers.get("retry-after-ms"), headers.get("retry-after")
    pauses = (_number(milliseconds, 0.001), _number(either, 1.0), _until(either, now))
    return next((one for one in pauses if one is not None and 0 <= one <= _DAY_S), 0.0)


def _number(value: str | None, unit: float) -> float | None:
    try:
        return float(value or "") * unit
    except ValueError:
        return None


def _until(value: str | None, now: float) -> float | None:
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
