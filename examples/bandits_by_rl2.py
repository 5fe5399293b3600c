"""Learning to explore: RL² on bandits
===================================

Five machines pay with chances that nobody knows, ten pulls in all. Whoever pulls at random wins five, and
the best strategy that mathematics knows, Gittins' index, about 6.7. RL² is never told how to explore: a
recurrent network plays thousands of such games and is rewarded; what it learns is a strategy for a game
that it meets anew.
"""

import matplotlib.pyplot as plt
import torch

from polytask.core import generator, seeded
from polytask.rl import RL2, Bandits, ProximalTraining
from polytask.rl.bandit_references import gittins_rule, play, random_rule, thompson_rule

torch.set_num_threads(1)
N_PULLS, N_ITERATIONS = 10, 60
world = Bandits(5)
new = world.tasks(4000, generator(1))  # machines that are never trained on

# %%
# Rules that people made
draw = generator(2)
rules = {"at random": random_rule, "Thompson sampling": thompson_rule, "Gittins": gittins_rule(N_PULLS)}
rewards = {name: play(rule, new, N_PULLS, draw) for name, rule in rules.items()}  # [task, pull]

# %%
# A strategy that is learned
with seeded(0):
    learner = RL2(world, width=32)
training_draw, curve = generator(0), []
optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2, eps=1e-5)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, N_ITERATIONS)
training = ProximalTraining(learner, optimizer, n_epochs=4, n_parts=2)
for _ in range(N_ITERATIONS):
    games = learner.collect(world, world.tasks(200, training_draw), n_steps=N_PULLS, generator=training_draw)
    curve.append(float(games.rewards.sum(1).mean()))
    training.step(games, generator=training_draw)
    schedule.step()
rewards["RL²"] = learner.collect(world, new, n_steps=N_PULLS, generator=draw).rewards
total = {name: float(found.sum(1).mean()) for name, found in rewards.items()}
for name, won in total.items():
    print(f"{name:18s} wins {won:.2f} of {N_PULLS} pulls")

# %%
# How it learns, and how it plays
left, right = plt.figure(figsize=(10, 3.5), layout="constrained").subplots(1, 2)
left.plot(curve, color="#1f6fb2")
for name in rules:
    left.axhline(total[name], color="0.6", linestyle=":")
    left.text(0, total[name] + 0.03, name, fontsize=9, color="0.4")
left.set(xlabel="training iteration, 200 games each", ylabel="won of ten pulls")
for name, color in (
    ("at random", "0.6"),
    ("Thompson sampling", "#d98c4a"),
    ("Gittins", "0.3"),
    ("RL²", "#1f6fb2"),
):
    right.plot(range(1, N_PULLS + 1), rewards[name].mean(0), "o-", color=color, label=name, markersize=4)
right.set(xlabel="pull", ylabel="chance of a win")
right.legend(frameon=False)

# %%
# What this page claims, checked:
checks = {
    "it plays better than Thompson sampling": total["RL²"] > total["Thompson sampling"] + 0.1,
    "no strategy beats Gittins by more than chance": total["RL²"] < total["Gittins"] + 0.15,
    "it learns within a game": float(rewards["RL²"][:, -1].mean()) > float(rewards["RL²"][:, 0].mean()) + 0.1,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
