"""From a picture of a stocked bay to a calibration proposal, with how sure it is and why."""

from __future__ import annotations

from collections.abc import Sequence

from calibration import Calibration, Lens
from calibration.proposal import Proposal
from detector import Detector
from edge_agent.frames import ImageBgr
from edge_agent.recognise import Recogniser
from shelf import Planogram


class PlanogramProposer:
    """Proposes where the bays of a planogram lie in pictures of one camera.

    ``bays`` are those that the camera sees (None: all); ``lens`` is a measured one, which is then
    kept. It is a `calibration.proposal.Proposer`.
    """

    def __init__(
        self,
        planogram: Planogram,
        detector: Detector,
        recogniser: Recogniser | None = None,
        *,
        bays: Sequence[int] | None = None,
        lens: Lens | None = None,
    ) -> None:
        raise NotImplementedError

    def propose(
        self, pictures_bgr: Sequence[ImageBgr], start: Calibration | None = None
    ) -> Proposal:
        """See `calibration.proposal.Proposer.propose`."""
        raise NotImplementedError

    def judge(self, picture_bgr: ImageBgr, calibration: Calibration) -> Proposal:
        """See `calibration.proposal.Proposer.judge`."""
        raise NotImplementedError
