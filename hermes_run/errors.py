"""Everything the runner raises, by whose fault it is.

::

    HermesRunError
    ├── UsageError            the caller's: options, settings or input files that can't be used
    ├── EndpointError         the endpoint's: an attempt gave no usable reply
    └── SandboxError          the machine's: a workspace or a sandbox can't be had
"""

from __future__ import annotations


class HermesRunError(Exception):
    """Root of everything the runner raises."""


class UsageError(HermesRunError):
    """What was asked for can't be done as it was asked; the text says what to type."""


class SandboxError(HermesRunError):
    """A workspace or a sandbox can't be made, or broke."""
