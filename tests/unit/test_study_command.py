"""What the studies share: the command line, and how their pages are filled."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from studies.page import filled, table
from studies.running import generate, report

from mdlens.simulation.run_folder import FolderBusyError


def test_a_busy_run_is_left_to_its_process_and_the_next_is_done(monkeypatch, tmp_path, capsys):
    done = []

    def run(recipe, folder, on_progress):
        on_progress(1, 2)
        if recipe == "busy":
            raise FolderBusyError(f"{folder}: another process is at this run")
        done.append((recipe, folder))
        folder.mkdir()
        (folder / "trajectory.dump").touch()
        return folder

    monkeypatch.setattr(sys, "argv", ["generate.py", str(tmp_path)])
    generate(None, {"a": "busy", "b": "free"}, run)
    assert done == [("free", tmp_path / "b")]
    assert "another process" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["generate.py", str(tmp_path), "--list"])
    generate(None, {"a": "busy", "b": "free"}, run)
    assert capsys.readouterr().out.split() == ["a", "open", "b", "done"]
    monkeypatch.setattr(sys, "argv", ["generate.py", str(tmp_path), "--only", "c"])
    with pytest.raises(SystemExit):
        generate(None, {"a": "busy"}, run)


def test_a_study_writes_its_results_beside_its_script(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["study.py", "RUNS"])
    report(None, lambda runs: {"runs": str(runs)}, tmp_path)
    assert (tmp_path / "results.json").read_text() == '{\n "runs": "RUNS"\n}\n'


def test_a_block_goes_between_its_marks_and_nothing_else_changes():
    made = table(["", "n"], [["a", 1]])
    assert made == "|  | n |\n|---|---|\n| a | 1 |"
    for gap in ("\n", "\n\n"):
        page = f"x\n<!-- b (1) -->{gap}{{}}{gap}<!-- end of b (1) -->\ny\n"
        assert filled(page.format("old\n\nlines"), {"b (1)": made}) == page.format(made)


@pytest.mark.parametrize("page", ["", "A\nB\nA\n\nB\n", "A\nA\nB\n", "A\nB\nB\n", "B\n\nA\n", "A B"])
def test_marks_that_do_not_stand_there_once_are_an_error(page):
    page = page.replace("A", "<!-- b -->").replace("B", "<!-- end of b -->")
    with pytest.raises(ValueError, match="<!-- b --> and, lines below, <!-- end of b --> must stand"):
        filled(page, {"b": "new"})
