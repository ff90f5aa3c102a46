"""``mdlens models``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mdlens.inference import InstalledModel, ModelMetadata

_ADDED_NUMBERS = ("frames", "recognised", "taken")


def register(app: typer.Typer) -> None:
    """Add ``models`` to the command line."""
    app.command()(models)


def models(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Model files to describe; without any, the installed models.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything the files say as JSON.")] = False,
) -> None:
    """List the models that are installed, or describe model files: classes, scores, provenance."""
    found = _find(files or [])
    if as_json:
        typer.echo(json.dumps([_to_json(model) for model in found], indent=1))
        return
    if not found:
        typer.echo("no model is installed; train one with `mdlens train crystal CONFIG.toml --out RUN/`")
    for model in found:
        _print(model)


def _find(files: list[Path]) -> "list[InstalledModel]":
    from mdlens.inference import InstalledModel, installed_models, load_model

    if not files:
        return installed_models()
    return [InstalledModel(name=str(file), file=file, metadata=load_model(file).metadata) for file in files]


def _to_json(model: "InstalledModel") -> dict[str, Any]:
    return {"model": model.name, "file": str(model.file), **json.loads(model.metadata.to_json())}


def _print(model: "InstalledModel") -> None:
    """Print one model; whatever its file says is printed as text, never as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mdlens.report.text import printable

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _rows(model):
        table.add_row(Text(printable(label)), Text(printable(value)))
    console = Console(highlight=False)
    metadata = model.metadata
    title = printable(f"{model.name}: {metadata.name} {metadata.version}")
    console.print(Text(title, style="bold"), soft_wrap=True)
    console.print(table)
    console.print()


def _rows(model: "InstalledModel") -> list[tuple[str, str]]:
    from mdlens.inference import SECOND_OPINIONS

    metadata = model.metadata
    classes = ", ".join(
        f"{name} ({number})" for name, number in zip(metadata.classes, metadata.ids, strict=True)
    )
    rows = [
        ("  classes", classes),
        ("  unknown", _unknown_text(metadata)),
        ("  maps", ", ".join(f"{key} {value}" for key, value in metadata.descriptor.to_dict().items())),
    ]
    other = SECOND_OPINIONS.get(model.name)
    if other is not None and model.file.stem == model.name:
        rows.append(
            ("  asks", f"{other[0]}, where its confidence is below {other[1]:g}; scores are its own alone")
        )
    rows += [("  added", text) for text in _added_texts(metadata.training)]
    rows += [("  score", text) for text in _score_texts(metadata.scores)]
    return rows + [("  trained on", text) for text in _provenance_texts(metadata.training)]


def _added_texts(training: Mapping[str, Any]) -> list[str]:
    """Describe the classes that were added without training; their scores are estimates of two halves."""
    texts, added = [], training.get("added")
    for entry in added if isinstance(added, list) else []:
        if isinstance(entry, dict) and all(isinstance(entry.get(k), int | float) for k in _ADDED_NUMBERS):
            files = entry.get("files")
            source = f" of {', '.join(map(str, files))}" if isinstance(files, list) and files else ""
            texts.append(
                f"{entry.get('name')}: {entry['frames']} frames{source}; estimated: "
                f"{100 * entry['recognised']:.2f} % recognised, {100 * entry['taken']:.2f} % of others taken"
            )
    return texts


def _unknown_text(metadata: "ModelMetadata") -> str:
    text = f"confidence below {metadata.threshold:.3f} (error rate {metadata.threshold_error_rate:g})"
    if metadata.distance_limit is None:
        return text
    given_up = f"{100 * metadata.distance_error_rate:g} % of right ones are"
    return f"{text}, or distance above {metadata.distance_limit:.3f} ({given_up})"


def _score_texts(scores: Mapping[str, Any]) -> list[str]:
    """Describe the accuracies of a model file: `{condition: {"accuracy": {"value", ...}}}`."""
    texts = []
    for condition, values in scores.items():
        accuracy = values.get("accuracy") if isinstance(values, dict) else None
        if isinstance(accuracy, dict) and isinstance(accuracy.get("value"), int | float):
            texts.append(f"{100 * accuracy['value']:.2f} % right{_interval_text(accuracy)}, {condition}")
    return texts


def _interval_text(accuracy: Mapping[str, Any]) -> str:
    ends = [accuracy.get(f"bootstrap_{end}") for end in ("low", "high")]
    if not all(isinstance(end, int | float) for end in ends):
        return ""
    low, high = (100 * float(end or 0.0) for end in ends)
    return f" (95 % interval over snapshots {low:.2f} to {high:.2f})"


def _provenance_texts(training: Mapping[str, Any]) -> list[str]:
    systems = training.get("systems")
    if isinstance(systems, dict) and isinstance(systems.get("train"), list):
        return [", ".join(map(str, systems["train"]))]
    return []
