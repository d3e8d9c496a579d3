"""The kinds of tasks the policy knows, one a file; the first that takes a task has it.

The order matters where kinds are alike: "count the ERROR lines" is a task for the log family before
it is one for the counting family.
"""

from __future__ import annotations

from hermes_run.models.simulated.families.constant import CONSTANT
from hermes_run.models.simulated.families.convert import CONVERT
from hermes_run.models.simulated.families.count import COUNT
from hermes_run.models.simulated.families.extract import EXTRACT
from hermes_run.models.simulated.families.find import FIND
from hermes_run.models.simulated.families.fix import FIX
from hermes_run.models.simulated.families.lines import LINES
from hermes_run.models.simulated.families.log import LOG
from hermes_run.models.simulated.families.merge import MERGE
from hermes_run.models.simulated.families.rename import RENAME
from hermes_run.models.simulated.families.table import TABLE
from hermes_run.models.simulated.families.top import TOP
from hermes_run.models.simulated.steps import Family

FAMILIES: tuple[Family, ...] = (
    FIX,
    CONSTANT,
    RENAME,
    MERGE,
    CONVERT,
    TOP,
    EXTRACT,
    TABLE,
    LOG,
    FIND,
    COUNT,
    LINES,
)
