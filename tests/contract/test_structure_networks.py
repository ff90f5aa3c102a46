"""What every network of the structure classifier promises."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mdlens.descriptors import NeighborsMapSettings
from mdlens.errors import ModelError
from mdlens.inference import ModelMetadata, load_model
from mdlens.inference.structure_model import softmax
from mdlens.learning.export import export_model
from mdlens.learning.fit import predict_logits
from mdlens.models import ByteNeighborsCNN, CompactNeighborsCNN, PublishedNeighborsCNN

CLASSES = ("a", "b", "c")


class NetworkContract:
    channels = 1
    size = 32

    def build(self) -> nn.Module:
        raise NotImplementedError

    def maps(self, count: int, seed: int = 0) -> torch.Tensor:
        """Positive pixels over two decades, like those of scale-free maps."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, self.channels, self.size, self.size, generator=generator)
        return torch.exp(noise)

    def network(self, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        network = self.build()
        if isinstance(network, CompactNeighborsCNN | ByteNeighborsCNN):
            network.measure(self.maps(64, seed=1))
        return network

    def metadata(self) -> ModelMetadata:
        settings = NeighborsMapSettings(size=self.size, channels=(None,) * self.channels)
        return ModelMetadata(
            name="contract", version="1", classes=CLASSES, ids=(1, 2, 3), descriptor=settings, temperature=1.7
        )

    def test_gives_logits_and_an_embedding(self) -> None:
        output = self.network().eval()(self.maps(5))
        assert output.logits.shape == (5, len(CLASSES))
        assert output.embedding.shape[0] == 5
        assert output.embedding.shape[1] >= 16

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.network().train()
        functional.cross_entropy(network(self.maps(32)).logits, torch.arange(32) % 3).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name

    def test_memorises_eight_samples(self) -> None:
        network = self.network().train()
        for layer in network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
        maps, labels = self.maps(8), torch.arange(8) % 3
        optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
        for _ in range(200):
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(maps).logits, labels)
            if loss < 0.05:
                return
            loss.backward()
            optimizer.step()
        pytest.fail(f"the loss is still {loss.item():.3f}")

    def test_the_same_seed_gives_the_same_network(self) -> None:
        one, two, other = (self.network(seed).eval()(self.maps(4)).logits for seed in (3, 3, 4))
        assert torch.equal(one, two)
        assert not torch.equal(one, other)

    def test_a_sample_does_not_depend_on_its_batch(self) -> None:
        network = self.network().eval()
        maps = self.maps(6)
        torch.testing.assert_close(network(maps).logits[2:3], network(maps[2:3]).logits, rtol=1e-4, atol=1e-5)

    def test_the_model_file_gives_the_same_answers(self, tmp_path: Path) -> None:
        network = self.network()
        network.train()(self.maps(64))  # moves the running statistics of batch norm away from 0 and 1
        network.eval()
        file = tmp_path / "model.onnx"
        maps = self.maps(40, seed=2)
        model = export_model(network, self.metadata(), file, examples=maps)
        assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
        logits = predict_logits(network, maps.numpy())
        with torch.no_grad():
            reference = network(maps).embedding.numpy()
        probabilities, embeddings = load_model(file).predict(maps.numpy(), threads=1)
        np.testing.assert_allclose(probabilities, softmax(logits, 1.7), rtol=0, atol=1e-5)
        np.testing.assert_allclose(
            embeddings, reference, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(reference).max())
        )
        assert model.metadata == self.metadata()
        again = load_model(file).predict(maps.numpy(), threads=1)
        np.testing.assert_array_equal(again[0], probabilities)
        np.testing.assert_array_equal(again[1], embeddings)
        for trace in (b".py", b"site-packages", str(Path.home()).encode(), str(Path.cwd()).encode()):
            assert trace not in file.read_bytes()


class TestCompact(NetworkContract):
    def build(self) -> nn.Module:
        return CompactNeighborsCNN(1, 32, 3)

    def test_a_wrong_answer_is_not_given_a_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mdlens.learning.export.TOLERANCE", -1.0)
        with pytest.raises(ModelError, match=r"differ by .*more than"):
            export_model(self.network(), self.metadata(), tmp_path / "model.onnx", examples=self.maps(4))
        assert not (tmp_path / "model.onnx").exists()


class TestBytes(NetworkContract):
    def build(self) -> nn.Module:
        return ByteNeighborsCNN(32, 3, width=32, hidden=64)


class TestCompactLarger(NetworkContract):
    channels = 2
    size = 48

    def build(self) -> nn.Module:
        return CompactNeighborsCNN(2, 48, 3, width=24, depth=1, dropout=0.1)


class TestPublished(NetworkContract):
    def build(self) -> nn.Module:
        return PublishedNeighborsCNN(1, 3)
