"""The ways in which a detector is measured."""

from __future__ import annotations

from enum import StrEnum


class View(StrEnum):
    """How pictures are looked at when a detector is measured."""

    #: The whole picture, letterboxed: ``Detector.detect``.
    WHOLE = "whole"
    #: The whole picture at the scale that suits its facings: ``Detector.detect_at_best_scale``.
    BEST_SCALE = "best_scale"
    #: One crop of each picture at a random facing size, by ``Detector.detect``.
    ZOOMED = "zoomed"

    @property
    def words(self) -> str:
        """For tables."""
        return {
            View.WHOLE: "whole (`detect`)",
            View.BEST_SCALE: "at facing size (`detect_at_best_scale`)",
            View.ZOOMED: "crops at random facing sizes",
        }[self]
