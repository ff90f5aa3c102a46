import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mdlens.elastic import (
    ElasticNetwork,
    ElasticTrajectory,
    poisson_ratio_from_box,
    poisson_ratio_from_positions,
    read_network_data,
    read_networks,
    read_trajectories,
    read_trajectory_folder,
    write_network_data,
    write_networks,
    write_trajectories,
)
from mdlens.errors import FormatError, InputError
from mdlens.simulation.pruning import with_angles


def square(**changes: object) -> ElasticNetwork:
    """A node, its two neighbours and a diagonal across the boundary of the box."""
    values = {
        "positions": np.array([[0.1, 0.2], [1.1, 0.3], [0.2, 1.4], [2.9, 2.8]]),
        "box": np.array([3.0, 3.2]),
        "bonds": np.array([[0, 1], [0, 2], [0, 3]]),
        "rest_lengths": np.array([1.0, 1.2, 1.1]),
        "stiffness": np.array([1.0, 0.8, 1 / 3]),
        "name": "square",
        "base": "origin",
        "target_nu": -0.25,
    }
    return ElasticNetwork(**{**values, **changes})


def run(network: ElasticNetwork, frames: int = 3, **changes: object) -> ElasticTrajectory:
    random = np.random.default_rng(1)
    positions = network.positions + 0.01 * random.normal(size=(frames, network.n_nodes, 2))
    boxes = network.box * (1 + 0.01 * random.random((frames, 2)))
    values = {
        "temperature": 1e-7,
        "rate": -1e-5,
        "timestep": 0.25,
        "seed": 5,
        "linear_nu": 0.1,
        "protocol": "p",
    }
    return ElasticTrajectory(network=network, positions=positions, boxes=boxes, **{**values, **changes})


def assert_same(one: object, other: object, fields: tuple[str, ...]) -> None:
    for name in fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


NETWORK_FIELDS = tuple(ElasticNetwork.__dataclass_fields__)
RUN_FIELDS = tuple(name for name in ElasticTrajectory.__dataclass_fields__ if name != "network")


def test_edges_are_the_shortest_images() -> None:
    np.testing.assert_allclose(square().edge_vectors()[2], [-0.2, -0.6])


def test_edges_of_many_frames() -> None:
    trajectory = run(square(), frames=4)
    many = trajectory.network.edge_vectors(trajectory.positions, trajectory.boxes)
    for frame in range(4):
        one = trajectory.network.edge_vectors(trajectory.positions[frame], trajectory.boxes[frame])
        np.testing.assert_array_equal(many[frame], one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bonds": [[0, 1], [0, 2], [0, 1]]}, r"bond \[0, 1\] is listed twice"),
        ({"bonds": [[0, 1], [2, 0], [0, 3]]}, r"i < j, got \[2, 0\]"),
        ({"bonds": [[0, 1], [0, 2], [0, 4]]}, "nodes 0 to 3, got 4"),
        ({"bonds": [[0.5, 1], [0, 2], [0, 3]]}, "bonds must be integers"),
        ({"box": [3.0, -1.0]}, "box lengths must be positive"),
        ({"stiffness": [1.0, 0.0, 1.0]}, "stiffness must be positive, got 0.0"),
        ({"stiffness": [1.0, 1.0]}, r"stiffness must have the shape \(3,\), got \(2,\)"),
        ({"rest_lengths": [1.0, np.nan, 1.0]}, "rest_lengths must be finite"),
        ({"angles": [[0, 1, 2]]}, r"rest_angles must have the shape \(1,\)"),
    ],
)
def test_wrong_networks_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        square(**changes)


def test_networks_come_back_from_a_file(tmp_path: Path) -> None:
    networks = [
        square(),
        with_angles(square(name="bent"), 0.01),
        square(name="plain", target_nu=float("nan")),
    ]
    write_networks(tmp_path / "n.npz", networks)
    for written, found in zip(networks, read_networks(tmp_path / "n.npz"), strict=True):
        assert_same(written, found, NETWORK_FIELDS)


