"""Which tasks together?
=====================

Six targets of one table. Three follow from one hidden factor of the inputs, three from another, and
labels are few. `polytask.relate` trains every pair of targets shortly, measures how much each helps the
other, and deals them into groups; the picture is its table of help.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import polytask

draw = np.random.default_rng(0)
N_ROWS, N_INPUTS = 240, 16
FAMILIES = {"wind": ("sail", "kite", "mill"), "rain": ("river", "crop", "roof")}


def table() -> pd.DataFrame:
    """Return rows whose targets follow from two hidden factors, three from each."""
    inputs = draw.normal(size=(N_ROWS, N_INPUTS))
    columns = {f"x{i}": inputs[:, i] for i in range(N_INPUTS)}
    for names in FAMILIES.values():
        factor = np.tanh(inputs @ draw.normal(size=N_INPUTS) / 2)
        for name in names:
            labels = draw.uniform(1, 3) * factor + 0.3 * draw.normal(size=N_ROWS)
            columns[name] = np.where(draw.random(N_ROWS) < 0.25, labels, np.nan)  # most are missing
    return pd.DataFrame(columns)


# %%
# Related
targets = [name for names in FAMILIES.values() for name in names]
found = polytask.relate(table(), [f"{name}:regression" for name in targets], seed=0)
print(found)
matrix = found.affinity.to_frame().reindex(index=targets, columns=targets).to_numpy(float)

# %%
# The table of help
limit = np.nanmax(np.abs(matrix))
axes = plt.figure(figsize=(5, 4), layout="constrained").subplots()
image = axes.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit)
axes.set_xticks(range(6), targets, rotation=30)
axes.set_yticks(range(6), targets)
axes.set_title("three targets of the wind, three of the rain")
plt.colorbar(image, ax=axes, label="help, %")

# %%
# What this page claims, checked:
within, across = [], []
for i, one in enumerate(targets):
    for j, other in enumerate(targets):
        if i != j and np.isfinite(matrix[i, j]):
            kin = any({one, other} <= set(names) for names in FAMILIES.values())
            (within if kin else across).append(matrix[i, j])
print(f"help among kin {np.mean(within):+.1f} %, among strangers {np.mean(across):+.1f} %")
checks = {
    "kin help each other more than strangers do": bool(np.mean(within) > np.mean(across) + 1),
    "every target is in one group": sorted(name for group in found.groups for name in group)
    == sorted(targets),
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
