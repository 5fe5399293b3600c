"""A new speaker
=============

Five words, three recordings of each by someone who was never heard before: `polytask.adapt` makes a
recognizer of them in one call, with an encoder that needs no training. The voices are made up here (a
buzz whose resonances glide, as vowels do), so that the page needs no data; the same call takes folders of
WAV files. Labels of another voice are not as good as few of one's own.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import polytask
from polytask.data import Sound
from polytask.encoders import LogMelStatistics

RATE, SECONDS = 8000, 0.5
WORDS = {  # two resonances in Hz, where they begin and where they end
    "ah-ee": ((700, 300), (1100, 2300)),
    "ee-ah": ((300, 700), (2300, 1100)),
    "oo-ee": ((320, 300), (800, 2300)),
    "ah-oo": ((700, 320), (1100, 800)),
    "eh-oh": ((530, 500), (1850, 900)),
}


def recording(word: str, voice: int, number: int) -> Sound:
    """Return a word by a voice, which has a pitch and a size of its own; every recording differs a little."""
    own, draw = np.random.default_rng(voice), np.random.default_rng((voice, number, list(WORDS).index(word)))
    pitch, size = own.uniform(90, 240), own.uniform(0.8, 1.25)
    time = np.arange(int(RATE * SECONDS)) / RATE
    glide = np.clip((time / SECONDS - draw.uniform(0.2, 0.4)) / 0.3, 0, 1)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.05 * draw.normal() + 0.1 * np.sin(6 * time)) / RATE)
    sound = np.zeros_like(time)
    for harmonic in range(1, int(RATE / 2 / pitch)):
        frequency = harmonic * pitch
        loud = sum(np.exp(-(((frequency - size * (a + (b - a) * glide)) / 120) ** 2)) for a, b in WORDS[word])
        sound += (loud + 0.01) * np.sin(harmonic * phase)
    sound = sound / np.abs(sound).max() + draw.uniform(0.02, 0.1) * draw.normal(size=len(time))
    return Sound((0.7 * sound / np.abs(sound).max()).astype(np.float32), RATE)


def said(voice: int, numbers: range) -> dict[str, list[Sound]]:
    return {word: [recording(word, voice, number) for number in numbers] for word in WORDS}


def accuracy(few: dict[str, list[Sound]], voice: int) -> float:
    """Return how many of twenty other recordings of each word a recognizer of these examples gets right."""
    asked = said(voice, range(100, 108))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few examples are few: how sure it is, is not asked here
        recognizer = polytask.adapt(few, encoder="log-mel-statistics", head="class-means")
        found = recognizer.predict([sound for sounds in asked.values() for sound in sounds])
    truth = [word for word, sounds in asked.items() for _ in sounds]
    return float(np.mean([one == other for one, other in zip(found["class"], truth, strict=True)]))


# %%
# Own examples, or another voice's
VOICES, SHOTS = (1, 2, 3, 4), (1, 3, 8)
own = {shots: [accuracy(said(voice, range(shots)), voice) for voice in VOICES] for shots in SHOTS}
other = {shots: [accuracy(said(voice + 10, range(shots)), voice) for voice in VOICES] for shots in SHOTS}
for shots in SHOTS:
    print(
        f"{shots} of each: own {np.mean(own[shots]):.2f}, another voice's {np.mean(other[shots]):.2f} right"
    )

# %%
# What is heard: the same word by two voices, and what the examples are worth
figure = plt.figure(figsize=(10, 3.2), layout="constrained")
first, second, third = figure.subplots(1, 3, width_ratios=(1, 1, 1.2))
for axes, voice in ((first, 1), (second, 2)):
    axes.specgram(recording("ah-ee", voice, 0).samples, NFFT=256, Fs=RATE, noverlap=192, cmap="magma")
    axes.set(xlabel="seconds", ylabel="Hz", title=f'"ah-ee" by voice {voice}')
for name, found, color in (("own voice", own, "#1f6fb2"), ("another voice", other, "#d98c4a")):
    third.plot(SHOTS, [100 * np.mean(found[shots]) for shots in SHOTS], "o-", color=color, label=name)
third.axhline(20, color="0.7", linestyle=":")
third.set(xlabel="examples of each word", ylabel="right answers, %", xticks=SHOTS, ylim=(0, 102))
third.legend(frameon=False, loc="lower right")
width = LogMelStatistics().width

# %%
# What this page claims, checked:
checks = {
    "three own examples are enough for most": float(np.mean(own[3])) > 0.8,
    "own examples are better than another voice's": float(np.mean(own[3])) > float(np.mean(other[3])) + 0.05,
    "the encoder needs no training": width > 0,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))