def test_an_empty_list_of_networks_is_a_file(tmp_path: Path) -> None:
    write_networks(tmp_path / "n.npz", [])
    assert read_networks(tmp_path / "n.npz") == []


def test_names_differ_within_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two networks are named 'square'"):
        write_networks(tmp_path / "n.npz", [square(), square()])
    assert not list(tmp_path.iterdir())


def test_trajectories_come_back_from_a_folder(tmp_path: Path) -> None:
    runs = [run(square()), run(with_angles(square(), 0.1), frames=5, linear_nu=float("nan"))]
    write_trajectories(tmp_path / "a.npz", runs)
    write_trajectories(tmp_path / "b.npz", runs[:1])
    found = list(read_trajectory_folder(tmp_path))
    for written, read in zip([*runs, runs[0]], found, strict=True):
        assert_same(written, read, RUN_FIELDS)
        assert_same(written.network, read.network, NETWORK_FIELDS)


def test_an_empty_folder_of_trajectories(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.npz files"):
        list(read_trajectory_folder(tmp_path))


def test_files_of_another_kind(tmp_path: Path) -> None:
    write_networks(tmp_path / "n.npz", [square()])
    with pytest.raises(FormatError, match="expected `mdlens trajectories 1`, got `mdlens networks 1`"):
        read_trajectories(tmp_path / "n.npz")


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "n.npz"
    write_networks(path, [square()])
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"n\.npz: not a whole file"):
            read_networks(path)
    np.savez(path, positions=np.zeros(3))
    with pytest.raises(FormatError, match=r"n\.npz: not a whole file"):
        read_networks(path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.npz"
    write_networks(path, [square()])
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, "stiffness": np.array([object()] * 3)})
    with pytest.raises(FormatError, match="not a whole file"):
        read_networks(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"bond_counts": np.array([7])},
        {"bonds": np.array([[0, 9], [0, 2], [0, 3]])},
        {"positions": np.full((4, 2), np.nan)},
        {"networks": np.array("[{}, {}]")},
        {"networks": np.array("{")},
        {"networks": np.array('[{"surprise": 1}]')},
        {"box": np.zeros((1, 2))},
    ],
)
def test_files_with_wrong_arrays(tmp_path: Path, damage: dict[str, np.ndarray]) -> None:
    path = tmp_path / "n.npz"
    write_networks(path, [square()])
    arrays = dict(np.load(path))
    np.savez(path, **{**arrays, **damage})
    with pytest.raises(FormatError, match=r"n\.npz: damaged"):
        read_networks(path)


def test_lammps_data_comes_back(tmp_path: Path) -> None:
    for network in (square(), with_angles(square(), 0.01)):
        write_network_data(tmp_path / "square.data", network)
        found = read_network_data(tmp_path / "square.data")
        assert_same(
            network, found, ("box", "bonds", "rest_lengths", "stiffness", "angles", "angle_stiffness")
        )
        np.testing.assert_allclose(found.positions, network.positions, atol=1e-15)
        np.testing.assert_allclose(found.rest_angles, network.rest_angles, atol=1e-14)


def test_lammps_data_with_positions_outside_the_box(tmp_path: Path) -> None:
    network = square(positions=square().positions + np.array([3.0, -6.4]))
    write_network_data(tmp_path / "square.data", network)
    np.testing.assert_allclose(read_network_data(tmp_path / "square.data").positions, network.positions)


DATA = """a network of another program

4 atoms   # with a comment
3 bonds
1 atom types
2 bond types

-1.0 2.0 xlo xhi
0.0 3.2 ylo yhi
-0.5 0.5 zlo zhi
0 0 0 xy xz yz

Masses

1 1.0

Atoms  # bond

10 1 1 0.0 0.0 0.0
20 1 1 1.0 0.0 0.0 0 0 0   # images may be there
30 1 1 0.0 1.0 0.0
40 1 1 1.9 3.1 0.0

Bonds

1 1 20 10
2 2 10 30
3 2 40 10

Bond Coeffs

1 1.0 1.0
2 harmonic 0.5 1.5

Velocities

10 0 0 0
"""


