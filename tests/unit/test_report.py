"""The parts of a report: words, tables, figures, images, and that nothing from outside gets into the page."""

import json
import re
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from mdlens.io.whole_file import write_whole
from mdlens.report import Exemplar, FrameSummary, ModelCard, Report, Scene, render, write_report
from mdlens.report.colors import class_colors, class_dashes
from mdlens.report.figures import confidence_figure, fractions_figure, scene_figure, spread
from mdlens.report.images import encode_png, map_png
from mdlens.report.tables import count_table, frame_table
from mdlens.report.text import percent, printable
from mdlens.report.words import cautions, headline

NAMES = ("fcc", "bcc", "mine", "unknown")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[0m\n\"'&\udc80"


def frame(number, *counts, n_atoms=None, mean=0.9):
    total = sum(counts) if n_atoms is None else n_atoms
    return FrameSummary(
        frame=number,
        timestep=10 * number,
        n_atoms=total,
        counts=dict(zip(NAMES, counts, strict=True)),
        mean_confidence=mean if total else None,
    )


def scene(n_atoms=20, title="frame 0", names=None):
    generator = np.random.default_rng(0)
    return Scene(
        title=title,
        note=f"All {n_atoms} atoms.",
        index=np.arange(n_atoms),
        positions=generator.random((n_atoms, 3)).astype(np.float32),
        names=np.array(names or NAMES)[np.arange(n_atoms) % len(names or NAMES)],
        confidence=generator.random(n_atoms).astype(np.float32),
        cell=np.eye(3),
        origin=np.zeros(3),
    )


def exemplar():
    ones = np.ones((1, 8, 8), np.float32)
    return Exemplar(name="fcc", confidence=0.99, frame=0, atom=3, species="Cu", map=ones)


def report(*frames, **changes):
    parts = {
        "source": "run.dump",
        "frames": frames or (frame(0, 8, 1, 0, 1), frame(1, 1, 8, 1, 0)),
        "histogram": np.array([[0, 0, 3, 12], [1, 1, 0, 0]]),
        "scenes": (scene(), scene(title="frame 1")),
        "exemplars": (exemplar(),),
        "model": ModelCard(
            name="m", version="2", file="m.onnx", classes=NAMES[:3], threshold=0.5, threshold_error_rate=0.02,
            scores={"accuracy": 0.98765}, training={"elements": ["Cu", "Ni"]}, descriptor={"size": 8},
        ),
        "settings": {"frames": "all"},
        "versions": {"mdlens": "1"},
    }  # fmt: skip
    return Report(**{**parts, **changes})


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0%"),
        (1, "100%"),
        (1e-9, "< 0.1%"),
        (1 - 1e-9, "> 99.9%"),
        (0.5, "50.0%"),
        (0.001, "0.1%"),
        (0.999, "99.9%"),
    ],
)
def test_a_part_is_never_rounded_to_nothing_or_all(fraction, text):
    assert percent(float(fraction)) == text


def test_printable_text_is_one_line_and_encodes():
    text = printable(HOSTILE)
    assert text.isprintable()
    assert text.encode("utf-8")
    assert printable("Ångström Cu-Zr") == "Ångström Cu-Zr"


def test_headlines():
    assert headline([frame(0, 9, 0, 0, 1)]) == "Mostly fcc: 90.0% of 10 atoms"
    assert headline([frame(0, 4, 3, 0, 3)]).startswith("A mixture: 40.0% fcc")
    assert headline([frame(0, 9, 1, 0, 0), frame(1, 1, 9, 0, 0)]).startswith("From fcc to bcc: 90.0%")
    assert headline([frame(0, 9, 1, 0, 0), frame(1, 8, 2, 0, 0)]).startswith(
        "Mostly fcc at the start and at the end"
    )
    assert "fcc leads" in headline([frame(0, 4, 3, 0, 3), frame(1, 9, 1, 0, 0)])
    assert headline([frame(0, 0, 0, 0, 0)]) == "No atoms to classify"
    assert headline([]) == "No atoms to classify"


def test_cautions_tell_what_needs_care():
    assert cautions(report()) == []
    assert any("unknown" in text for text in cautions(report(frame(0, 1, 0, 0, 9))))
    assert any("0.40" in text for text in cautions(report(frame(0, 9, 0, 0, 0, mean=0.4))))
    assert any(
        "1 frame without" in text for text in cautions(report(frame(0, 9, 0, 0, 0), frame(1, 0, 0, 0, 0)))
    )
    assert any("9 to 10" in text for text in cautions(report(frame(0, 9, 0, 0, 0), frame(1, 10, 0, 0, 0))))
    assert any("scores" in text for text in cautions(report(model=replace(report().model, scores={}))))
    assert cautions(report(cautions=("said before",))) == ["said before"]


def test_records_have_fractions():
    record = frame(3, 1, 1, 0, 2).to_dict()
    assert record["fractions"] == {"fcc": 0.25, "bcc": 0.25, "mine": 0.0, "unknown": 0.5}
    assert json.loads(json.dumps(record))["mean_confidence"] == 0.9
    assert frame(0, 0, 0, 0, 0).to_dict()["fractions"] == dict.fromkeys(NAMES, 0.0)


def test_every_class_has_its_own_colour_and_line():
    names = (
        "fcc",
        "hcp",
        "bcc",
        "sc",
        "cubic_diamond",
        "hexagonal_diamond",
        "disordered",
        "a",
        "b",
        "unknown",
    )
    assert len(set(class_colors(names).values())) == len(names)
    assert class_colors(("a", "fcc"))["fcc"] == class_colors(names)["fcc"]
    assert class_dashes(names)["unknown"] == "dot"
    assert "dot" not in [dash for name, dash in class_dashes(names).items() if name != "unknown"]


