"""A generative adversarial network on tensor_core that starts from a Gaussian of each kind, and learns what it misses.

Goodfellow et al. (2014), with the hinge losses of Lim and Ye (2017). The generator is μ + L·z + a network of (z, kind),
whose last layer starts at nought: the first made-up rows are those of the Gaussians, and from there it is pushed by a
critic that sees rows together with their kind. The weights that are kept are an average over the steps (Yazıcı et al.,
2019).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import training

Matrix = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.int64]

BETAS = (0.5, 0.9)  # of Adam: little momentum, as the two networks chase each other
KEPT = 0.995  # of the averaged weights at every step
FIRST_STEPS = 100  # in which only the critic learns
CRITIC_RATE = 3  # times that of the generator
BLUR = (
    0.3  # spread of the noise that real and made-up rows are shown with, so that the critic cannot learn rows by heart
)


class Base(NamedTuple):
    """The Gaussian of each kind: means (kinds × features), lower triangles (kinds × features × features)."""

    means: tc.Tensor
    factors: tc.Tensor


def base(inputs: Matrix, kinds: Kinds, number: int, *, shrinkage: float) -> Base:
    """Returns the Gaussians of the kinds; each covariance is drawn by `shrinkage` towards the pooled one."""
    means = np.stack([inputs[kinds == kind].mean(axis=0) for kind in range(number)])
    centred = inputs - means[kinds]
    pooled = centred.T @ centred / len(inputs)
    factors = []
    for kind in range(number):
        own = centred[kinds == kind]
        covariance = (1 - shrinkage) * (own.T @ own / max(1, len(own))) + shrinkage * pooled
        values, vectors = np.linalg.eigh(covariance)
        factors.append(vectors * np.sqrt(np.clip(values, 0, None)))
    return Base(tc.as_tensor(means.astype(np.float32)), tc.as_tensor(np.stack(factors).astype(np.float32)))


class Generator(tc.nn.Module):
    """Noise and kind in, a row out."""

    def __init__(self, base: Base, *, hidden: int) -> None:
        """Takes the Gaussians; the network that is added to them starts at nought."""
        super().__init__()
        self.base = base
        kinds, features = base.means.shape
        self.first = tc.nn.Linear(features + kinds, hidden)
        self.second = tc.nn.Linear(hidden, hidden)
        self.last = tc.nn.Linear(hidden, features)
        with tc.no_grad():
            for parameter in self.last.parameters():
                parameter.zero_()

    def forward(self, noise: tc.Tensor, kinds: tc.Tensor) -> tc.Tensor:
        """Returns rows (n × features) for noise (n × features) and kinds (n)."""
        which = tc.one_hot(kinds, self.base.means.shape[0]).to(noise.dtype)
        spread = tc.einsum("nfg,ng->nf", self.base.factors[kinds], noise)
        inner = tc.relu(self.second(tc.relu(self.first(tc.cat([noise, which], 1)))))
        found: tc.Tensor = self.base.means[kinds] + spread + self.last(inner)
        return found


class Critic(tc.nn.Module):
    """A row and its kind in, how real it looks out."""

    def __init__(self, features: int, kinds: int, *, hidden: int) -> None:
        """Makes a perceptron of two hidden layers."""
        super().__init__()
        self.net = tc.nn.Sequential(
            tc.nn.Linear(features + kinds, hidden), tc.nn.ReLU(), tc.nn.Dropout(0.3),
            tc.nn.Linear(hidden, hidden), tc.nn.ReLU(), tc.nn.Dropout(0.3), tc.nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, rows: tc.Tensor, which: tc.Tensor) -> tc.Tensor:
        """Returns a number for each row."""
        found: tc.Tensor = self.net(tc.cat([rows, which], 1))
        return found


def train(
    maker: Generator,
    inputs: Matrix,
    kinds: Kinds,
    *,
    steps: int,
    batch: int,
    rate: float,
    generator: np.random.Generator,
) -> Iterator[float]:
    """Yields the critic's loss after each step; once closed or used up, the generator holds its averaged weights."""
    features, number = inputs.shape[1], maker.base.means.shape[0]
    critic = Critic(features, number, hidden=128)
    adam = tc.optim.Adam(maker.parameters(), lr=rate, betas=BETAS)
    adam_critic = tc.optim.Adam(critic.parameters(), lr=CRITIC_RATE * rate, betas=BETAS)
    rows = tc.as_tensor(inputs.astype(np.float32))
    averaged = training.snapshot(maker)

    def noise() -> tc.Tensor:
        drawn: tc.Tensor = tc.as_tensor(generator.normal(size=(batch, features)).astype(np.float32))
        return drawn

    try:
        for step in range(steps):
            chosen = generator.integers(0, len(kinds), batch)
            kind = tc.as_tensor(kinds[chosen])
            which = tc.one_hot(kind, number).to(tc.float32)
            with tc.no_grad():
                made = maker(noise(), kind)
            adam_critic.zero_grad()
            real = critic(rows[tc.as_tensor(chosen)] + BLUR * noise(), which)
            loss = (1 - real).relu().mean() + (1 + critic(made + BLUR * noise(), which)).relu().mean()
            loss.backward()
            adam_critic.step()
            if step >= FIRST_STEPS:
                adam.zero_grad()
                critic(maker(noise(), kind) + BLUR * noise(), which).mean().neg().backward()
                adam.step()
            with tc.no_grad():
                for name, value in maker.state_dict().items():
                    averaged[name] = averaged[name] * KEPT + value.detach() * (1 - KEPT)
            yield loss.item()
    finally:
        maker.load_state_dict(averaged)