def read_text(tmp_path: Path, text: str) -> ElasticNetwork:
    path = tmp_path / "net.data"
    path.write_text(text, encoding="utf-8")
    return read_network_data(path)


def test_lammps_data_of_other_programs(tmp_path: Path) -> None:
    network = read_text(tmp_path, DATA)
    assert network.bonds.tolist() == [[0, 1], [0, 2], [0, 3]]
    assert network.stiffness.tolist() == [1.0, 0.5, 0.5]
    assert network.box.tolist() == [3.0, 3.2]
    np.testing.assert_allclose(network.positions[0], [1.0, 0.0])
    np.testing.assert_allclose(network.edge_vectors()[2], [-1.1, -0.1])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3 2 40 10", "3 2 10 20", r"line 28: the bond of atoms 10 and 20 is listed twice, first in line 26"),
        ("3 2 40 10", "3 2 20 10", r"line 28: the bond of atoms 20 and 10 is listed twice"),
        ("3 2 40 10", "3 2 10 10", r"line 28: a bond joins atom 10 to itself"),
        ("3 2 40 10", "3 2 50 10", r"line 28: atom 50 is not in the section Atoms"),
        ("3 2 40 10", "3 3 40 10", r"line 28: expected a type from 1 to 2, got 3"),
        ("3 2 40 10", "3 2 40", r"line 28: expected `id type` and 2 atoms"),
        ("3 2 40 10\n", "", r"section 'Bonds' has 2 lines, the header announces 3"),
        ("10 1 1 0.0 0.0", "10 1 1 nan 0.0", r"line 19: expected a finite number as word 4, got nan"),
        ("10 1 1 0.0 0.0 0.0", "10 1 1 0.0", r"line 19: expected `id molecule type x y z`"),
        ("20 1 1", "10 1 1", r"line 20: atom 10 is there a second time"),
        ("4 atoms", "five atoms", r"line 3: expected the number of atoms"),
        ("4 atoms", "5 atoms", r"section 'Atoms' has 4 lines, the header announces 5"),
        ("1 1.0 1.0", "1 1.0", r"line 32: expected `type k rest`"),
        ("2 harmonic 0.5 1.5", "1 0.5 1.5", r"section 'Bond Coeffs' sets a type twice"),
        ("2 harmonic 0.5 1.5", "2 0.5 -1.5", "rest_lengths must be positive"),
        ("-1.0 2.0 xlo xhi", "2.0 -1.0 xlo xhi", r"line 8: box bounds must rise"),
        ("-1.0 2.0 xlo xhi\n", "", "box bounds `xlo xhi` are missing"),
        ("0 0 0 xy xz yz", "0.5 0 0 xy xz yz", r"line 11: only rectangular boxes"),
        ("Atoms  # bond", "Atoms  # full", r"line 17: style 'full' of Atoms"),
        ("Velocities", "Ellipsoids", r"line 35: section 'Ellipsoids' is not known"),
        ("Velocities", "Bonds", r"line 35: section 'Bonds' is there a second time"),
        ("2 bond types", "2 words of types", r"line 6: expected a count or box bounds"),
    ],
)
def test_wrong_lammps_data(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in DATA
    with pytest.raises(FormatError, match=message) as caught:
        read_text(tmp_path, DATA.replace(old, new))
    assert "net.data" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_section_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="3 bonds announced, but the section 'Bonds' is missing"):
        read_text(tmp_path, DATA.replace("Bonds\n\n1 1 20 10\n2 2 10 30\n3 2 40 10\n", ""))
    with pytest.raises(FormatError, match="no section such as Atoms"):
        read_text(tmp_path, "")
    (tmp_path / "net.data").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="it is no text"):
        read_network_data(tmp_path / "net.data")


