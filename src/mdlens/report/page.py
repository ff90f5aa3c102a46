"""The self-contained HTML page: everything inside, nothing fetched."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from mdlens.io.whole_file import write_whole
from mdlens.report import cards, figures, tables, words
from mdlens.report.colors import UNKNOWN, class_colors
from mdlens.report.data import Exemplar, Report, Scene
from mdlens.report.images import data_uri, map_png
from mdlens.report.text import escaped, percent, pretty

# Nothing can be fetched or sent, whatever the page contains.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def write_report(path: Path, report: Report) -> None:
    """Write a report as one HTML file that needs no network and appears only when whole.

    Args:
        path: Where to write; an existing file is replaced.
        report: What to show.

    Raises:
        OSError: If the file cannot be written.
    """
    write_whole(path, render(report))


def render(report: Report) -> str:
    """Return the page as text; every string that comes from outside is escaped."""
    body = "\n".join(part for part in _sections(report) if part)
    title = f"{Path(report.source).name}: structure report"
    return document(title, body, version=report.versions.get("mdlens", ""))


def document(title: str, body: str, *, version: str = "") -> str:
    """Return a whole page around a body: style, script and plotly inside, nothing fetched.

    Args:
        title: Title of the page, any text.
        body: HTML, with what comes from outside escaped.
        version: Version of mdlens, any text.
    """
    here = files("mdlens.report")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="generator" content="mdlens {escaped(version)}">
<title>{escaped(title)}</title>
<style>{(here / "page.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
{body}
</main>
<script>{get_plotlyjs()}</script>
<script>{(here / "page.js").read_text(encoding="utf-8")}</script>
</body>
</html>
"""


def _sections(report: Report) -> Iterable[str]:
    yield _header(report)
    yield _cautions(report)
    if report.frames:
        yield f'<div class="columns wide-left">{_fractions(report)}{_counts(report)}</div>'
    side = f'<div class="stack">{_confidence(report)}{cards.meaning_card(report)}</div>'
    yield f'<div class="columns wide-left">{_scenes(report)}{side}</div>'
    yield _maps(report.exemplars, report.names)
    yield f'<div class="columns">{cards.model_card(report)}{cards.run_card(report)}</div>'
    yield tables.frame_table(report)


def _header(report: Report) -> str:
    frames = report.frames
    atoms = {frame.n_atoms for frame in frames}
    size = (
        f"{min(atoms):,} to {max(atoms):,} atoms"
        if len(atoms) > 1
        else words.count(max(atoms, default=0), "atom")
    )
    mean = words.mean_confidence(frames)
    figures_ = {
        "unknown": percent(words.total_share(frames, UNKNOWN)),
        "mean confidence": "-" if mean is None else f"{mean:.3f}",
        "frames": f"{len(frames):,}",
        "atoms per frame" if len(frames) > 1 else "atoms": size.rsplit(" ", 1)[0],
    }
    items = "".join(f"<div><dd>{value}</dd><dt>{name}</dt></div>" for name, value in figures_.items())
    return f"""<header>
<p class="file">{escaped(report.source)}</p>
<h1>{escaped(words.headline(frames))}</h1>
<p class="lead">{size} in {words.count(len(frames), "frame")}, classified one by one with the model
<b>{escaped(report.model.name)}</b> {escaped(report.model.version)}.</p>
<dl class="numbers">{items}</dl>
</header>"""


def _cautions(report: Report) -> str:
    found = "".join(f"<li>{escaped(sentence)}</li>" for sentence in words.cautions(report))
    return (
        f'<section class="cautions" id="cautions"><h2>Mind this</h2><ul>{found}</ul></section>'
        if found
        else ""
    )


def _fractions(report: Report) -> str:
    title = "Share of atoms, frame by frame" if len(report.frames) > 1 else "Share of atoms"
    figure = figures.fractions_figure(report.frames, report.names)
    return card("fractions", title, plot("fractions", [figure], "Share of each structure"))


def _counts(report: Report) -> str:
    return card("counts", "Atoms per structure", tables.count_table(report))


def _confidence(report: Report) -> str:
    if not sum(frame.n_atoms for frame in report.frames):
        return ""
    drawn = plot("confidence", [figures.confidence_figure(report)], "Histogram of confidence")
    note = (
        '<p class="note">Share of all atoms of all frames, on a logarithmic axis: one line lower is ten '
        "times fewer atoms.</p>"
    )
    return card("confidence", "How sure the model was", drawn + note)


def _scenes(report: Report) -> str:
    if not report.scenes:
        return ""
    plots = [figures.scene_figure(scene, report.names) for scene in report.scenes]
    chooser = "".join(_choice(k, scene) for k, scene in enumerate(report.scenes))
    notes = "".join(
        f'<p class="note" data-scene="{k}"{"" if k == 0 else " hidden"}>{escaped(scene.note)}</p>'
        for k, scene in enumerate(report.scenes)
    )
    menu = (
        f'<div class="chooser" role="radiogroup" aria-label="View">{chooser}</div>' if len(plots) > 1 else ""
    )
    hint = (
        '<p class="note">Drag to turn, scroll to zoom; a click on a name in the legend hides or shows it.</p>'
    )
    return card(
        "scene", "Atoms in space", menu + plot("scene", plots, "Atoms coloured by structure") + notes + hint
    )


def _choice(k: int, scene: Scene) -> str:
    chosen = " checked" if k == 0 else ""
    button = f'<input type="radio" name="scene" value="{k}"{chosen}>'
    return f"<label>{button}<span>{escaped(scene.title)}</span></label>"


def _maps(exemplars: Sequence[Exemplar], names: Sequence[str]) -> str:
    if not exemplars:
        return ""
    colors = class_colors(names)
    images = "".join(_map(exemplar, colors) for exemplar in exemplars)
    text = (
        "<p>What the model looks at: one image per atom. The top row holds the distances from the atom to "
        "its neighbours, nearest first; each row below does the same for one of these neighbours. Dark means "
        "near, white means nobody there. Shown is the atom of each class that the model was surest of, and "
        "at the end the atom it was least sure of.</p>"
    )
    return card("maps", "Neighbors Maps of typical atoms", f'{text}<div class="maps">{images}</div>')


def _map(exemplar: Exemplar, colors: Mapping[str, str]) -> str:
    label = escaped(pretty(exemplar.name))
    chip = tables.chip(colors.get(exemplar.name, "#888888"))
    species = f"{escaped(exemplar.species)} " if exemplar.species != "X" else ""
    return f"""<figure><img src="{data_uri(map_png(exemplar.map))}" alt="Neighbors Map of a {label} atom">
<figcaption>{chip}<b>{label}</b><br>{species}atom {exemplar.atom}, frame {exemplar.frame}<br>
confidence {exemplar.confidence:.3f}</figcaption></figure>"""


def card(name: str, title: str, content: str) -> str:
    """Return a titled section; the title is HTML."""
    return f'<section class="card" id="{name}-card"><h2>{title}</h2>{content}</section>'


def plot(name: str, plots: Sequence[Any], label: str) -> str:
    """Return a place for plotly figures with their data; the page's script draws those it knows by name."""
    text = "[" + ",".join(figure.to_json() for figure in plots) + "]"
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return (
        f'<div class="plot" id="{name}" role="img" aria-label="{label}"></div>'
        f'<script type="application/json" id="{name}-data">{safe}</script>'
    )
