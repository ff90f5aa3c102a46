"""How the trajectories of the study are cooled, and in which order they are made.

Any prefix of the order holds all three protocols in about the final proportions.
"""

from mdlens.simulation.glass2d import Glass2DRecipe

TEMPERATURES = (
    1.99, 1.756, 1.5, 1.25, 0.957, 0.85, 0.75, 0.65, 0.6, 0.548,
    0.5, 0.44, 0.4, 0.37, 0.34, 0.3, 0.25, 0.2, 0.12, 0.05,
)  # fmt: skip
"""Records of both coolings; the liquids of the six tasks are among them."""

COUNTS = {"fast": 100, "slow": 20, "liquid": 60}
_CYCLE = ("fast",) * 5 + ("slow",) + ("liquid",) * 3
_FIRST_SEED = {"fast": 1_000, "slow": 2_000, "liquid": 3_000}


def recipe(protocol: str, index: int) -> Glass2DRecipe:
    """The recipe of one trajectory.

    - fast: T = 2.0 -> 0.05 in 2e5 steps (the published fast rate);
    - slow: the same in 2e6 steps (the published slow rate is ten times lower still);
    - liquid: cooled to T = 0.547 in 5e4 steps, held for 1e5 steps (500 units of time).
    """
    seed = _FIRST_SEED[protocol] + index
    if protocol == "liquid":
        return Glass2DRecipe(
            stop=0.547, steps=50_000, temperatures=(), hold=100_000, hold_records=4, seed=seed
        )
    steps = {"fast": 200_000, "slow": 2_000_000}[protocol]
    return Glass2DRecipe(steps=steps, temperatures=TEMPERATURES, seed=seed)


def order() -> list[tuple[str, int]]:
    """Protocol and index of every trajectory, in the order in which they are made."""
    done = dict.fromkeys(COUNTS, 0)
    made: list[tuple[str, int]] = []
    while len(made) < sum(COUNTS.values()):
        for protocol in _CYCLE:
            if done[protocol] < COUNTS[protocol]:
                made.append((protocol, done[protocol]))
                done[protocol] += 1
    return made
