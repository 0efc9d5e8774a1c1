"""Robust least squares for a view: Huber's loss, priors, Levenberg-Marquardt.

Eight parameters are fewer than the nine of a free homography with distortion, and three have a
usual size (`_prior`), so that half a bay behind a shopper is not bent to fit the noise of the
other half.
"""

from __future__ import annotations

import cv2
import numpy as np

from calibration.fit_model import STEP, Floats, Marks, ViewFit, sides

USUAL_FOCAL = 0.75
"""The usual focal length, in units of the picture's longer side (67 degrees across): lenses of
4 to 6 mm before a sensor of 1/2.8 inch, and the main camera of a telephone."""

FOCAL_SPREAD = 0.35
"""Standard deviation of the logarithm of the focal length."""

ROLL_SPREAD_DEG = 4.0

TUNING = 1.5
"""Residuals beyond so many standard deviations count as one so large (Huber)."""

LEAST_SIGMA_PX = 0.3
SHARED = 2.0
"""How many times larger a variance is than if groups erred independently; measured on simulated
views, where errors at the corners were 1.45 times what independence says."""

STEPS = 25


def solve(
    frame: ViewFit, marks: Marks, params: Floats, distortion: tuple[float, float]
) -> tuple[Floats, float, Floats]:
    """Levenberg-Marquardt on Huber's loss; the scale is estimated anew at each step."""
    count = max(1, int((marks.weights > 0).sum()))
    damping = 1e-3
    used = marks.weights.ravel() > 0

    def cost(params: Floats, sigma: float) -> float:
        off = np.abs(_residuals(frame, params, marks)) / sigma
        loss = np.where(off < TUNING, off**2, 2 * TUNING * off - TUNING**2)
        return float(loss.sum() + np.square(_prior(params, distortion)).sum())

    sigma = LEAST_SIGMA_PX
    inverse: Floats = np.eye(8)
    for _ in range(STEPS):
        off = _residuals(frame, params, marks)
        sigma = max(LEAST_SIGMA_PX, 1.4826 * float(np.median(np.abs(off[used]))))
        slopes = np.stack(
            [(_residuals(frame, params + step, marks) - off) / STEP for step in np.eye(8) * STEP],
            axis=1,
        )
        prior = _prior(params, distortion)
        prior_slopes = np.stack(
            [(_prior(params + step, distortion) - prior) / STEP for step in np.eye(8) * STEP],
            axis=1,
        )
        trust = np.minimum(1.0, TUNING * sigma / np.maximum(np.abs(off), 1e-12)) / sigma**2
        normal = slopes.T @ (slopes * trust[:, None]) + prior_slopes.T @ prior_slopes
        pull = slopes.T @ (trust * off) + prior_slopes.T @ prior
        before = cost(params, sigma)
        moved = False
        for _ in range(8):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-9), -pull)
            after = cost(params + step, sigma)
            if after < before:
                params, moved = params + step, True
                damping = max(damping / 5, 1e-9)
                break
            damping *= 6
        inverse = np.asarray(np.linalg.inv(normal + 1e-12 * np.eye(8)), dtype=np.float64)
        if not moved or before - after < 1e-4 * before:
            break
    # The sides of one group err together, and groups of a shelf do: so many fewer are independent.
    together = SHARED * count / max(1.0, 2.0 * len(np.unique(marks.groups)))
    return params, sigma, np.asarray(inverse * max(1.0, together))


def _residuals(frame: ViewFit, params: Floats, marks: Marks) -> Floats:
    return np.asarray(((sides(frame, params, marks) - marks.boxes_px) * marks.weights).ravel())


def _prior(params: Floats, distortion: tuple[float, float]) -> Floats:
    """What is known before any mark, in standard deviations: focal length, distortion, roll."""
    turn, _ = cv2.Rodrigues(params[:3])
    roll = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    return np.array(
        [
            (params[6] - np.log(USUAL_FOCAL)) / FOCAL_SPREAD,
            (params[7] - distortion[0]) / distortion[1],
            roll / ROLL_SPREAD_DEG,
        ]
    )
