"""Fitting of the autoencoder and the pattern classifiers; plain loops, seeded, on one device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mdlens.descriptors.pixel_codes import mirrored_codes
from mdlens.errors import InputError
from mdlens.learning.lightning_run import torch_state
from mdlens.learning.pattern_data import COUNTED, SectionData
from mdlens.models.autoencoder import TomographAutoencoder
from mdlens.models.pattern_classifier import PatternClassifier, log_scores
from mdlens.models.pixel_network import PixelNetwork
from mdlens.types import Float32Array, FloatArray, IntArray

Report = Callable[[int, int, float], None]

_SCORES = 3.0  # weight of the scores beside the cross entropy
_ROUGH = 0.3  # error of a logarithm up to which it counts by its square


@dataclass(frozen=True, kw_only=True)
class PatternFitSettings:
    """How a network is fitted.

    Args:
        epochs: Passes over the windows.
        batch_size: Windows per step.
        learning_rate: Largest rate of the one-cycle schedule.
        weight_decay: Of AdamW.
        seed: Of first weights and order.
        threads: Of torch.

    Raises:
        InputError: If a value is out of range.
    """

    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, 100_000),
            ("batch_size", 2, 100_000),
            ("learning_rate", 1e-8, 10.0),
            ("weight_decay", 0.0, 10.0),
            ("seed", 0, 2**31),
            ("threads", 1, 1024),
        ):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} must lie between {low:g} and {high:g}, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class PixelFitSettings(PatternFitSettings):
    """How the network of pixels is fitted.

    Args:
        half: Convolve in bfloat16: about twice as fast on processors that have it, slow on others.
    """

    epochs: int = 24
    batch_size: int = 16
    learning_rate: float = 3e-3
    half: bool = False


def fit_autoencoder(
    images: Float32Array, settings: PatternFitSettings, *, latent: int = 32, width: int = 16,
    report: Report = lambda epoch, epochs, loss: None,
) -> TomographAutoencoder:  # fmt: skip
    """Fit an autoencoder to images (N, C, rows, columns) with the mean squared error.

    Raises:
        InputError: If there are fewer than two images, or rows or columns are no multiple of 16.
    """
    _enough(len(images))
    with torch_state(settings.threads, settings.seed):
        channels, rows, columns = images.shape[1:]
        network = TomographAutoencoder(channels, latent=latent, rows=rows, columns=columns, width=width)
        pictures = torch.from_numpy(images)

        def loss(batch: Tensor) -> Tensor:
            shown = _mirrored(pictures[batch])
            return functional.mse_loss(network(shown).image, shown)

        _descend(network, len(images), loss, settings, report)
    return network.eval()


def _mirrored(images: Tensor) -> Tensor:
    """Images (N, C, rows, columns), every other one at random seen from behind.

    Scores and inverse pole figures of m-3m stay the same when the sliding direction is turned round.
    """
    turned = torch.rand(len(images)) < 0.5
    return torch.where(turned[:, None, None, None], images.flip(3), images)


def encode(network: TomographAutoencoder, images: Float32Array, *, batch_size: int = 256) -> Float32Array:
    """Vectors of images (N, latent)."""
    with torch.no_grad():
        parts = [network.encode(torch.from_numpy(images[k : k + batch_size])).numpy()
                 for k in range(0, len(images), batch_size)]  # fmt: skip
    return np.concatenate(parts)


def reconstruct(
    network: TomographAutoencoder, images: Float32Array, *, batch_size: int = 256
) -> Float32Array:
    """Images as the network draws them again."""
    with torch.no_grad():
        parts = [network(torch.from_numpy(images[k : k + batch_size])).image.numpy()
                 for k in range(0, len(images), batch_size)]  # fmt: skip
    return np.concatenate(parts)


def fit_pixels(
    data: SectionData, settings: PixelFitSettings, *, width: int = 16,
    report: Report = lambda epoch, epochs, loss: None,
) -> PixelNetwork:  # fmt: skip
    """Fit a network to the signs of pixels, one section of each window at random in every epoch.

    Raises:
        InputError: If there are fewer than two windows.
    """
    n, sections = data.codes.shape[:2]
    _enough(n)
    with torch_state(settings.threads, settings.seed):
        network = PixelNetwork(width)
        # As they are and from behind: the scores are the same.
        codes, start = (
            torch.from_numpy(np.stack([seen, mirrored_codes(seen)])) for seen in (data.codes, data.start)
        )
        signs = torch.from_numpy(np.stack([data.signs, data.signs[..., ::-1]]))
        place = torch.from_numpy(data.place)
        bits = torch.arange(COUNTED + 1)[:, None, None]

        def loss(batch: Tensor) -> Tensor:
            side, section = torch.randint(2, (len(batch),)), torch.randint(sections, (len(batch),))
            wanted = (signs[side, batch, section][:, None] >> bits & 1).float()
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.half):
                logits = network(codes[side, batch, section], start[side, place[batch], section])
            off = functional.binary_cross_entropy_with_logits(logits.float(), wanted, reduction="none")
            counted = wanted[:, COUNTED:]
            return (off[:, :COUNTED] * counted).sum() / counted.sum().clamp(min=1.0) + off[:, COUNTED].mean()

        _descend(network, n, loss, settings, report)
    return network.eval()


def read_shares(network: PixelNetwork, data: SectionData) -> FloatArray:
    """Shares of atoms with each sign (N, 7) as a network reads them off the sections of windows."""
    shares = np.zeros((len(data.codes), COUNTED))
    with torch.no_grad():
        for k, (codes, place) in enumerate(zip(data.codes, data.place, strict=True)):
            logits = network(torch.from_numpy(codes), torch.from_numpy(data.start[place]))
            chances = logits.double().sigmoid()
            counted = chances[:, COUNTED:]
            total = counted.sum().clamp(min=1e-9)  # nothing counts: no shares
            shares[k] = (chances[:, :COUNTED] * counted).sum(dim=(0, 2, 3)) / total
    return shares


def fit_classifier(
    build: Callable[[], PatternClassifier], windows: Float32Array, metadata: FloatArray, labels: IntArray,
    scores: FloatArray, settings: PatternFitSettings, *,
    report: Report = lambda epoch, epochs, loss: None,
) -> PatternClassifier:  # fmt: skip
    """Fit a classifier to the scores of the patterns and, with cross entropy, to the labels.

    Args:
        build: Makes the network, called under the seed.
        windows: Images or vectors (N, ...).
        metadata: (N, numbers).
        labels: (N,).
        scores: Of every pattern but the elastic one, over its threshold (N, classes - 1).
        settings: How.
        report: Called with epoch, epochs and loss.
    """
    _enough(len(labels))
    with torch_state(settings.threads, settings.seed):
        network = build()
        seen, known = torch.from_numpy(windows), torch.from_numpy(metadata.astype(np.float32))
        network.measure(known)
        wanted = torch.from_numpy(labels)
        measured = torch.from_numpy(log_scores(scores).astype(np.float32))

        def loss(batch: Tensor) -> Tensor:
            shown = seen[batch] if seen.ndim < 4 else _mirrored(seen[batch])
            output = network(shown, known[batch])
            off = functional.smooth_l1_loss(output.scores, measured[batch], beta=_ROUGH)
            return _SCORES * off + functional.cross_entropy(output.logits, wanted[batch])

        _descend(network, len(labels), loss, settings, report)
    return network.eval()


def logits_of(
    network: PatternClassifier, windows: Float32Array, metadata: FloatArray, *, batch_size: int = 256
) -> Float32Array:
    """Logits of windows (N, classes)."""
    known = metadata.astype(np.float32)
    with torch.no_grad():
        parts = [
            network(torch.from_numpy(windows[part]), torch.from_numpy(known[part])).logits.numpy()
            for part in (slice(k, k + batch_size) for k in range(0, len(windows), batch_size))
        ]
    return np.concatenate(parts)


def softmax(logits: NDArray[Any]) -> FloatArray:
    """Probabilities of logits (N, classes)."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: FloatArray = raised / raised.sum(axis=1, keepdims=True)
    return probabilities


def _descend(
    network: nn.Module, n: int, loss: Callable[[Tensor], Tensor], settings: PatternFitSettings, report: Report
) -> None:
    network.train()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    batches = max(n // settings.batch_size, 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.epochs * batches
    )
    for epoch in range(settings.epochs):
        total = 0.0
        # The rest that fills no batch is left out; another rest the next time.
        for batch in torch.randperm(n)[: batches * settings.batch_size].tensor_split(batches):
            optimizer.zero_grad()
            value = loss(batch)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += value.item()
        report(epoch + 1, settings.epochs, total / batches)


def _enough(n: int) -> None:
    if n < 2:
        raise InputError(f"training needs two or more windows, got {n}")
