"""Make the table of inverse-pole-figure colours of m-3m that mdlens reads, by orix's TSL key.

    python studies/tribology/color_table.py src/mdlens/descriptors/ipf_m3m.npz

A crystal direction with sorted sizes a <= b <= c lies at (b / c, a / b); both run from 0 to 1.
"""

import sys
from pathlib import Path

import numpy as np
from orix.plot import DirectionColorKeyTSL
from orix.quaternion import symmetry
from orix.vector import Vector3d

N = 161


def main() -> None:
    """Colour the nodes of the grid."""
    s, r = np.meshgrid(np.linspace(0, 1, N), np.linspace(0, 1, N), indexing="ij")
    directions = np.stack([r * s, s, np.ones_like(s)], axis=-1).reshape(-1, 3)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # orix's sector has its second vertex at [101]: the middle size along x.
    colors = DirectionColorKeyTSL(symmetry.Oh).direction2color(Vector3d(directions[:, [1, 0, 2]]))
    table = np.rint(255 * np.nan_to_num(colors)).clip(0, 255).astype(np.uint8).reshape(N, N, 3)
    np.savez_compressed(Path(sys.argv[1]), colors=table)


if __name__ == "__main__":
    main()
