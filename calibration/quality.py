"""The quality gate: what an installer should know of a picture or a view, in words.

`picture_findings` needs nothing but the picture; `view_findings` needs to know where a bay is.
"""

from __future__ import annotations

from calibration.rectify import ImageBgr
from calibration.verdict import Finding
from calibration.view import BayView
from shelf import Bay


def picture_findings(image_bgr: ImageBgr) -> tuple[Finding, ...]:
    """Return the findings ``focus``, ``exposure`` and ``glare`` of a picture.

    With a red one no proposal should be made of it.
    """
    raise NotImplementedError


def view_findings(bay: Bay, view: BayView, wanted_facing_px: float) -> tuple[Finding, ...]:
    """Return the findings ``angle``, ``facing_px`` and ``visible`` of a bay in a view.

    ``wanted_facing_px`` is the width of a facing that the detector wants.
    """
    raise NotImplementedError
