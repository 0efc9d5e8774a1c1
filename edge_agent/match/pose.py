"""Where a bay lies in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BayPose:
    """A planned bay in a picture: ``image_from_bay`` (3,3) takes bay lengths (y up) to px.

    ``support`` is the share of the planned facings that stand where it says.
    """

    image_from_bay: Floats
    support: float

    def image_points(self, points_bay: Floats) -> Floats:
        """Take (n,2) points of the bay to (n,2) px."""
        return project(self.image_from_bay, points_bay)

    def bay_points(self, points_px: Floats) -> Floats:
        """Take (n,2) px to (n,2) points of the bay."""
        return project(np.asarray(np.linalg.inv(self.image_from_bay), dtype=np.float64), points_px)


def project(transform: Floats, points: Floats) -> Floats:
    """Apply a homography (3,3) to points (n,2)."""
    homogeneous = np.column_stack((points, np.ones(len(points)))) @ transform.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])
