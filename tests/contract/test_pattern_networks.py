"""What the networks of the tribology study promise."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from mdlens.errors import InputError
from mdlens.models.autoencoder import TomographAutoencoder
from mdlens.models.files import read_network, restore, save_network
from mdlens.models.pattern_classifier import ImageClassifier, LatentClassifier, ScoreClassifier
from mdlens.models.pixel_network import PixelNetwork

CLASSES, METADATA = 4, 3


def images(n: int, channels: int = 3, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand((n, channels, 4, 4), generator=generator)
    return functional.interpolate(coarse, size=(size, size))


class ClassifierContract:
    def build(self, metadata: int = METADATA) -> nn.Module:
        raise NotImplementedError

    def windows(self, n: int) -> torch.Tensor:
        raise NotImplementedError

    def network(self, metadata: int = METADATA) -> nn.Module:
        torch.manual_seed(0)
        return self.build(metadata)

    def metadata(self, n: int) -> torch.Tensor:
        return torch.rand((n, METADATA), generator=torch.Generator().manual_seed(2))

    def test_shapes(self) -> None:
        output = self.network().eval()(self.windows(5), self.metadata(5))
        assert output.logits.shape == (5, CLASSES)
        assert output.scores.shape == (5, CLASSES - 1)
        assert len(output.embedding) == 5

    def test_the_largest_score_decides_and_a_level_stands_for_none(self) -> None:
        network = self.network().eval()
        output = network(self.windows(5), self.metadata(5))
        sharpness = network.log_sharpness.exp()
        torch.testing.assert_close(output.logits[:, 1:], sharpness * output.scores)
        torch.testing.assert_close(output.logits[:, 0], (sharpness * network.level).expand(5))

    def test_windows_of_a_batch_do_not_see_each_other(self) -> None:
        network = self.network().eval()
        windows, metadata = self.windows(4), self.metadata(4)
        with torch.no_grad():
            alone = torch.cat([network(windows[k : k + 1], metadata[k : k + 1]).logits for k in range(4)])
            torch.testing.assert_close(network(windows, metadata).logits, alone, rtol=1e-4, atol=1e-5)

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.network().train()
        network(self.windows(8), self.metadata(8)).logits.square().sum().backward()
        assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]

    def test_metadata_that_never_varied_in_training_do_not_swamp_the_rest(self) -> None:
        network = self.network().eval()
        known = torch.full((8, METADATA), 300.0)
        network.measure(known)
        assert network.spread.tolist() == [1.0] * METADATA
        with torch.no_grad():
            logits = network(self.windows(8), known + 10.0).logits
        assert float(logits.abs().max()) < 100.0

    def test_both_branches_matter(self) -> None:
        network = self.network().eval()
        windows, metadata = self.windows(2), self.metadata(2)
        with torch.no_grad():
            whole = network(windows, metadata).logits
            assert not torch.equal(whole, network(windows, metadata.flip(0)).logits)
            assert not torch.equal(whole, network(windows.flip(0), metadata).logits)
            alone = self.network(0).eval()(windows, metadata[:, :0]).logits
        assert alone.shape == (2, CLASSES)

    def test_a_file_gives_the_same_outputs(self, tmp_path: Path) -> None:
        file, network = tmp_path / "model.safetensors", self.network().eval()
        network.measure(self.metadata(8))
        save_network(file, network, {"kind": "contract", "settings": network.settings})
        description, tensors = read_network(file, "contract")
        again = type(network)(**description["settings"])
        restore(file, again, tensors)
        with torch.no_grad():
            expected = network(self.windows(3), self.metadata(3)).logits
            assert torch.equal(again.eval()(self.windows(3), self.metadata(3)).logits, expected)


class LearnerContract(ClassifierContract):
    """Of those that learn every score from what they see."""

    def test_memorises_eight_windows(self) -> None:
        network = self.network().train()
        windows, metadata, labels = self.windows(8), self.metadata(8), torch.arange(8) % CLASSES
        network.measure(metadata)
        optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
        for _ in range(100):
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(windows, metadata).logits, labels)
            loss.backward()
            optimizer.step()
        # Running means of normalisation catch up with the weights, which no longer move.
        with torch.no_grad():
            for _ in range(50):
                network(windows, metadata)
        assert (network.eval()(windows, metadata).logits.argmax(dim=1) == labels).all()


class TestLatent(LearnerContract):
    def build(self, metadata: int = METADATA) -> nn.Module:
        return LatentClassifier(8, metadata, CLASSES, width=32, dropout=0.0)

    def windows(self, n: int) -> torch.Tensor:
        return torch.randn((n, 8), generator=torch.Generator().manual_seed(3))

    def test_metadata_alone(self) -> None:
        network = LatentClassifier(0, METADATA, CLASSES)
        assert network(torch.zeros((2, 0)), self.metadata(2)).logits.shape == (2, CLASSES)


class TestImage(LearnerContract):
    def build(self, metadata: int = METADATA) -> nn.Module:
        return ImageClassifier(3, metadata, CLASSES, width=8, dropout=0.0)

    def windows(self, n: int) -> torch.Tensor:
        return images(n)


class TestScore(ClassifierContract):
    def build(self, metadata: int = METADATA) -> nn.Module:
        return ScoreClassifier(2, metadata, CLASSES, width=32, dropout=0.0)

    def windows(self, n: int) -> torch.Tensor:
        return torch.randn((n, 2), generator=torch.Generator().manual_seed(3))

    def test_what_was_read_stays_and_the_rest_is_guessed(self) -> None:
        network = self.network().eval()
        windows, metadata = self.windows(5), self.metadata(5)
        with torch.no_grad():
            torch.testing.assert_close(network(windows, metadata).scores[:, :2], windows)
            network.log_gain.fill_(0.5)
            network.offset.fill_(1.0)
            scores = network(windows, metadata).scores
            other = network(windows, metadata.flip(0)).scores
        torch.testing.assert_close(scores[:, :2], windows * torch.e**0.5 + 1.0)
        assert torch.equal(scores[:, :2], other[:, :2])
        assert not torch.equal(scores[:, 2:], other[:, 2:])

    def test_something_is_left_to_guess(self) -> None:
        with pytest.raises(InputError, match="read must be"):
            ScoreClassifier(3, METADATA, CLASSES)


class TestPixels:
    def network(self) -> PixelNetwork:
        torch.manual_seed(0)
        return PixelNetwork(4)

    def codes(self, n: int = 2) -> torch.Tensor:
        generator = torch.Generator().manual_seed(5)
        return torch.randint(0, 256, (n, 12, 8), generator=generator, dtype=torch.uint8)

    def test_every_pixel_has_every_sign_and_may_count(self) -> None:
        assert self.network()(self.codes(), self.codes()).shape == (2, 8, 12, 8)

    def test_sections_of_a_batch_do_not_see_each_other(self) -> None:
        network, codes = self.network().eval(), self.codes(3)
        with torch.no_grad():
            alone = torch.cat([network(codes[k : k + 1], codes[k : k + 1]) for k in range(3)])
            torch.testing.assert_close(network(codes, codes), alone, rtol=1e-4, atol=1e-5)

    def test_the_start_matters_but_for_its_change(self) -> None:
        network, codes = self.network().eval(), self.codes()
        with torch.no_grad():
            seen = network(codes, codes)
            assert torch.equal(seen, network(codes, codes & 0b00111111))
            assert not torch.equal(seen, network(codes, codes ^ 0b00000100))

    def test_gradients_reach_every_parameter(self) -> None:
        network = self.network().train()
        network(self.codes(4), self.codes(4)).square().sum().backward()
        assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]

    def test_a_file_gives_the_same_outputs(self, tmp_path: Path) -> None:
        file, network = tmp_path / "model.safetensors", self.network().eval()
        save_network(file, network, {"kind": "contract", "settings": network.settings})
        description, tensors = read_network(file, "contract")
        again = PixelNetwork(**description["settings"])
        restore(file, again, tensors)
        with torch.no_grad():
            expected = network(self.codes(), self.codes())
            torch.testing.assert_close(again.eval()(self.codes(), self.codes()), expected)

    def test_widths_are_checked(self) -> None:
        with pytest.raises(InputError, match="width"):
            PixelNetwork(0)


def autoencoder(latent: int = 8) -> TomographAutoencoder:
    torch.manual_seed(0)
    return TomographAutoencoder(3, latent=latent, rows=32, columns=32, width=8)


@pytest.mark.parametrize("latent", [8, 32])
def test_an_autoencoder_gives_images_and_vectors(latent: int) -> None:
    output = autoencoder(latent).eval()(images(3))
    assert output.image.shape == (3, 3, 32, 32)
    assert output.latent.shape == (3, latent)
    assert 0.0 <= output.image.min() <= output.image.max() <= 1.0


def test_an_autoencoder_learns_every_layer_and_memorises() -> None:
    network, batch = autoencoder().train(), images(8)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    first = None
    for _ in range(250):
        optimizer.zero_grad()
        loss = functional.mse_loss(network(batch).image, batch)
        loss.backward()
        if first is None:
            first = loss.item()
            silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
            assert not silent
        optimizer.step()
    assert loss.item() < 0.2 * first


def test_an_autoencoder_refuses_other_images(tmp_path: Path) -> None:
    network = autoencoder().eval()
    with pytest.raises(InputError, match="images must be"):
        network(images(2, size=48))
    with pytest.raises(InputError, match="multiple of 16"):
        TomographAutoencoder(3, columns=40)
    file = tmp_path / "model.safetensors"
    save_network(file, network, {"kind": "contract", "settings": network.settings})
    description, tensors = read_network(file, "contract")
    again = TomographAutoencoder(**description["settings"])
    restore(file, again, tensors)
    with torch.no_grad():
        assert torch.equal(again.eval()(images(2)).image, network(images(2)).image)


def test_an_autoencoder_takes_images_that_are_not_square() -> None:
    network = TomographAutoencoder(3, latent=8, rows=48, columns=32, width=8).eval()
    upright = functional.interpolate(images(2), size=(48, 32))
    assert network(upright).image.shape == (2, 3, 48, 32)
    with pytest.raises(InputError, match=r"\(images, 3, 48, 32\)"):
        network(upright.transpose(2, 3))
