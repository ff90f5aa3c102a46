"""How far an atom is from all that a model was taught: one Gaussian per class over its embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mdlens.errors import InputError, ModelError
from mdlens.inference import StructureModel, load_model
from mdlens.inference.description import write_metadata
from mdlens.inference.structure_model import read_graph
from mdlens.io.whole_file import write_durably
from mdlens.types import Float32Array, FloatArray, IntArray

SHRINKAGE = 0.01
"""Variance added in every direction, in mean variances of all embeddings.

A class leaves many directions of the embedding all but empty. Without a floor, a hair's breadth along one of
them would count for more than everything else.
"""

USUAL = 0.99
"""Distances are in units of the one that this share of rightly named, held-out atoms stays within."""

BEYOND = 0.005
"""Share of those atoms that the limit gives up as unknown."""

TOLERANCE = 1e-3
"""Largest difference between the distances of ONNX Runtime and of float64."""

_PREFIX = "distance."


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassGaussians:
    """A Gaussian of the embeddings of each class.

    Attributes:
        means: Mean embedding of each class (classes, E).
        whitening: For each class the matrix ``W`` with ``W W^T = C^-1``, C its covariance (classes, E, E).
    """

    means: FloatArray
    whitening: FloatArray

    def distance(self, embeddings: Float32Array | FloatArray) -> FloatArray:
        """Measure the Mahalanobis distance to the nearest class, ``min_c |(x - m_c) W_c|``, (atoms,)."""
        nearest = np.full(len(embeddings), np.inf)
        for mean, whitening in zip(self.means, self.whitening, strict=True):
            np.minimum(nearest, (((embeddings - mean) @ whitening) ** 2).sum(axis=1), out=nearest)
        return np.asarray(np.sqrt(nearest))

    def scaled(self, unit: float) -> "ClassGaussians":
        """Return the Gaussians whose distances are these over `unit`."""
        return replace(self, whitening=self.whitening / unit)


def fit_gaussians(embeddings: Float32Array | FloatArray, labels: IntArray, classes: int) -> ClassGaussians:
    """Fit a Gaussian to the embeddings of each class; labels below 0 take no part.

    Each class keeps a covariance of its own, ``C_c + s v I`` with s = `SHRINKAGE` and v the mean variance of
    all embeddings: a melt spreads far wider than a crystal.

    Args:
        embeddings: Of maps like those of the training (samples, E).
        labels: Their classes (samples,).
        classes: Number of classes.

    Raises:
        InputError: If a class has fewer than two samples, or all embeddings are the same.

    Source: Lee et al., NeurIPS 2018, arXiv 1807.03888, section 2.1, with a covariance for each class.
    """
    taught = labels >= 0
    counts = np.bincount(labels[taught], minlength=classes)
    if counts.min() < 2:
        raise InputError(f"every class needs two samples to measure distances from, got {counts.tolist()}")
    points = embeddings.astype(np.float64)
    floor = SHRINKAGE * float(points[taught].var(axis=0).mean())
    if not floor > 0.0:
        raise InputError("distances cannot be measured: the embeddings of all samples are the same")
    means = np.stack([points[labels == label].mean(axis=0) for label in range(classes)])
    floors = floor * np.eye(points.shape[1])
    covariances = [np.cov(points[labels == label].T) + floors for label in range(classes)]
    whitening = np.stack([np.linalg.cholesky(np.linalg.inv(covariance)) for covariance in covariances])
    return ClassGaussians(means=means, whitening=whitening)


def in_usual_units(
    gaussians: ClassGaussians, embeddings: Float32Array, right: NDArray[np.bool_]
) -> tuple[ClassGaussians, float]:
    """Scale distances so that held-out atoms stay within 1 but for one in a hundred, and choose the limit.

    Args:
        gaussians: As fitted.
        embeddings: Of held-out maps (samples, E).
        right: Whether the model names each of them rightly (samples,); only these count.

    Returns:
        The Gaussians in those units, and the distance that all but a share `BEYOND` stay within.

    Raises:
        InputError: If none is right.
    """
    if not right.any():
        raise InputError("a limit of the distance needs held-out atoms that the model names rightly")
    distance = gaussians.distance(embeddings[right])
    unit, limit = np.quantile(distance, [USUAL, 1.0 - BEYOND])
    return gaussians.scaled(float(unit)), float(limit / unit)


def attach_distance(
    file: Path, gaussians: ClassGaussians, limit: float, examples: Float32Array
) -> StructureModel:
    """Add the output "distance" to a model file, or replace the one it has, and prove that it is right.

    Args:
        file: A model file; replaced as a whole.
        gaussians: Of the embeddings of this very model, in the units wanted.
        limit: Distance beyond which an atom is unknown.
        examples: Maps on which runtime and float64 are compared.

    Returns:
        The model as loaded back.

    Raises:
        ModelError: If the file does not load, or the distances differ by more than `TOLERANCE`.
    """
    before = load_model(file)
    graph, exemplars = read_graph(before)
    _remove(graph.graph)
    _append(graph.graph, gaussians)
    metadata = replace(before.metadata, distance_limit=limit, distance_error_rate=BEYOND)
    write_metadata(graph, metadata, exemplars)
    partial = file.with_name(file.name + ".partial")
    write_durably(graph.SerializeToString(), partial)
    _check(load_model(partial), gaussians, examples)
    partial.replace(file)
    return load_model(file)


def extend_distance(
    model: onnx.ModelProto, new: Float32Array, known: Sequence[Float32Array]
) -> onnx.ModelProto:
    """Let the output "distance" of a graph know one more class, whose atoms would be unknown otherwise.

    The distance to the new class is in units of what 99 % of its own atoms stay within.

    Args:
        model: A model; one without a distance is given back as it is. Not changed.
        new: Embeddings of the new class (atoms, E).
        known: Embeddings (atoms, E) of each known class, for the scale of the floor.

    Raises:
        InputError: If there are fewer than two atoms of the new class.
    """
    gaussians = _read(model.graph)
    if gaussians is None:
        return model
    labels = np.concatenate([np.full(len(part), k) for k, part in enumerate([*known, new])])
    fitted = fit_gaussians(np.concatenate([*known, new]), labels, len(known) + 1)
    last = ClassGaussians(means=fitted.means[-1:], whitening=fitted.whitening[-1:])
    last = last.scaled(float(np.quantile(last.distance(new), USUAL)))
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    _remove(extended.graph)
    means = np.concatenate([gaussians.means, last.means])
    whitening = np.concatenate([gaussians.whitening, last.whitening])
    _append(extended.graph, ClassGaussians(means=means, whitening=whitening))
    return extended


def _read(graph: onnx.GraphProto) -> ClassGaussians | None:
    """Read the Gaussians that `_append` put into a graph; None if there are none."""
    names = [_PREFIX + name for name in ("weights", "offsets")]
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    if not all(name in stored for name in names):
        return None
    weights, offsets = (stored[name].astype(np.float64) for name in names)
    size = len(weights)
    whitening = weights.reshape(size, -1, size).transpose(1, 0, 2)
    shifts = -offsets.reshape(-1, 1, size)
    means = (shifts @ np.linalg.inv(whitening))[:, 0]
    return ClassGaussians(means=means, whitening=whitening)


def _remove(graph: onnx.GraphProto) -> None:
    """Take a distance out of a graph again, with all that only it needs."""
    for items in (graph.node, graph.initializer, graph.output):
        kept = [item for item in items if item.name != "distance" and not item.name.startswith(_PREFIX)]
        del items[:]
        items.extend(kept)


def _append(graph: onnx.GraphProto, gaussians: ClassGaussians) -> None:
    """Append ``sqrt(min_c sum_k ((x - m_c) W_c)_k^2)`` to a graph that has the output "embedding"."""
    classes, size = gaussians.means.shape
    weights = gaussians.whitening.transpose(1, 0, 2).reshape(size, classes * size)
    offsets = -np.einsum("ce,cef->cf", gaussians.means, gaussians.whitening).reshape(-1)
    constants = {
        "weights": weights.astype(np.float32),
        "offsets": offsets.astype(np.float32),
        "shape": np.array([-1, classes, size], np.int64),
        "components": np.array([2], np.int64),
        "classes": np.array([1], np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(x, _PREFIX + name) for name, x in constants.items())
    steps = [
        ("Gemm", ["embedding", "weights", "offsets"], "white", {}),
        ("Reshape", ["white", "shape"], "by_class", {}),
        ("Mul", ["by_class", "by_class"], "squares", {}),
        ("ReduceSum", ["squares", "components"], "square_distances", {"keepdims": 0}),
        ("ReduceMin", ["square_distances", "classes"], "nearest", {"keepdims": 0}),
        ("Sqrt", ["nearest"], "distance", {}),
    ]
    for operator, inputs, output, attributes in steps:
        graph.node.append(
            helper.make_node(
                operator,
                [name if name == "embedding" else _PREFIX + name for name in inputs],
                [output if output == "distance" else _PREFIX + output],
                name=_PREFIX + output,
                **attributes,
            )
        )
    batch = next(port for port in graph.output if port.name == "embedding").type.tensor_type.shape.dim[0]
    graph.output.append(
        helper.make_tensor_value_info("distance", TensorProto.FLOAT, [batch.dim_param or None])
    )


def _check(model: StructureModel, gaussians: ClassGaussians, examples: Float32Array) -> None:
    prediction = model.describe(examples, threads=1)
    expected = gaussians.distance(prediction.embeddings)
    found = np.zeros(0) if prediction.distance is None else prediction.distance
    difference = float(np.abs(found - expected).max() / max(1.0, expected.max()))
    if not difference <= TOLERANCE:
        raise ModelError(f"{model.file}: the distances differ by {difference:.1e}, more than {TOLERANCE:.0e}")


__all__ = [
    "BEYOND",
    "ClassGaussians",
    "attach_distance",
    "extend_distance",
    "fit_gaussians",
    "in_usual_units",
]
