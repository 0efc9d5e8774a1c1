"""Where a camera's pixels lie on the front planes of the bays.

A calibration file holds one camera's lens and a homography per bay. `Calibration.view` gives a
`BayView` for one bay at one picture size; `BayView.rectifier` warps the bay to a frontal
picture of known scale. Points are exact on the front plane of a bay and nowhere else.
"""

from calibration.calibration_file import (
    Approval,
    BayCalibration,
    Calibration,
    CalibrationError,
    adjusted,
)
from calibration.lens import Lens
from calibration.rectify import Rectifier
from calibration.verdict import Finding, Verdict
from calibration.view import BayView, RectMm

__all__ = [
    "Approval",
    "BayCalibration",
    "BayView",
    "Calibration",
    "CalibrationError",
    "Finding",
    "Lens",
    "RectMm",
    "Rectifier",
    "Verdict",
    "adjusted",
]
