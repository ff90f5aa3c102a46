"""The table of fractions on narrow and wide terminals."""

import io

import pytest
from rich.console import Console

from mdlens.cli import tables
from mdlens.report import FrameSummary

NAMES = ("fcc", "hcp", "bcc", "cubic_diamond", "hexagonal_diamond", "sc", "disordered", "unknown")


def frames(count):
    counts = dict.fromkeys(NAMES, 125_000)
    return [
        FrameSummary(frame=k, timestep=1_000_000 + k, n_atoms=1_000_000, counts=counts, mean_confidence=0.9)
        for k in range(count)
    ]


def printed(monkeypatch, width, count=3, **options):
    monkeypatch.setattr(tables, "stdout_console", lambda: Console(width=width, file=io.StringIO()))
    console = Console(width=width, file=io.StringIO())
    console.print(tables.fraction_table(frames(count), **options))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 400])
def test_every_number_is_shown_whole(monkeypatch, width):
    text = printed(monkeypatch, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert text.count("12.5%") == 3 * len(NAMES)
    assert text.count("1,000,000") == 3
    assert ("hexagonal diamond" in text) == (width == 400) or "h-dia is hexagonal diamond" in " ".join(
        text.split()
    )


def test_many_frames_keep_first_and_last(monkeypatch):
    chosen = tables.thin(frames(1000))
    assert len(chosen) == 24
    assert (chosen[0].frame, chosen[-1].frame) == (0, 999)
    assert "24 of 1,000 frames shown" in " ".join(printed(monkeypatch, 400, 1000).split())


def test_a_title_is_no_markup(monkeypatch):
    assert "[bold]x.dump" in printed(monkeypatch, 400, title="[bold]x.dump")
