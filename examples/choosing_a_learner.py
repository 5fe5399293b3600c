"""Choosing a learner for a new task
=================================

No learner is the best on all tasks. Eight learners run on thirty known tasks, which is logged; for a new
task there is time for three of them. A portfolio takes three that leave no known task badly served; a
warm start asks which known tasks the new one resembles. Beside them: the one learner that is best on
average, and three at random.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from polytask.core import Batch, Task
from polytask.selection import RunLog, greedy_portfolio, task_features, warm_start

torch.set_num_threads(1)
LEARNERS = {
    "ridge, weak": lambda: Ridge(0.1),
    "ridge, strong": lambda: Ridge(100.0),
    "kernel, wide": lambda: KernelRidge(kernel="rbf").set_params(alpha=0.1, gamma=0.02),
    "kernel, narrow": lambda: KernelRidge(kernel="rbf").set_params(alpha=0.1, gamma=0.5),
    "3 neighbours": lambda: KNeighborsRegressor(3),
    "20 neighbours": lambda: KNeighborsRegressor(20),
    "tree": lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
    "extra trees": lambda: ExtraTreesRegressor(20, random_state=0),
}
TASK, N_TASKS, N_TRIES = Task(name="y", kind="regression"), 45, 3
FORMS = ("linear", "wavy", "steps", "noise")


def task(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows and answers to learn from and to be judged by, of a form that varies with the number."""
    draw = np.random.default_rng(number)
    n, width = int(draw.integers(40, 160)), int(draw.integers(2, 12))
    x, slope = draw.normal(size=(n + 300, width)), draw.normal(size=width)
    signal = x @ slope / np.linalg.norm(slope)
    form = FORMS[number % len(FORMS)]
    y = {"linear": signal, "wavy": np.sin(3 * signal), "steps": np.sign(x[:, 0]) + np.sign(x[:, 1])}.get(
        form, 0 * signal
    )
    y = y + (1.0 if form == "noise" else 0.2) * draw.normal(size=n + 300) + (signal if form == "noise" else 0)
    return x[:n], y[:n], x[n:], y[n:]


# %%
# The log: every learner on every task
errors, described = [], []
for number in range(N_TASKS):
    x, y, x_new, y_new = task(number)
    errors.append(
        [float(np.mean((make().fit(x, y).predict(x_new) - y_new) ** 2)) for make in LEARNERS.values()]
    )
    batch = Batch(
        inputs=torch.tensor(x, dtype=torch.float32), targets={"y": torch.tensor(y, dtype=torch.float32)}
    )
    described.append(task_features(TASK, batch))
scores = torch.tensor(errors)
log = RunLog(
    tasks=tuple(f"task {number}" for number in range(30)),
    configurations=tuple(LEARNERS),
    scores=scores[:30],
    higher_is_better=False,
    feature_names=described[0].names,
    features=torch.stack([one.values for one in described[:30]]),
)

# %%
# Fifteen new tasks
span = scores[30:].amax(1) - scores[30:].amin(1)
regret = (scores[30:] - scores[30:].amin(1, keepdim=True)) / span[:, None]  # [task, learner]: 0 best, 1 worst
names = list(LEARNERS)
portfolio = [names.index(name) for name in greedy_portfolio(log, size=N_TRIES).configurations]
best_single = int(log.regrets().mean(0).argmin())
warm = [[names.index(name) for name in warm_start(log, one, size=N_TRIES)] for one in described[30:]]
draw = torch.Generator().manual_seed(0)
random = [torch.randperm(len(names), generator=draw)[:N_TRIES].tolist() for _ in range(15 * 20)]
found = {
    "best on average, alone": float(regret[:, best_single].mean()),
    "three at random": float(
        np.mean([float(regret[i % 15, chosen].min()) for i, chosen in enumerate(random)])
    ),
    "portfolio of three": float(regret[:, portfolio].amin(1).mean()),
    "warm start, three": float(
        np.mean([float(row[chosen].min()) for row, chosen in zip(regret, warm, strict=True)])
    ),
}
print("the portfolio:", ", ".join(names[index] for index in portfolio))
for name, value in found.items():
    print(f"{name:24s} mean regret {value:.3f}")
left, right = plt.figure(figsize=(10, 3.6), layout="constrained").subplots(1, 2, width_ratios=(3, 2))
image = left.imshow(log.regrets().T.numpy(), aspect="auto", cmap="magma_r")
left.set_yticks(range(len(names)), names)
left.set(xlabel="known task", title="regret of each learner: dark is bad")
right.barh(list(found), list(found.values()), color="#1f6fb2")
right.invert_yaxis()
right.set(xlabel="mean regret on 15 new tasks")

# %%
# What this page claims, checked:
checks = {
    "three of a portfolio beat the best single one": found["portfolio of three"]
    < found["best on average, alone"],
    "and three at random": found["portfolio of three"] < found["three at random"],
    "so does a warm start": found["warm start, three"] < found["three at random"],
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