def affine_run(nu: float) -> ElasticTrajectory:
    random = np.random.default_rng(2)
    start = random.random((50, 2)) * [10.0, 9.0]
    network = ElasticNetwork(
        positions=start, box=[10.0, 9.0], bonds=[[0, 1]], rest_lengths=[1.0], stiffness=[1.0]
    )
    strain = np.linspace(0, -0.05, 6)
    stretch = np.stack([1 + strain, 1 - nu * strain], 1)
    boxes = network.box * stretch
    positions = (start - network.box / 2) * stretch[:, None] + network.box / 2
    return ElasticTrajectory(
        network=network, positions=positions, boxes=boxes, temperature=0, rate=-1, timestep=1, seed=1
    )


@pytest.mark.parametrize("every_origin", [True, False])
@pytest.mark.parametrize("nu", [-0.8, 0.0, 0.3])
def test_affine_motion_gives_its_poisson_ratio(nu: float, every_origin: bool) -> None:
    trajectory = affine_run(nu)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ratio = poisson_ratio_from_positions(
            trajectory.positions, trajectory.boxes, every_origin=every_origin
        )
    assert np.isnan(ratio[0])
    np.testing.assert_allclose(ratio[1:], nu, atol=1e-10)
    np.testing.assert_allclose(poisson_ratio_from_box(trajectory.boxes)[1:], nu, atol=1e-10)


def wandering() -> ElasticTrajectory:
    trajectory = affine_run(0.4)
    noise = np.random.default_rng(3).normal(0, 0.02, trajectory.positions.shape)
    return replace(trajectory, positions=trajectory.positions + noise)


@pytest.mark.parametrize("every_origin", [True, False])
def test_wrapped_positions_give_the_same_ratio(every_origin: bool) -> None:
    trajectory = wandering()
    trajectory = replace(trajectory, positions=trajectory.positions - trajectory.positions[:1].min() + 0.1)
    wrapped = trajectory.positions % trajectory.boxes[:, None]
    wrapped[0] = trajectory.positions[0]
    ratios = [
        poisson_ratio_from_positions(positions, trajectory.boxes, every_origin=every_origin)
        for positions in (wrapped, trajectory.positions)
    ]
    np.testing.assert_allclose(ratios[0][1:], ratios[1][1:], atol=1e-10)


def test_pooled_origins_equal_a_plain_loop() -> None:
    trajectory = wandering()
    heights, expected = trajectory.boxes[:, 1], []
    for frame in range(1, trajectory.n_frames):
        over = under = 0.0
        for origin in trajectory.positions[0, :, 1]:
            place, moved = [], []
            for before, now in zip(
                trajectory.positions[0, :, 1], trajectory.positions[frame, :, 1], strict=True
            ):
                images = np.floor((before - origin) / heights[0])
                place.append(before - origin - images * heights[0])
                moved.append((now - images * heights[frame]) - (before - images * heights[0]))
            away = np.array(place) - np.mean(place)
            over += float(away @ moved)
            under += float(away @ away)
        expected.append(-over / under / trajectory.strain[frame])
    np.testing.assert_allclose(trajectory.poisson_ratio[1:], expected, rtol=1e-9)


def test_pooled_origins_do_not_depend_on_where_the_box_begins() -> None:
    trajectory = wandering()
    shifted = trajectory.positions.copy()
    low = shifted[0, :, 1] < 2.0
    shifted[:, low, 1] += trajectory.boxes[:, 1:]
    found = poisson_ratio_from_positions(shifted, trajectory.boxes)
    np.testing.assert_allclose(found[1:], trajectory.poisson_ratio[1:], rtol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": np.zeros((3, 5, 2))}, r"positions must be \(frames, 4, 2\)"),
        ({"positions": np.zeros((0, 4, 2))}, r"positions must be \(frames, 4, 2\)"),
        ({"boxes": np.ones((2, 2))}, r"boxes must be \(3, 2\)"),
        ({"boxes": np.zeros((3, 2))}, "box lengths must be positive"),
        ({"positions": np.full((3, 4, 2), np.inf)}, "positions must be finite"),
    ],
)
def test_wrong_trajectories_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(run(square()), **changes)
