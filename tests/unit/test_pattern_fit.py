"""Reading sections pixel by pixel."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mdlens.descriptors.deformation import SIGNS  # noqa: E402
from mdlens.learning.pattern_data import COUNTED, SectionData  # noqa: E402
from mdlens.learning.pattern_fit import PixelFitSettings, fit_pixels, read_shares  # noqa: E402


def sections(n=12, seed=0):
    """Windows of two places whose signs follow from the codes, of now and of the start."""
    rng = np.random.default_rng(seed)
    codes = rng.choice([1, 3, 3, 3, 75], (n, 2, 16, 12)).astype(np.uint8)
    start = np.full((2, 2, 16, 12), 3, np.uint8)
    start[1, :, :, 6:] = 1
    place = np.arange(n) % 2
    signs = np.where(codes == 1, 1 << SIGNS.index("fault"), 0)
    signs |= np.where(codes == 75, 1 << SIGNS.index("turned"), 0)
    signs |= np.where(start[place] == 1, 1 << SIGNS.index("fault_start"), 0)
    signs[:, :, :12] |= 1 << COUNTED
    return SectionData(codes=codes, start=start, place=place, signs=signs.astype(np.uint8), pixel=1.0)


class Knows(torch.nn.Module):
    """A network that is told the signs of the windows it will be shown, in their order."""

    def __init__(self, data):
        super().__init__()
        self.signs, self.data, self.shown = iter(data.signs), data, 0

    def forward(self, codes, start):
        np.testing.assert_array_equal(codes.numpy(), self.data.codes[self.shown])
        np.testing.assert_array_equal(start.numpy(), self.data.start[self.data.place[self.shown]])
        self.shown += 1
        bits = np.unpackbits(next(self.signs)[:, None], axis=1, bitorder="little")
        return torch.from_numpy(np.where(bits == 1, 30.0, -30.0))


def test_shares_are_those_of_the_chances():
    data = sections()
    np.testing.assert_allclose(read_shares(Knows(data), data), data.shares(), atol=1e-9)


def test_where_nothing_counts_there_are_no_shares():
    class Nothing(torch.nn.Module):
        def forward(self, codes, start):
            return torch.full((len(codes), COUNTED + 1, *codes.shape[1:]), -1e4)

    assert (read_shares(Nothing(), sections()) == 0.0).all()


@pytest.mark.parametrize("half", [False, True])
def test_a_network_learns_which_code_has_which_sign(half):
    data = sections()
    settings = PixelFitSettings(epochs=60, batch_size=4, half=half)
    found = read_shares(fit_pixels(data, settings, width=8), data)
    np.testing.assert_allclose(found, data.shares(), atol=0.03)
    new = sections(seed=1)
    np.testing.assert_allclose(read_shares(fit_pixels(data, settings, width=8), new), new.shares(), atol=0.06)
