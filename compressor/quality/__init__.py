"""What a plan did to a trajectory, in figures. Pure; nothing here is used to plan.

::

    one = quality.measure(before, after, plan)
    quality.fold([one, ...], budget_tokens=15_250).held_out_grounding
"""

from __future__ import annotations

from compressor.quality.folding import Figures, fold
from compressor.quality.grounding import Grounding
from compressor.quality.measuring import Quality, measure

__all__ = ["Figures", "Grounding", "Quality", "fold", "measure"]
