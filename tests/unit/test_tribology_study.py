"""That docs/tribology.md says what the results of studies/tribology say."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "studies" / "tribology"


@pytest.fixture
def tables(monkeypatch):
    """Import the module as the study's scripts do."""
    monkeypatch.syspath_prepend(str(STUDY))
    sys.modules.pop("tables", None)
    yield __import__("tables")
    sys.modules.pop("tables", None)


def test_the_page_is_up_to_date(tables):
    results = json.loads((STUDY / "results.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "tribology.md").read_text(encoding="utf-8")
    assert results["source"] == "md"
    for name, table in tables.TABLES.items():
        assert f"<!-- {name} -->\n{table(results)}\n<!-- end of {name} -->" in page
