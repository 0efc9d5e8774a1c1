"""The quality gate: what an installer should know of a picture or a view, in words.

`picture_findings` needs nothing but the picture; `view_findings` needs to know where a bay is.
Thresholds are the module's constants.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.rectify import ImageBgr
from calibration.verdict import Finding, Verdict
from calibration.view import BayView
from shelf import Bay

WORKING_PX = 1600
"""Pictures with a longer side are measured at this one."""

SOFT_PX, BLURRED_PX = 4.6, 6.8
"""Width of the sharpest edges, in px at the working size, from where a picture is soft, blurred."""

DIM, DARK = 60.0, 30.0
"""The 90th percentile of brightness (0..255) below which a picture is dim, dark."""

BRIGHT, WHITE = 0.08, 0.3
"""The share of burnt-out pixels from where a picture is too bright, mostly white."""

GLARE_SOME, GLARE_MUCH = 0.01, 0.06
"""The share of the picture under smooth burnt-out spots."""

OBLIQUE_DEG, EXTREME_DEG = 35.0, 50.0
HARDLY_PX_SHARE = 0.6
"""Facings narrower than this share of what the detector wants are hardly found."""

MOST_VISIBLE, HALF_VISIBLE = 0.95, 0.5
SLOT_VISIBLE = 0.6
"""A slot of which this share is in the picture counts as visible."""

_BURNT = 250
_EDGE_SHARE = 0.01
_MIN_CONTRAST = 12.0


def picture_findings(image_bgr: ImageBgr) -> tuple[Finding, ...]:
    """Return the findings ``focus``, ``exposure`` and ``glare`` of a picture.

    With a red one no proposal should be made of it.
    """
    small = _working(image_bgr)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    exposure = _exposure(grey)
    return (_focus(grey), exposure, _glare(small))


def view_findings(bay: Bay, view: BayView, wanted_facing_px: float) -> tuple[Finding, ...]:
    """Return the findings ``angle``, ``facing_px`` and ``visible`` of a bay in a view.

    ``wanted_facing_px`` is the width of a facing that the detector wants.
    """
    return (_angle(bay, view), _facing_px(bay, view, wanted_facing_px), _visible(bay, view))


def angle_deg(bay: Bay, view: BayView) -> float:
    """Return the angle under which the middle of a bay is seen, 0 for frontal.

    By the foreshortening there, so no focal length is needed; 90 where the bay is not seen.
    """
    at = np.array([[bay.width_mm / 2, bay.height_mm / 2]])
    here, right, up = (
        view.image_from_bay(at + np.array(step))[0] for step in ((0, 0), (1, 0), (0, 1))
    )
    jacobian = np.column_stack([right - here, up - here])
    if not np.isfinite(jacobian).all():
        return 90.0
    small, large = sorted(np.linalg.svd(jacobian, compute_uv=False))
    return float(np.degrees(np.arccos(np.clip(small / max(large, 1e-12), 0.0, 1.0))))


def _working(image_bgr: ImageBgr) -> ImageBgr:
    scale = WORKING_PX / max(image_bgr.shape[:2])
    if scale >= 1:
        return image_bgr
    return np.asarray(
        cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def _focus(grey: NDArray[np.uint8]) -> Finding:
    width = edge_width_px(grey)
    words = f"the sharpest edges are {width:.1f} px wide"
    if not np.isfinite(width):
        return Finding(
            "focus",
            Verdict.RED,
            99.0,
            "px",
            "there is nothing in the picture to focus on",
            "take off what covers the lens, and switch on the light",
        )
    advice = "turn the focus until the price labels are sharp; clean the lens"
    if width >= BLURRED_PX:
        return Finding("focus", Verdict.RED, width, "px", f"blurred: {words}", advice)
    if width >= SOFT_PX:
        return Finding("focus", Verdict.AMBER, width, "px", f"soft: {words}", advice)
    return Finding("focus", Verdict.GREEN, width, "px", f"sharp: {words}")


def edge_width_px(grey: NDArray[np.uint8]) -> float:
    """Return the usual width in px of the strongest edges of a picture (H,W); inf without edges.

    Width is what an edge rises over by its steepness: contrast in its surroundings by gradient.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8).astype(np.float32)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) / 8
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) / 8
    steep = np.hypot(across, down)
    around = np.ones((17, 17), np.uint8)
    contrast = cv2.dilate(smooth, around) - cv2.erode(smooth, around)
    strong = steep >= max(float(np.quantile(steep, 1 - _EDGE_SHARE)), 1e-3)
    strong &= contrast > _MIN_CONTRAST
    if strong.sum() < 50:
        return float("inf")
    return float(np.median(contrast[strong] / steep[strong]))


