"""The only importer of ONNX Runtime: one session, shared by all worker threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.errors import ModelError

#: Never chosen unless named: it would send pictures to another machine.
REMOTE_PROVIDERS = frozenset({"AzureExecutionProvider"})


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How ONNX Runtime runs a model.

    ``providers``: tried in this order; empty means every local provider that this installation
    has, in ONNX Runtime's own order.
    ``threads_per_run``: threads inside one call. One is best when several workers share the
    session (twice the throughput of a single worker on two cores); raise it for a lone worker
    that has cores to spare.
    """

    providers: tuple[str, ...] = ()
    threads_per_run: int = 1


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Name and shape of one input or output; None marks a free dimension."""

    name: str
    shape: tuple[int | None, ...]
    element_type: str


class OnnxSession:
    """A loaded network. :meth:`run` may be called from several threads at once."""

    def __init__(self, model: Path | bytes, options: SessionOptions | None = None) -> None:
        """Load ``model`` (a file or its bytes).

        Raises :class:`ModelError` when ONNX Runtime cannot load it or lacks a provider asked for.
        """
        options = options or SessionOptions()
        native = onnxruntime.SessionOptions()
        native.intra_op_num_threads = options.threads_per_run
        native.inter_op_num_threads = 1
        # Idle pool threads would otherwise spin between paced frames: two thirds of the CPU time.
        native.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Plans of memory are kept for each input shape; they cost memory and save no time.
        native.enable_mem_pattern = False
        native.log_severity_level = 3
        source = str(model) if isinstance(model, Path) else model
        what = str(model) if isinstance(model, Path) else "the model"
        try:
            self._session = onnxruntime.InferenceSession(
                source, native, providers=_providers(options.providers)
            )
        except ModelError:
            raise
        except Exception as error:  # the runtime raises many unrelated types
            raise ModelError(f"{what}: expected an ONNX model, found: {error}") from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The network's inputs."""
        return tuple(_tensor_info(value) for value in self._session.get_inputs())

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The network's outputs, as declared; real shapes are known after a run."""
        return tuple(_tensor_info(value) for value in self._session.get_outputs())

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers in use, in order."""
        return tuple(self._session.get_providers())

    @property
    def metadata(self) -> dict[str, str]:
        """Free text that the exporter wrote into the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, name: str, tensor: NDArray[np.generic]) -> FloatArray:
        """The first output for one input tensor, float32."""
        result = self._session.run(self._outputs[:1], {name: tensor})[0]
        return np.asarray(result, dtype=np.float32)


def available_providers() -> tuple[str, ...]:
    """Execution providers that this installation offers."""
    return tuple(onnxruntime.get_available_providers())


def _providers(wanted: Sequence[str]) -> list[str]:
    available = onnxruntime.get_available_providers()
    missing = [name for name in wanted if name not in available]
    if missing:
        raise ModelError(
            f"providers: expected some of {', '.join(available)}, found {', '.join(missing)}; "
            "install the ONNX Runtime package that brings it, or remove it from the list"
        )
    return list(wanted) or [name for name in available if name not in REMOTE_PROVIDERS]


def _tensor_info(value: onnxruntime.NodeArg) -> TensorInfo:
    shape = tuple(side if isinstance(side, int) else None for side in value.shape)
    return TensorInfo(name=value.name, shape=shape, element_type=value.type)
