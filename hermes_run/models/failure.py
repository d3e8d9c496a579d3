"""What went wrong with an attempt, and what follows from it. Pure: one table, row by row."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from recorder.messages import Json, Usage

Kind: TypeAlias = Literal[
    "connection",
    "timeout",
    "rate_limit",
    "server",
    "stream_cut",
    "bad_reply",
    "empty_reply",
    "context_overflow",
    "filtered",
    "bad_request",
    "key",
    "quota",
    "not_found",
]

Verdict: TypeAlias = Literal["retry", "session", "run"]
"""What a failure is fatal for: nothing (try again), its session, or the whole run."""

_VERDICTS: dict[Kind, Verdict] = {
    "connection": "retry",
    "timeout": "retry",
    "rate_limit": "retry",
    "server": "retry",
    "stream_cut": "retry",
    "bad_reply": "retry",
    "empty_reply": "retry",
    "context_overflow": "session",
    "filtered": "session",
    "bad_request": "session",
    "key": "run",
    "quota": "run",
    "not_found": "run",
}

_OF_STATUS: dict[int, Kind] = {
    401: "key",
    402: "quota",
    403: "key",
    404: "not_found",
    408: "timeout",
    409: "server",
    413: "context_overflow",
    425: "server",
    429: "rate_limit",
}

_OF_CODE: dict[str, Kind] = {
    "insufficient_quota": "quota",
    "invalid_api_key": "key",
    "model_not_found": "not_found",
    "context_length_exceeded": "context_overflow",
    "content_filter": "filtered",
    "content_policy_violation": "filtered",
}

_OVERFLOW = ("context length", "context window", "maximum context", "too many tokens", "too long")
_TEXT_LIMIT = 500


class Failure(msgspec.Struct, frozen=True):
    """An attempt that failed; ``retry_after_s`` is what the endpoint asked for, in seconds."""

    kind: Kind
    error: str
    status: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    usage: Usage | None = None

    @property
    def verdict(self) -> Verdict:
        """What this failure is fatal for."""
        return _VERDICTS[self.kind]


def classify_status(status: int, body: Json, headers: dict[str, str]) -> Failure:
    """Classify an HTTP status that is no success.

    Args:
        status: the HTTP status.
        body: the decoded body where it was JSON, else its text.
        headers: the response's headers, names in lower case.
    """
    code, text = _error_of(body)
    kind = _OF_CODE.get(code) or _OF_STATUS.get(status) or _by_text(status, text)
    return Failure(
        kind=kind,
        error=f"HTTP {status}: {text}",
        status=status,
        retry_after_s=retry_after(headers),
        request_id=headers.get("x-request-id"),
    )


def classify_error_object(body: Json) -> Failure:
    """Classify an error object that came in a stream or with status 200."""
    code, text = _error_of(body)
    kind = _OF_CODE.get(code) or _by_text(0, text)
    return Failure(kind=kind, error=text)


def retry_after(headers: dict[str, str]) -> float | None:
    """Read the pause an endpoint asks for, in seconds.

    Source: RFC 9110 section 10.2.3 for ``Retry-After`` in seconds; ``retry-after-ms`` is what
    OpenAI and Azure send beside it.
    """
    milliseconds, whole = headers.get("retry-after-ms"), headers.get("retry-after")
    for value, unit in ((milliseconds, 0.001), (whole, 1.0)):
        try:
            pause = float(value or "") * unit
        except ValueError:
            continue
        if 0 <= pause < float("inf"):
            return pause
    return None


def _by_text(status: int, text: str) -> Kind:
    lowered = text.lower()
    if any(phrase in lowered for phrase in _OVERFLOW):
        return "context_overflow"
    if 400 <= status < 500:
        return "bad_request"
    return "server"


def _error_of(body: Json) -> tuple[str, str]:
    """Find the code and the text in the many shapes of error bodies."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return "", str(error or "no reason given")[:_TEXT_LIMIT]
    code = error.get("code") or error.get("type") or ""
    text = error.get("message") or error.get("detail") or error
    return str(code), str(text)[:_TEXT_LIMIT]