def _exposure(grey: NDArray[np.uint8]) -> Finding:
    light = float(np.percentile(grey, 90))
    burnt = float((grey >= _BURNT).mean())
    if light < DIM:
        verdict = Verdict.RED if light < DARK else Verdict.AMBER
        words = f"too dark: nine tenths of the picture are darker than {light:.0f} of 255"
        return Finding(
            "exposure", verdict, light, "grey", words, "switch on the light, or expose longer"
        )
    if burnt >= BRIGHT:
        verdict = Verdict.RED if burnt >= WHITE else Verdict.AMBER
        words = f"too bright: {burnt:.0%} of the picture are white"
        return Finding("exposure", verdict, light, "grey", words, "expose less")
    return Finding("exposure", Verdict.GREEN, light, "grey", "well exposed")


def _glare(image_bgr: ImageBgr) -> Finding:
    burnt = (image_bgr.min(axis=2) >= _BURNT).astype(np.uint8)
    reach = max(3, round(max(image_bgr.shape[:2]) / 120)) | 1
    # Print on white packages has letters in it; a reflection has none.
    spots = cv2.morphologyEx(burnt, cv2.MORPH_OPEN, np.ones((reach, reach), np.uint8))
    share = float(spots.mean())
    if share < GLARE_SOME:
        return Finding("glare", Verdict.GREEN, share, "", "no glare")
    verdict = Verdict.RED if share >= GLARE_MUCH else Verdict.AMBER
    return Finding(
        "glare",
        verdict,
        share,
        "",
        f"{share:.0%} of the picture are burnt-out spots",
        "turn the camera or shade the lamp that is reflected",
    )


def _angle(bay: Bay, view: BayView) -> Finding:
    angle = angle_deg(bay, view)
    words = f"the bay is seen from {angle:.0f} degrees beside its front"
    if angle <= OBLIQUE_DEG:
        return Finding("angle", Verdict.GREEN, angle, "deg", words)
    verdict = Verdict.RED if angle > EXTREME_DEG else Verdict.AMBER
    return Finding(
        "angle", verdict, angle, "deg", words, "hang the camera more in front of the bay"
    )


def _facing_px(bay: Bay, view: BayView, wanted_px: float) -> Finding:
    widths = []
    for shelf in bay.shelves:
        for slot in shelf.slots:
            low = shelf.y_mm + slot.y_mm
            left, right = slot.x_mm, slot.x_mm + slot.width_mm
            middle = low + slot.height_mm / 2
            ends = view.image_from_bay([(left, middle), (right, middle)])
            if view.is_in_picture(ends).any():
                widths.append(float(np.linalg.norm(ends[1] - ends[0])) / slot.facings_wide)
    width = float(np.percentile(widths, 20)) if widths else 0.0
    words = f"narrow facings are {width:.0f} px wide; the detector wants {wanted_px:.0f} or more"
    if width >= wanted_px:
        return Finding("facing_px", Verdict.GREEN, width, "px", words)
    verdict = Verdict.RED if width < HARDLY_PX_SHARE * wanted_px else Verdict.AMBER
    advice = "hang the camera nearer, use a longer lens, or a picture of more pixels"
    return Finding("facing_px", verdict, width, "px", words, advice)


def _visible(bay: Bay, view: BayView) -> Finding:
    shares = [view.visible_share(rect) for _, rect in bay.slot_rects_mm]
    seen = sum(share >= SLOT_VISIBLE for share in shares)
    share = seen / max(1, len(shares))
    words = f"{seen} of {len(shares)} planned slots are in the picture"
    if share >= MOST_VISIBLE:
        return Finding("visible", Verdict.GREEN, share, "", words)
    verdict = Verdict.RED if share < HALF_VISIBLE else Verdict.AMBER
    advice = "turn the camera, or let another one watch the rest"
    return Finding("visible", verdict, share, "", words, advice)
