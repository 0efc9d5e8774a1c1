"""Does a network fit its manifest? Asked once, at load."""

from __future__ import annotations

import numpy as np

from detector.decode import check_output_shape
from detector.errors import ModelError
from detector.manifest import Manifest
from detector.session import OnnxSession


def input_name_of(session: OnnxSession, manifest: Manifest, where: str) -> str:
    """The name of the network's one input, once shape and type are those of the manifest.

    ``where`` begins the message of the :class:`~detector.errors.ModelError` otherwise.
    """
    inputs = session.inputs
    if len(inputs) != 1:
        raise ModelError(f"{where}: expected a network with one input, found {len(inputs)}")
    info, spec = inputs[0], manifest.input
    wanted = (1, 3, spec.size_px, spec.size_px)
    fits = len(info.shape) == 4 and all(
        side is None or side == want for side, want in zip(info.shape, wanted, strict=True)
    )
    if not fits:
        raise ModelError(
            f"{where}: input.size_px: expected {spec.size_px} for a network input of "
            f"{list(wanted)}, found {[side or 'any' for side in info.shape]} in {info.name!r}"
        )
    is_free = info.shape[2] is None and info.shape[3] is None
    if spec.any_size_multiple_px is not None and not is_free:
        raise ModelError(
            f"{where}: input.any_size_multiple_px: expected a network with free height "
            f"and width, found {[side or 'any' for side in info.shape]}; remove the key or export "
            "with free sizes"
        )
    if info.element_type != "tensor(float)":
        raise ModelError(
            f"{where}: expected a float32 input, found {info.element_type}; "
            "export with float32 inputs (float16 weights inside are fine)"
        )
    return info.name


def warm_up(session: OnnxSession, input_name: str, manifest: Manifest, where: str) -> None:
    """Run once on grey: the first call plans memory and takes several times longer.

    It also yields the real output shape, which exporters often leave undeclared; a manifest
    that does not fit fails here, at load, and not on the first frame of the night.
    """
    side = manifest.input.size_px
    grey = np.full((1, 3, side, side), 0.5, dtype=np.float32)
    try:
        output = session.run(input_name, grey)
    except Exception as error:  # the runtime raises many unrelated types
        raise ModelError(f"{where}: the network does not run: {error}") from error
    check_output_shape(output.shape, manifest.decoder, len(manifest.classes), where)
