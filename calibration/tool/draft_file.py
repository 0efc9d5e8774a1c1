"""Drafts on disk: a browser, or the tool itself, may end at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydantic import ValidationError

from calibration.rectify import ImageBgr
from calibration.tool.draft import Draft
from shelf.errors import ShelfwatchError
from shelf.whole_file import write_whole


class DraftError(ShelfwatchError):
    """Work that cannot be kept."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class DraftFile:
    """The draft of one camera, with the picture it was made on."""

    folder: Path
    camera: str

    def load(self) -> tuple[Draft, ImageBgr] | None:
        """Return what was kept; None when there is nothing, or nothing that can be read."""
        try:
            draft = Draft.model_validate_json(self._draft.read_bytes())
        except (OSError, ValidationError):
            return None
        image = cv2.imread(str(self._picture), cv2.IMREAD_COLOR)
        return None if image is None else (draft, np.asarray(image, dtype=np.uint8))

    def keep(self, draft: Draft) -> None:
        """Keep the draft; raises `DraftError`."""
        _write(self._draft, draft.model_dump_json().encode())

    def keep_picture(self, image_bgr: ImageBgr) -> None:
        """Keep the picture; raises `DraftError`."""
        _, code = cv2.imencode(".png", image_bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        _write(self._picture, code.tobytes())

    def forget(self) -> None:
        """Remove both; raises `DraftError`."""
        for path in (self._draft, self._picture):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise DraftError(f"{path}: cannot be removed: {error.strerror}") from error

    @property
    def _draft(self) -> Path:
        return self.folder / f"{self.camera}.draft.json"

    @property
    def _picture(self) -> Path:
        return self.folder / f"{self.camera}.draft.png"


def _write(path: Path, content: bytes) -> None:
    """Replace ``path`` in one step."""
    try:
        write_whole(path, content, mode=0o600)
    except OSError as error:
        raise DraftError(f"{path}: the work cannot be kept: {error.strerror}") from error
