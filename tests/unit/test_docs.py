"""The documentation agrees with the code: links, commands, configurations, tables of keys, Python imports."""

import ast
import importlib
import re
import shlex
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import typer

from mdlens.cli import app
from mdlens.descriptors import NeighborsMapSettings
from mdlens.learning.augment import Augmentation
from mdlens.learning.config import (
    CalibrationConfig,
    DataConfig,
    ModelConfig,
    SplitConfig,
    TrainingConfig,
    parse_config,
)
from mdlens.learning.fit_settings import FitSettings
from mdlens.learning.label_settings import LabelsConfig
from mdlens.simulation import BulkRecipe, Stage

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
TO_COME = {"docs/structure-model.md"}
"""Pages that come with the shipped model."""

NONE = "\N{EN DASH}"
"""What the tables say where there is no default."""

DATA = "\n[[data]]\nfile = 'a.npz'\n"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def named(pages: list[Path]) -> object:
    return pytest.mark.parametrize("page", pages, ids=[page.name for page in pages])


def commands(page: Path) -> list[list[str]]:
    """Words of every ``mdlens`` command line in the shell blocks of a page."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("mdlens ")]
    return [shlex.split(re.split(r"&&|\||;", line)[0], comments=True)[1:] for line in lines]


def inline_commands(page: Path) -> list[list[str]]:
    """Words of every ``mdlens`` command named within the text of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [code.split()[1:] for code in re.findall(r"`(mdlens [^`]+)`", text)]


def find_command(words: list[str]) -> tuple[object, list[str]]:
    """Follow the words to a command; return it and the words left for it."""
    command, left = typer.main.get_command(app), list(words)
    while hasattr(command, "commands"):
        assert left, f"{' '.join(words)}: no command"
        assert left[0] in command.commands, f"{left[0]}: no such command"
        command = command.commands[left.pop(0)]
    return command, left


def option_names(command: object) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("-")}


@named(PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        if place.relative_to(ROOT).as_posix() in TO_COME and not place.exists():
            continue
        assert place.exists(), target
        heads = re.findall(r"^#+ (.*)$", place.read_text(), re.MULTILINE) if anchor else []
        anchors = [re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads]
        assert not anchor or anchor in anchors, target


@named(PAGES)
def test_command_lines_are_understood(page):
    for words in commands(page):
        command, left = find_command(words)
        command.make_context(command.name, left)


@named(PAGES)
def test_commands_in_the_text_exist(page):
    for words in inline_commands(page):
        command, left = find_command(words)
        assert {word for word in left if word.startswith("-")} <= option_names(command), words


def test_there_are_commands_to_check():
    assert sum(len(commands(page)) for page in PAGES) > 8
    assert sum(len(inline_commands(page)) for page in PAGES) > 6
    with pytest.raises(AssertionError, match="no such command"):
        find_command(["simulate", "everything"])
    command, left = find_command(["train", "crystal", "a.toml", "--output", "run"])
    with pytest.raises(Exception, match="--output"):
        command.make_context(command.name, left)


@named(PAGES)
def test_python_parses_and_imports_what_there_is(page):
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mdlens"):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "mdlens":
                assert hasattr(importlib.import_module("mdlens"), node.attr)


def test_configurations_are_read():
    found = blocks(ROOT / "docs" / "training.md", "toml")
    configs = [parse_config(text if "[[data]]" in text else text + DATA) for text in found]
    assert any(len(config.data) > 1 for config in configs)
    assert NeighborsMapSettings.published(6.0, channels=[None, {"Cu": 1.0, "Zr": 2.0}]) in [
        config.descriptor for config in configs
    ]


def documented(page: str, head: str) -> dict[str, str]:
    """Give the names and defaults of the table below a heading."""
    text = (ROOT / "docs" / page).read_text()
    section = re.split(r"^#+ ", text.split(f"# {head}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| `?(.*?)`? \|", section, re.MULTILINE))


def plain(value: object) -> object:
    """Give a default as a configuration file writes it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return False if value is None else value


TABLES = {
    "data": DataConfig,
    "labels": LabelsConfig,
    "model": ModelConfig,
    "descriptor": NeighborsMapSettings,
    "split": SplitConfig,
    "augmentation": Augmentation,
    "fit": FitSettings,
    "calibration": CalibrationConfig,
}


def test_every_table_of_the_configuration_is_documented():
    assert set(TABLES) == {option.name for option in fields(TrainingConfig)}


@pytest.mark.parametrize("table", TABLES)
def test_keys_and_defaults_of_the_configuration(table):
    rows = documented("training.md", f"`[[{table}]]`" if table == "data" else f"`[{table}]`")
    options = {option.name.removesuffix("_"): option.default for option in fields(TABLES[table])}
    assert list(rows) == list(options)
    for name, default in options.items():
        if default is MISSING or default is None:
            assert rows[name] == NONE, name
        else:
            assert tomllib.loads(f"value = {rows[name]}")["value"] == plain(default), name


@pytest.mark.parametrize("kind", [BulkRecipe, Stage])
def test_fields_and_defaults_of_recipes(kind):
    rows = documented("simulation.md", f"`{kind.__name__}`")
    options = {option.name: option.default for option in fields(kind)}
    assert set(rows) == set(options)
    for name, default in options.items():
        assert rows[name] == NONE if default is MISSING else ast.literal_eval(rows[name]) == default, name


def test_options_and_defaults_of_simulate():
    rows = documented("simulation.md", "Options")
    command, _ = find_command(["simulate", "bulk"])
    options = {parameter.opts[0]: parameter.default for parameter in command.params}
    options = {name: default for name, default in options.items() if name != "--help"}
    assert set(rows) == set(options)
    for name, default in options.items():
        assert rows[name] == (NONE if default in (None, ...) else str(default)), name
