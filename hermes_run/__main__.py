"""``python -m hermes_run`` is ``hermes-run``."""

from __future__ import annotations

import sys

from hermes_run.cli import main

sys.exit(main())
