"""Numbers of some methods on the same subjects, as the tables of a benchmark take them."""

# mypy: no-check-untyped-defs
import numpy as np
import pandas as pd


def cases(*names, seed=0):
    """Return SSIM of eight subjects by each method; a later one is better by .1."""
    rng = np.random.default_rng(seed)
    rows = [
        {"row": name, "seed": 0, "direction": "T1 to T2", "case": f"c{s}", "subject": f"s{s}"}
        | {"ssim": 0.5 + 0.1 * names.index(name) + 0.01 * rng.normal()}
        for name in names
        for s in range(8)
    ]
    return pd.DataFrame(rows)
