"""Check a run directory against what the record promises, and save what is sound of a damaged one.

::

    survey = verifying.survey(directory)      what there is, and how far it is looked at
    verdict = verifying.inspect(survey)       every line, session and row; all faults, none raised
    await verifying.salvage(survey, verdict, out)

Nothing here changes what it reads, and nothing that a file may hold is raised.
"""

from __future__ import annotations

from recorder.verifying.faults import CHECKS as CHECKS
from recorder.verifying.faults import Fault as Fault
from recorder.verifying.faults import Faults as Faults
from recorder.verifying.inspection import inspect as inspect
from recorder.verifying.salvage import SALVAGE as SALVAGE
from recorder.verifying.salvage import Salvaged as Salvaged
from recorder.verifying.salvage import check_place as check_place
from recorder.verifying.salvage import salvage as salvage
from recorder.verifying.survey import Survey as Survey
from recorder.verifying.survey import survey as survey
from recorder.verifying.verdict import Counts as Counts
from recorder.verifying.verdict import Verdict as Verdict
