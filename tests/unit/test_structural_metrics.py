"""The three structural metrics: by hand, against a twin, on files and windows."""

import json

import numpy as np
import pytest
from ase import Atoms

import mdlens
from mdlens.amorphous import structural_metrics, window_metrics
from mdlens.cli import app
from mdlens.descriptors.motifs import components, metrics_of
from mdlens.errors import InputError
from mdlens.io import open_writer
from mdlens.neighbors import nearest_graph


def mixture(n=60, seed=0, box=7.0, types=(1, 2)):
    rng = np.random.default_rng(seed)
    positions = np.zeros((n, 3))
    positions[:, :2] = rng.uniform(0, box, (n, 2))
    atoms = Atoms("X" * n, positions=positions, cell=[box, box, 1.0], pbc=[True, True, False])
    atoms.arrays["type"] = rng.choice(types, n, p=[0.65, 0.35])
    return atoms


def twin(atoms, k):
    graph = nearest_graph(atoms.positions, atoms.cell[:], atoms.pbc, k)
    minority = atoms.arrays["type"] == 2
    kept = [(i, j) for i, j in zip(graph.i, graph.j, strict=True) if minority[i] or minority[j]]
    groups = [{i} for i in range(len(atoms))]
    for i, j in kept:
        a, b = (next(g for g in groups if x in g) for x in (i, j))
        if a is not b:
            groups.remove(b)
            a |= b
    touched = {i for i, _ in kept}
    pairs = [(i, j) for i, j in kept if minority[i] and minority[j]]
    isolated = [i for i in range(len(atoms)) if not minority[i] and i not in touched]
    return sum(len(g & touched) > 0 for g in groups), len(pairs) // 2, len(isolated)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_the_twin(k, seed):
    atoms = mixture(seed=seed)
    found = structural_metrics(atoms, k=k, minority=2)
    assert (found.subgraphs, found.minority_bonds, found.isolated_majority) == twin(atoms, k)
    assert found.particles == 60
    assert found.majority == (atoms.arrays["type"] == 1).sum()


def test_a_chain_by_hand():
    # 2-2-1-1-1-1: with k = 1 the bonds are 0-1, 2-3 (2's nearest is 3) and 4-5
    positions = np.zeros((6, 3))
    positions[:, 0] = [0.0, 1.0, 2.1, 3.0, 4.1, 5.0]
    atoms = Atoms("CuCuZrZrZrZr", positions=positions)
    found = structural_metrics(atoms, k=1)
    assert (found.subgraphs, found.minority_bonds, found.isolated_majority) == (1, 1, 4)
    assert found.per_particle() == pytest.approx((1 / 6, 1 / 6, 4 / 6))


def test_components_of_a_long_chain_and_a_ring():
    i = np.arange(99)
    chain = components(120, np.concatenate([i, i + 1]), np.concatenate([i + 1, i]))
    assert (chain[:100] == 0).all()
    assert (chain[100:] == np.arange(100, 120)).all()


def test_bonds_may_be_chosen():
    atoms = mixture()
    graph = nearest_graph(atoms.positions, atoms.cell[:], atoms.pbc, 2)
    minority = atoms.arrays["type"] == 2
    none = metrics_of(graph, minority, np.zeros(len(graph.i), dtype=bool))
    assert (none.subgraphs, none.minority_bonds, none.isolated_majority) == (0, 0, (~minority).sum())


def test_windows_have_their_own_metrics():
    found = window_metrics(mixture(400, box=18.0), side=0.25, count=50, minority=2)
    assert len(found) == 50
    assert np.mean([m.particles for m in found]) == pytest.approx(25, rel=0.2)


def test_the_rarer_species_is_the_minority():
    atoms = mixture()
    rarer = 1 + int((atoms.arrays["type"] == 2).mean() < 0.5)
    assert structural_metrics(atoms) == mdlens.amorphous.structural_metrics(atoms, minority=rarer)


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="species 3 is not in the configuration, which holds 1, 2"):
        structural_metrics(mixture(), minority=3)
    with pytest.raises(InputError, match=r"say which species is the minority: .* 2 Cu"):
        structural_metrics(Atoms("Cu2", positions=[[0, 0, 0], [1, 0, 0]]), k=1)
    with pytest.raises(InputError, match="too few for k = 2"):
        structural_metrics(mixture(2), minority=1)


def test_command(tmp_path, capsys):
    file = tmp_path / "glass.dump"
    with open_writer(file) as writer:
        for seed in range(3):
            writer.write(mixture(seed=seed))
    app(["amorphous", "metrics", str(file), "--json", str(tmp_path / "m.json")], standalone_mode=False)
    records = json.loads((tmp_path / "m.json").read_text())
    assert [r["frame"] for r in records] == [0, 1, 2]
    assert records[1]["subgraphs"] == structural_metrics(mixture(seed=1)).subgraphs
    assert "isolated majority" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"glass.dump, frame 0: species Zr is not"):
        app(["amorphous", "metrics", str(file), "--minority", "Zr"], standalone_mode=False)
