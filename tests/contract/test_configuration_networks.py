"""What every network of the amorphous classifier promises."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mdlens.descriptors.picture import density_picture, dot_picture
from mdlens.errors import InputError, ModelError
from mdlens.models import AttentionMPNN, GraphBatch, PaperPictureCNN, PictureCNN
from mdlens.models.attention_mpnn import graph_softmax
from mdlens.models.files import read_network, restore, save_network
from mdlens.neighbors import nearest_graph

BOX = 5.0
CELL = np.diag([BOX, BOX, 1.0])
PBC = np.array([True, True, False])
SHIFT, NONE = np.array([1.3, -0.7, 0.0]), np.zeros(3)


System = tuple[np.ndarray, np.ndarray]


def systems(count: int = 8, n: int = 30) -> list[System]:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        positions = np.zeros((n, 3))
        positions[:, :2] = rng.uniform(0, BOX, (n, 2))
        made.append((positions, rng.integers(0, 2, n)))
    return made


def rotated(system: System, angle: float) -> System:
    """A cluster without boundaries, turned."""
    c, s = np.cos(angle), np.sin(angle)
    return system[0] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]), system[1]


def graph_batch(made: list[System], pbc: np.ndarray = PBC) -> GraphBatch:
    graphs = [nearest_graph(positions, CELL, pbc, 4) for positions, _ in made]
    bonds = np.cumsum([0, *(len(g.i) for g in graphs)])
    nodes = np.cumsum([0, *(len(g) for g in graphs)])
    joined = {
        name: torch.from_numpy(
            np.concatenate([getattr(g, name) + b for g, b in zip(graphs, base, strict=False)])
        )
        for name, base in (("i", nodes), ("j", nodes), ("reverse", bonds))
    }
    return GraphBatch(
        species=torch.from_numpy(np.concatenate([s for _, s in made])),
        graph=torch.repeat_interleave(torch.arange(len(made)), torch.tensor([len(g) for g in graphs])),
        distance=torch.from_numpy(np.concatenate([g.distance for g in graphs])).float(),
        places=torch.from_numpy(np.concatenate([p[:, :2] / BOX for p, _ in made])).float(),
        graphs=len(made),
        **joined,
    )


class Contract:
    tolerance = 1e-5

    def build(self) -> nn.Module:
        raise NotImplementedError

    def inputs(self, made: list[System], pbc: np.ndarray = PBC) -> object:
        raise NotImplementedError

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return self.build()

    def logits(self, made: list[System], pbc: np.ndarray = PBC) -> torch.Tensor:
        with torch.no_grad():
            return self.network().eval()(self.inputs(made, pbc)).logits

    def test_one_logit_and_an_embedding_for_each(self) -> None:
        output = self.network().eval()(self.inputs(systems(5)))
        assert output.logits.shape == (5,)
        assert output.embedding.shape[0] == 5

    def test_samples_of_a_batch_do_not_see_each_other(self) -> None:
        made = systems(4)
        alone = torch.cat([self.logits([system]) for system in made])
        torch.testing.assert_close(self.logits(made), alone, rtol=1e-4, atol=self.tolerance)

    def test_the_numbering_does_not_matter(self) -> None:
        made = systems(3)
        rng = np.random.default_rng(1)
        mixed = []
        for positions, species in made:
            order = rng.permutation(len(species))
            mixed.append((positions[order], species[order]))
        torch.testing.assert_close(self.logits(mixed), self.logits(made), rtol=1e-4, atol=self.tolerance)

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.network().train()
        network(self.inputs(systems())).logits.square().sum().backward()
        silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert not silent

    def test_memorises_eight_samples(self) -> None:
        network = self.network().train()
        batch, labels = self.inputs(systems()), torch.tensor([0.0, 1.0] * 4)
        optimizer = torch.optim.Adam(network.parameters(), lr=self.rate)
        for _ in range(self.steps):
            optimizer.zero_grad()
            loss = functional.binary_cross_entropy_with_logits(network(batch).logits, labels)
            loss.backward()
            optimizer.step()
            if loss < 0.02:
                break
        right = (network.eval()(batch).logits > 0) == labels.bool()
        assert right.all()

    rate = 5e-3
    steps = 300

    def test_a_file_gives_the_same_outputs(self, tmp_path: Path) -> None:
        file = tmp_path / "model.safetensors"
        network = self.network().eval()
        save_network(file, network, {"kind": "contract", "settings": network.settings})
        description, tensors = read_network(file, "contract")
        again = type(network)(**description["settings"])
        restore(file, again, tensors)
        batch = self.inputs(systems(3))
        with torch.no_grad():
            assert torch.equal(again.eval()(batch).logits, network(batch).logits)


class TestRelative(Contract):
    pooling = "mean"

    def build(self) -> nn.Module:
        return AttentionMPNN(2, width=32, depth=3, heads=2, pooling=self.pooling)

    def inputs(self, made: list[System], pbc: np.ndarray = PBC) -> GraphBatch:
        return graph_batch(made, pbc)

    def test_shifts_through_the_boundary_do_not_matter(self) -> None:
        made = systems(3)
        shifted = [((p + SHIFT) % np.array([BOX, BOX, 1.0]), s) for p, s in made]
        torch.testing.assert_close(self.logits(shifted), self.logits(made), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("angle", [0.3, 1.9])
    def test_rotations_and_mirrors_do_not_matter(self, angle: float) -> None:
        made = systems(3)
        turned = [rotated((p * np.array([1, -1, 1]), s), angle) for p, s in made]
        expected = self.logits(made, np.zeros(3, bool))
        torch.testing.assert_close(self.logits(turned, np.zeros(3, bool)), expected, rtol=1e-4, atol=1e-5)

    def test_attention_sums_to_one_in_each_graph(self) -> None:
        batch = self.inputs(systems(4))
        attention = self.network().eval()(batch).attention
        sums = torch.zeros(4).index_add(0, batch.graph[batch.i], attention)
        torch.testing.assert_close(sums, torch.ones(4))

    def test_lengths_are_those_of_the_training_data(self) -> None:
        network = self.network()
        batch = self.inputs(systems())
        network.measure(batch.distance)
        assert float(network.low) < float(batch.distance.median()) < float(network.high)


class TestRelativeAttentionPooling(TestRelative):
    pooling = "attention"


class TestPaperMPNN(Contract):
    def build(self) -> nn.Module:
        return AttentionMPNN(2, width=32, depth=3, heads=2, variant="paper")

    def inputs(self, made: list[System], pbc: np.ndarray = PBC) -> GraphBatch:
        return graph_batch(made, pbc)


class TestPictureCNN(Contract):
    tolerance = 1e-4

    def build(self) -> nn.Module:
        return PictureCNN(2, width=8)

    def inputs(self, made: list[System], pbc: np.ndarray = PBC) -> torch.Tensor:
        options = {"edges": (BOX, BOX), "pixel": 0.25, "width": 0.3}
        return torch.from_numpy(np.stack([density_picture(p[:, :2] / BOX, s, 2, **options) for p, s in made]))

    def test_takes_any_size(self) -> None:
        assert self.network().eval()(torch.rand(1, 2, 31, 17)).logits.shape == (1,)


class TestPaperPictureCNN(Contract):
    rate = 1e-3

    def build(self) -> nn.Module:
        return PaperPictureCNN(50)

    def inputs(self, made: list[System], pbc: np.ndarray = PBC) -> torch.Tensor:
        images = [dot_picture(p[:, :2] / BOX, s, size=50, radius=0.02) for p, s in made]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255

    def test_the_published_size_has_the_published_weights(self) -> None:
        with torch.device("meta"):
            dense = PaperPictureCNN().dense
        assert dense.weight.numel() == 80 * 16 * 237**2  # 72 million


def test_softmax_is_that_of_torch() -> None:
    scores = torch.randn(10, 3) * 50
    graph = torch.tensor([0] * 4 + [2] * 6)
    found = graph_softmax(scores, graph, 3)
    torch.testing.assert_close(found[:4], scores[:4].softmax(0))
    torch.testing.assert_close(found[4:], scores[4:].softmax(0))


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"variant": "x"}, {"pooling": "max"}, {"dropout": 1.0}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        AttentionMPNN(2, **wrong)  # type: ignore[arg-type]


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    network = PictureCNN(2, width=8)
    save_network(file, network, {"kind": "contract"})
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[-3] ^= 1
    for data in (b"", whole[:100], whole[:-8], bytes(changed), b"PK\x03\x04" + whole):
        file.write_bytes(data)
        with pytest.raises(ModelError, match=r"model\.safetensors"):
            read_network(file, "contract")
    file.write_bytes(whole)
    with pytest.raises(ModelError, match="kind"):
        read_network(file, "other")
    with pytest.raises(ModelError, match="cannot be read"):
        read_network(tmp_path / "none.safetensors", "contract")
    with pytest.raises(ModelError, match="do not fit"):
        restore(file, PictureCNN(3, width=8), read_network(file, "contract")[1])
    network.last.weight.data[0, 0] = float("nan")
    save_network(file, network, {"kind": "contract"})
    with pytest.raises(ModelError, match="not finite"):
        read_network(file, "contract")
