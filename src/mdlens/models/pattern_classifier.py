"""Classifiers of deformation patterns: what is seen, joined with what is known about the window."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mdlens.errors import InputError
from mdlens.types import FloatArray

LEAST = 0.05
"""Share of a threshold below which scores are told apart no further."""

FAR = 10.0
"""Spreads from the centre beyond which metadata are as far as they get."""


class PatternOutput(NamedTuple):
    """What a network says.

    Attributes:
        logits: Of each pattern, (windows, classes).
        scores: What the network takes the score of each pattern but the elastic one for, on the scale of
            `log_scores`, (windows, classes - 1).
        embedding: The numbers before the last layer, (windows, numbers).
    """

    logits: Tensor
    scores: Tensor
    embedding: Tensor


def log_scores(relative: FloatArray) -> FloatArray:
    """Scores over their thresholds on the scale that networks measure them on: logarithms, level at zero."""
    logarithms: FloatArray = np.log(np.maximum(relative, 0.0) + LEAST)
    return logarithms


class PatternClassifier(nn.Module):
    """Base: a branch for what is seen, one for what is known, a head that measures every pattern's score.

    The largest score decides, as it does in the labels, or none where all are below a level. A network that
    learns the scores learns more from a window than one that is told the winner alone. Either branch may be
    left out by giving it no numbers, as baselines do.

    Args:
        seen: Numbers that the first branch gives.
        metadata: Numbers known about a window.
        classes: Patterns, the elastic one first.
        width: Of the metadata branch and the head.
        dropout: Before the last layer.
    """

    center: Tensor
    spread: Tensor

    def __init__(self, seen: int, metadata: int, classes: int, *, width: int, dropout: float) -> None:
        super().__init__()
        if not (0 <= metadata <= 1000 and 2 <= classes <= 1000 and 1 <= width <= 4096):
            raise InputError(
                "metadata must be 0 to 1000, classes 2 to 1000 and width 1 to 4096, "
                f"got {metadata}, {classes} and {width}"
            )
        if not 0.0 <= dropout < 1.0 or seen + metadata == 0:
            raise InputError(f"dropout must be 0 or more but below 1 and an input is needed, got {dropout}")
        self.register_buffer("center", torch.zeros(metadata))
        self.register_buffer("spread", torch.ones(metadata))
        self.known = nn.Sequential(nn.Linear(metadata, width), nn.GELU()) if metadata else None
        self.joined = nn.Sequential(
            nn.Linear(seen + (width if metadata else 0), width), nn.GELU(), nn.Dropout(dropout)
        )
        self.last = nn.Linear(width, classes - 1)
        self.level = nn.Parameter(torch.tensor(math.log(1.0 + LEAST)))
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(2.0)))

    def measure(self, metadata: Tensor) -> None:
        """Take centre and spread of the metadata from training windows (windows, metadata)."""
        if metadata.shape[1]:
            self.center.copy_(metadata.mean(dim=0))
            spread = metadata.std(dim=0, correction=0)
            varies = spread > 1e-5 * self.center.abs().clamp(min=1.0)
            self.spread.copy_(torch.where(varies, spread, 1.0))  # what does not vary teaches no scale

    def see(self, windows: Tensor) -> Tensor:
        """Describe what is seen, (windows, numbers)."""
        raise NotImplementedError

    def measured(self, windows: Tensor, embedding: Tensor) -> Tensor:
        """Scores (windows, classes - 1) on the scale of `log_scores`."""
        scores: Tensor = self.last(embedding)
        return scores

    def forward(self, windows: Tensor, metadata: Tensor) -> PatternOutput:
        """Classify windows (windows, ...) with their metadata (windows, metadata)."""
        parts = [self.see(windows)]
        if self.known is not None:
            parts.append(self.known(((metadata - self.center) / self.spread).clamp(-FAR, FAR)))
        embedding = self.joined(torch.cat(parts, dim=1))
        scores = self.measured(windows, embedding)
        levels = torch.cat([self.level.expand(len(scores), 1), scores], dim=1)
        return PatternOutput(self.log_sharpness.exp() * levels, scores, embedding)


class LatentClassifier(PatternClassifier):
    """Classifies the vector of an autoencoder together with metadata.

    Args:
        latent: Numbers of the vector; 0 leaves metadata alone.
        metadata: Numbers known about a window; 0 leaves the vector alone.
        classes: Patterns.
        width: Of every layer.
        dropout: Before the last layer.

    Source: one of two readings of arXiv 2512.05818.
    """

    def __init__(
        self, latent: int, metadata: int, classes: int, *, width: int = 64, dropout: float = 0.1
    ) -> None:
        super().__init__(width if latent else 0, metadata, classes, width=width, dropout=dropout)
        self.settings: dict[str, Any] = {
            "latent": latent, "metadata": metadata, "classes": classes, "width": width, "dropout": dropout,
        }  # fmt: skip
        self.branch = nn.Sequential(nn.Linear(latent, width), nn.GELU()) if latent else None

    def see(self, windows: Tensor) -> Tensor:
        """Widen the vectors (windows, latent)."""
        if self.branch is None:
            return windows.new_zeros((len(windows), 0))
        widened: Tensor = self.branch(windows)
        return widened


class ScoreClassifier(PatternClassifier):
    """Takes scores that were read off a window as they are, but for gain and offset, and guesses the rest.

    What reads the scores sees what decides them; what else is known of a window, such as its composition,
    only goes with them as it did in training. So that guesses the scores alone that nobody reads.

    Args:
        read: Scores that are read off, those of the first patterns after the elastic one.
        metadata: Numbers known about a window; 0 leaves the scores alone.
        classes: Patterns.
        width: Of every layer.
        dropout: Before the last layer.
    """

    def __init__(
        self, read: int, metadata: int, classes: int, *, width: int = 64, dropout: float = 0.1
    ) -> None:
        if not 1 <= read < classes - 1:
            raise InputError(f"read must be 1 to {classes - 2} of {classes} classes, got {read}")
        super().__init__(read, metadata, classes, width=width, dropout=dropout)
        self.settings: dict[str, Any] = {
            "read": read, "metadata": metadata, "classes": classes, "width": width, "dropout": dropout,
        }  # fmt: skip
        self.last = nn.Linear(width, classes - 1 - read)
        self.log_gain = nn.Parameter(torch.zeros(read))
        self.offset = nn.Parameter(torch.zeros(read))

    def see(self, windows: Tensor) -> Tensor:
        """Scores that were read (windows, read), on the scale of `log_scores`."""
        return windows

    def measured(self, windows: Tensor, embedding: Tensor) -> Tensor:
        """The scores that were read, adjusted, and the others guessed."""
        return torch.cat([windows * self.log_gain.exp() + self.offset, self.last(embedding)], dim=1)


class ImageClassifier(PatternClassifier):
    """Classifies the image itself together with metadata: three strided convolutions and a global mean.

    Args:
        channels: Channels of the images.
        metadata: Numbers known about a window; 0 leaves the image alone.
        classes: Patterns.
        width: Channels of the first convolution; those after it have 2 and 4 times as many.
        dropout: Before the last layer.

    Source: the other reading of arXiv 2512.05818.
    """

    def __init__(
        self, channels: int, metadata: int, classes: int, *, width: int = 16, dropout: float = 0.1
    ) -> None:
        super().__init__(8 * width, metadata, classes, width=4 * width, dropout=dropout)
        if not 1 <= channels <= 100:
            raise InputError(f"channels must be 1 to 100, got {channels}")
        self.settings: dict[str, Any] = {
            "channels": channels, "metadata": metadata, "classes": classes, "width": width,
            "dropout": dropout,
        }  # fmt: skip
        steps = ((channels, width), (width, 2 * width), (2 * width, 4 * width))
        self.layers = nn.Sequential(
            *(
                layer
                for a, b in steps
                for layer in (
                    nn.Conv2d(a, b, 5, stride=2, padding=2, bias=False),
                    nn.BatchNorm2d(b),
                    nn.GELU(),
                )
            )
        )

    def see(self, windows: Tensor) -> Tensor:
        """Mean and largest response of each filter over the image, (windows, 8 width)."""
        responses = self.layers(windows)
        return torch.cat([responses.mean(dim=(2, 3)), responses.amax(dim=(2, 3))], dim=1)