def test_labels_are_moved_apart():
    placed = spread([0.0, 0.0, 0.5, 0.99, 1.0], gap=0.1, low=0.0, high=1.0)
    assert placed == pytest.approx([0.0, 0.1, 0.5, 0.9, 1.0])
    assert spread([], gap=0.1, low=0.0, high=1.0) == []


def test_one_frame_is_drawn_as_bars_and_several_as_curves():
    assert [trace.type for trace in fractions_figure([frame(0, 8, 1, 0, 1)], NAMES).data] == ["bar"]
    curves = fractions_figure([frame(0, 8, 1, 0, 1), frame(1, 1, 8, 0, 1)], NAMES)
    assert [trace.name for trace in curves.data] == ["fcc", "bcc", "unknown"]
    assert list(curves.data[0].x) == [0, 10]
    assert len(curves.layout.annotations) == 3


def test_frames_are_counted_where_timesteps_repeat():
    frames = [replace(frame(k, 8, 1, 0, 1), timestep=5) for k in range(3)]
    assert list(fractions_figure(frames, NAMES).data[0].x) == [0, 1, 2]


def test_the_histogram_holds_every_atom_once():
    figure = confidence_figure(report())
    assert sum(np.nansum(trace.y) for trace in figure.data) == pytest.approx(1)
    assert confidence_figure(report(histogram=np.zeros((2, 4), int))).data


def test_a_scene_has_one_trace_per_class_and_the_cell():
    figure = scene_figure(scene(), NAMES)
    assert [trace.name for trace in figure.data[:-1]] == [f"{name} (5)" for name in NAMES]
    assert sum(len(trace.x) for trace in figure.data[:-1]) == 20
    assert len(figure.data[-1].x) == 36  # twelve edges, each with two ends and a gap
    assert not len(scene_figure(replace(scene(), cell=np.zeros((3, 3))), NAMES).data[-1].x)


def test_a_png_can_be_decoded():
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    png = encode_png(image)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    position, data = 8, b""
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        kind, content = png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        (check,) = struct.unpack(">I", png[position + 8 + length : position + 12 + length])
        assert check == zlib.crc32(kind + content)
        data += content if kind == b"IDAT" else b""
        position += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(3, 16)
    assert (rows[:, 0] == 0).all()
    np.testing.assert_array_equal(rows[:, 1:].reshape(3, 5, 3), image)


def test_maps_of_isolated_atoms_are_drawn_white():
    assert map_png(np.zeros((2, 8, 8), np.float32)) == encode_png(np.full((8, 16, 3), 255, np.uint8))


def test_tables_name_absent_classes_and_thin_many_frames():
    assert "No atom is mine." in count_table(report(frame(0, 8, 1, 0, 1)))
    assert frame_table(report(frame(0, 8, 1, 0, 1))) == ""
    many = frame_table(report(*(frame(k, 8, 1, 0, 1) for k in range(500))))
    assert many.count("<tr>") <= 202
    assert "One in 3 of 500 frames" in many


def test_the_page_fetches_nothing():
    page = render(report()).replace(get_plotlyjs(), "")
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_nothing_from_outside_gets_into_the_page():
    names = ("fcc", "<b onclick=alert(3)>", "mine", "unknown")
    hostile = report(
        *(replace(f, counts=dict(zip(names, f.counts.values(), strict=True))) for f in report().frames),
        source=HOSTILE,
        scenes=(replace(scene(names=names), title=HOSTILE, note=HOSTILE), scene(names=names)),
        exemplars=(replace(report().exemplars[0], name=names[1], species=HOSTILE),),
        model=ModelCard(
            name=HOSTILE, version=HOSTILE, file=HOSTILE, classes=names[:3], threshold=0.5,
            scores={HOSTILE: {HOSTILE: [HOSTILE]}}, training={"text": HOSTILE * 50},
        ),
        settings={HOSTILE: HOSTILE},
        versions={HOSTILE: HOSTILE},
        cautions=(HOSTILE,),
    )  # fmt: skip
    page = render(hostile)
    assert page.encode("utf-8")
    for text in ("<script>alert", "<img src=x", "<b onclick", "\x1b"):
        assert text not in page
    assert page.count("<script") == render(report()).count("<script")


def test_endless_metadata_is_cut():
    deep: dict[str, object] = {}
    for _ in range(50):
        deep = {"deeper": deep, "long": "x" * 10_000}
    page = render(
        report(model=replace(report().model, training={**deep, **{str(k): k for k in range(1000)}}))
    )
    assert len(page) - len(render(report())) < 50_000


def test_a_report_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    write_report(tmp_path / "page.html", report())
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>\n")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "other.html", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_scores_are_a_table_and_foreign_ones_are_passed_over():
    from mdlens.report.cards import scores_table

    accuracy = {"value": 0.9958, "bootstrap_low": 0.9917, "bootstrap_high": 0.9986}
    table = scores_table({"as <simulated>": {"accuracy": accuracy, "unknown": 0.013}, "note": "by hand"})
    assert "<th>as &lt;simulated&gt;</th><td>99.6%</td><td>99.2% to 99.9%</td><td>1.3%</td>" in table
    assert "by hand" not in table
    assert scores_table({"accuracy": 0.9}) == ""
