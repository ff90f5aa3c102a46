"""The written parts of a report: what the words mean, the model's card, the settings of the run."""

from collections.abc import Mapping, Sequence
from typing import Any

from mdlens.report.data import ModelCard, Report
from mdlens.report.text import escaped, pretty

_SILENT = "<p>The model file does not say.</p>"
_MOST_ITEMS, _MOST_CHARACTERS, _MOST_DEPTH = 40, 400, 4


def meaning_card(report: Report) -> str:
    """Explain what an unknown atom and what confidence is, with the threshold of this model."""
    model = report.model
    rate = model.threshold_error_rate
    calibrated = (
        ""
        if rate is None
        else " The limit was set on labelled data that the model had not seen, so that "
        f"at most {100 * rate:.2g}% of the atoms given a structure there were given a wrong one."
    )
    classes = ", ".join(escaped(pretty(name)) for name in model.classes)
    return f"""<section class="card" id="meaning"><h2>What “unknown” and “confidence” mean</h2>
<p>The model knows {classes}. It gives every atom a probability for each; the highest one is
the atom's <b>confidence</b>. It was calibrated on labelled data, so that of atoms with confidence 0.9 about
nine in ten should be right, on material like that of the model's training and tests.</p>
<p>Below <b>{model.threshold:.2f}</b> no structure is claimed and the atom is <b>unknown</b>.{calibrated}
Unknown is not a structure of its own: many atoms at surfaces, grain boundaries, dislocations and between two
phases end there, but not all of them: a boundary may also look like a crystal it is not. Atoms with fewer
neighbours than a map has columns are always unknown.</p>
{_second_text(model)}{_distance_text(model)}</section>"""


def _second_text(model: ModelCard) -> str:
    """Say who else was asked."""
    if model.second is None:
        return ""
    return f"""<p>Atoms of which it is not sure were left to a second model, which sees more of their
surroundings: {escaped(model.second)}. Limits and scores here are those of the first model alone.</p>
"""


def _distance_text(model: ModelCard) -> str:
    """Say what tells a foreign crystal from a known one, or that nothing does."""
    if model.distance_limit is None:
        return """<p>Confidence cannot see beyond that list: a foreign crystal that resembles a known one may
be labelled with high confidence.</p>"""
    share = (
        ""
        if model.distance_error_rate is None
        else f" On labelled data {100 * model.distance_error_rate:.2g}% of the rightly named atoms were."
    )
    return f"""<p>Confidence cannot see beyond that list. So every atom also has a <b>distance</b> from all
that the model was taught; above <b>{model.distance_limit:.2f}</b> it is unknown, however high its
confidence.{share} A foreign crystal that is hot or much like a known one may still be within.</p>"""


def model_card(report: Report) -> str:
    """Show what the model's file says about it."""
    model = report.model
    facts = {
        "name": f"{model.name} {model.version}",
        "file": model.file,
        "structures": ", ".join(pretty(name) for name in model.classes),
        "unknown below": f"{model.threshold:.4g}",
        **(
            {} if model.distance_limit is None else {"unknown beyond": f"distance {model.distance_limit:.4g}"}
        ),
        **({} if model.temperature is None else {"calibration temperature": f"{model.temperature:.4g}"}),
    }
    parts = [definitions(facts)]
    parts.append(f"<h3>Scores</h3>{scores_table(model.scores) or _SILENT}")
    for title, content in (
        ("All scores", model.scores),
        ("Training data", model.training),
        ("Descriptor", model.descriptor),
    ):
        told = definitions(content) if content else _SILENT
        parts.append(f"<details><summary>{title}</summary>{told}</details>")
    return f'<section class="card" id="model-card"><h2>The model</h2>{"".join(parts)}</section>'


def scores_table(scores: Mapping[str, Any]) -> str:
    """Show accuracy and unknown share under each condition the model was tested in; empty if not told."""
    rows = [_scores_row(name, score) for name, score in scores.items() if _is_score(score)]
    if not rows:
        return ""
    head = "<tr><th>held-out atoms</th><th>right</th><th>95% interval</th><th>unknown</th></tr>"
    note = (
        "<p class='note'>Right counts the most probable class; the interval draws whole snapshots again.</p>"
    )
    return f"<table class='scores'>{head}{''.join(rows)}</table>{note}"


def _is_score(score: object) -> bool:
    return isinstance(score, Mapping) and isinstance(score.get("accuracy"), Mapping)


def _scores_row(name: str, score: Mapping[str, Any]) -> str:
    accuracy = score["accuracy"]
    low, high = (_percent(accuracy.get(f"bootstrap_{end}")) for end in ("low", "high"))
    cells = (_percent(accuracy.get("value")), f"{low} to {high}", _percent(score.get("unknown")))
    return f"<tr><th>{escaped(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _percent(value: object) -> str:
    return f"{100 * value:.1f}%" if isinstance(value, (int, float)) else "?"


def run_card(report: Report) -> str:
    """Show the settings of the run and the versions of the software."""
    return (
        '<section class="card" id="run-card"><h2>This run</h2>'
        f"{definitions(report.settings)}<h3>Software</h3>{definitions(report.versions)}"
        "<p class='note'>This page is one file, needs no network and sends nothing.</p></section>"
    )


def definitions(content: Mapping[str, Any]) -> str:
    """Return names and values as a list; nested values are indented, long or deep ones cut, and it shows."""
    return _definitions(content, 0)


def _definitions(content: Mapping[str, Any], depth: int) -> str:
    items = list(content.items())
    rows = "".join(
        f"<dt>{escaped(pretty(str(k)))}</dt><dd>{_value(v, depth)}</dd>" for k, v in items[:_MOST_ITEMS]
    )
    more = f"<dt>…</dt><dd>{len(items) - _MOST_ITEMS} more</dd>" if len(items) > _MOST_ITEMS else ""
    return f"<dl class='facts'>{rows}{more}</dl>"


def _value(value: object, depth: int) -> str:
    if depth >= _MOST_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return _definitions(value, depth + 1)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(item, Mapping) for item in value):
            return "".join(_value(item, depth + 1) for item in value[:_MOST_ITEMS])
        return _cut(", ".join(_number(item) for item in value[:_MOST_ITEMS]))
    return _cut(_number(value))


def _number(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    return escaped(text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " …")
