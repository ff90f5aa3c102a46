"""A self-contained page that plays a predicted compression beside the true one."""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from mdlens.io.networks import ElasticTrajectory
from mdlens.io.whole_file import write_whole
from mdlens.report.text import escaped

_FRAMES = 100
_DIGITS = 4
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, kw_only=True)
class Scene2D:
    """One compression to play.

    Args:
        title: Name of the network.
        predicted: The rollout.
        truth: The simulation it should follow; None if there is none.
        note: What else the page should say about it.
    """

    title: str
    predicted: ElasticTrajectory
    truth: ElasticTrajectory | None
    note: str = ""


def write_network_page(path: Path, scenes: list[Scene2D], model: str) -> None:
    """Write the page; it needs no network and appears only when whole.

    Args:
        path: Where to write; an existing file is replaced.
        scenes: What to play.
        model: Name of the simulator.

    Raises:
        OSError: If the file cannot be written.
    """
    here = files("mdlens.report")
    data = json.dumps([_scene(scene) for scene in scenes], allow_nan=False, separators=(",", ":"))
    safe = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    write_whole(
        path,
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Compression of elastic networks</title>
<style>{(here / "network_page.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<h1>Predicted compression</h1>
<p class="lead">Rollouts of the simulator <b>{escaped(model)}</b>. The length along x is imposed; that
along y and all nodes are predicted from the first frames.</p>
<label>Network <select id="scene"></select></label>
<div class="views"><canvas id="net" role="img" aria-label="The network, predicted and true"></canvas>
<canvas id="nu" role="img" aria-label="Poisson's ratio against strain"></canvas></div>
<div class="controls"><button id="play">Pause</button>
<input id="frame" type="range" min="0" value="0" aria-label="Frame"><output id="where"></output></div>
<p id="note"></p>
</main>
<script type="application/json" id="data">{safe}</script>
<script>{(here / "network_page.js").read_text(encoding="utf-8")}</script>
</body>
</html>
""",
    )


def _scene(scene: Scene2D) -> dict[str, Any]:
    shown = scene.predicted.n_frames
    chosen = np.unique(np.linspace(0, shown - 1, min(_FRAMES, shown)).astype(int))
    truth = scene.truth if scene.truth is not None and scene.truth.n_frames >= shown else None
    network = scene.predicted.network
    start = scene.predicted.positions[0]
    straight = start[network.bonds[:, 1]] - start[network.bonds[:, 0]]
    inside = np.all(np.abs(straight) < scene.predicted.boxes[0] / 2, axis=1)
    return {
        "title": scene.title,
        "note": scene.note,
        "bonds": network.bonds[inside].tolist(),
        "frames": chosen.tolist(),
        "strain": _rounded(scene.predicted.strain[chosen], 6),
        "predicted": _motion(scene.predicted, chosen),
        "truth": None if truth is None else _motion(truth, chosen),
    }


def _motion(trajectory: ElasticTrajectory, chosen: Any) -> dict[str, Any]:
    """Positions about the centre of the box, box lengths and Poisson's ratio of the chosen frames."""
    nu = trajectory.poisson_ratio[chosen]
    return {
        "positions": _rounded(trajectory.positions[chosen] - trajectory.centre, _DIGITS),
        "boxes": _rounded(trajectory.boxes[chosen], _DIGITS),
        "nu": [round(float(value), _DIGITS) if np.isfinite(value) else None for value in nu],
    }


def _rounded(values: Any, digits: int) -> Any:
    return np.round(np.asarray(values, dtype=np.float64), digits).tolist()
