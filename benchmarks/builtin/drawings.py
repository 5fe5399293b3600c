"""Train the encoder of drawings that ships in the package.

    python benchmarks/builtin/drawings.py            # about a quarter of an hour of one core
    python benchmarks/builtin/drawings.py --steps 10 --output x.safetensors

Every step draws new classes: characters of the fonts of matplotlib, turned, mirrored and sheared, and strokes
by chance, each several times with other faces, widths and bends. Each drawing is told by the mean of the
other drawings of its class. Real drawings play no part. The same seed on the same machine gives the same
weights, where it has the same precision: 16 bits where they are faster there. They are stored in float16.
"""

import argparse
import hashlib
import time
from pathlib import Path
from typing import Any

import torch
from drawn_points import deformed_points, drawn, turned_points  # beside this file
from safetensors.torch import save
from stroke_points import glyph_points, stroke_classes, stroke_instances
from torch import Tensor
from torch.nn import functional

from polytask.core.files import write_atomically
from polytask.encoders.drawing_network import DrawingNetwork
from polytask.train import faster_precision

WEIGHTS = Path(__file__).parents[2] / "src" / "polytask" / "encoders" / "builtin" / "drawings.safetensors"
N_CLASSES, N_EACH = 96, 4
RATE, SCALE = 2e-3, 16.0


class Drawings:
    """Draws what a step trains on.

    Args:
        glyphs: See `glyph_points`.
        seed: Decides everything.
    """

    def __init__(self, glyphs: list[Tensor], seed: int) -> None:
        self.glyphs = glyphs
        self.draw = torch.Generator().manual_seed(seed)

    def step(self, n_classes: int, n_each: int) -> Tensor:
        """Return ink ``[class * instance, 1, 28, 28]``, by class; half of the classes are characters."""
        n_glyphs = n_classes // 2
        chosen = torch.randperm(len(self.glyphs), generator=self.draw)[:n_glyphs]
        faces = [self._faces(self.glyphs[index], n_each) for index in chosen.tolist()]
        controls, curves = stroke_classes(n_classes - n_glyphs, self.draw)
        strokes = stroke_instances(controls, curves, n_each, self.draw)
        points = turned_points(torch.cat([torch.stack(faces), strokes]), self.draw).flatten(0, 1)
        return drawn(deformed_points(points, self.draw), self.draw)

    def _faces(self, faces: Tensor, n_each: int) -> Tensor:
        return faces[torch.randint(0, len(faces), (n_each,), generator=self.draw)]


def loss_of(vectors: Tensor, n_classes: int) -> tuple[Tensor, float]:
    """Tell each drawing by the means of the classes, its own without it; return loss and accuracy."""
    units = functional.normalize(vectors).view(n_classes, -1, vectors.shape[1])
    sums = units.sum(1)
    means = functional.normalize(sums)
    own = functional.normalize(sums[:, None] - units, dim=2)  # without itself
    cosines = torch.einsum("cid,kd->cik", units, means)
    right = torch.eye(n_classes, dtype=torch.bool)[:, None]  # [class, 1, class]
    cosines = torch.where(right, (units * own).sum(2)[..., None], cosines).flatten(0, 1)
    labels = torch.arange(n_classes).repeat_interleave(units.shape[1])
    accuracy = (cosines.argmax(1) == labels).float().mean().item()
    return functional.cross_entropy(SCALE * cosines, labels), accuracy


def trained(n_steps: int, seed: int) -> DrawingNetwork:
    """Train for a number of steps."""
    torch.manual_seed(seed)
    network: Any = DrawingNetwork()  # the stubs of `to` know no memory format
    network = network.to(memory_format=torch.channels_last)
    drawings = Drawings(glyph_points(), seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=n_steps, pct_start=0.1)
    half = faster_precision(network, torch.rand(N_CLASSES * N_EACH, 1, 28, 28)) == "bf16-mixed"
    start, seen = time.process_time(), []
    for step in range(n_steps):
        ink = drawings.step(N_CLASSES, N_EACH).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            vectors = network(ink)
        loss, accuracy = loss_of(vectors.float(), N_CLASSES)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        seen.append(accuracy)
        if (step + 1) % 50 == 0:
            took = time.process_time() - start
            print(f"step {step + 1}: {sum(seen[-50:]) / 50:.3f} right, {took:.0f} s", flush=True)
    return network.eval()


def content_of(network: DrawingNetwork) -> bytes:
    """Return weights in float16, without counters."""
    named = {
        name: tensor.half().contiguous()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }
    return save(named)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    asked = parser.parse_args()
    content = content_of(trained(asked.steps, asked.seed))
    write_atomically(asked.output, lambda out: out.write(content))
    print(f"{asked.output}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
