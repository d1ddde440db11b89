"""Recurrent cells and layers: GRU (Cho et al. 2014, with the reset gate after the product, as torch has it) and LSTM
(Hochreiter and Schmidhuber 1997, with Gers' forget gate). Parameters are named and ordered as torch's."""

import math
from typing import Any

from tensor_core.creation import empty
from tensor_core.nn.init import uniform_
from tensor_core.nn.module import Module, Parameter
from tensor_core.ops.join import cat
from tensor_core.ops.recurrent import gru, lstm
from tensor_core.tensor import Tensor


class _Recurrent(Module):
    """Weights for the input and for the state, with biases, for `gates` gates."""

    gates: int

    def __init__(self, input_size: int, hidden_size: int, *, device: Any = None, dtype: Any = None) -> None:
        """Draw all weights uniformly within 1/√`hidden_size` of 0."""
        self.hidden_size = hidden_size
        rows = self.gates * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        self.bias_ih = Parameter(empty(rows, device=device, dtype=dtype))
        self.bias_hh = Parameter(empty(rows, device=device, dtype=dtype))
        bound = 1 / math.sqrt(hidden_size) if hidden_size else 0.0
        for parameter in self.parameters():
            uniform_(parameter, -bound, bound)

    def start(self, x: Tensor) -> Tensor:
        """A state of zeros for a batch like `x`."""
        zeros: Tensor = x.new_zeros(*x.shape[:-1], self.hidden_size)
        return zeros

    def _weights(self) -> tuple[Tensor, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _settings(self) -> str:
        return f"{self.weight_ih.shape[1]}, {self.hidden_size}"


class GRUCell(_Recurrent):
    """One step of a gated recurrent unit.

    >>> from tensor_core import ones
    >>> GRUCell(3, 4)(ones(2, 3)).shape
    torch.Size([2, 4])
    """

    gates = 3

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """The next state (rows, hidden) from the input (rows, features) and the state, by default of zeros."""
        h = self.start(x) if h is None else h
        return gru(x[None], h, *self._weights())[0]


class LSTMCell(_Recurrent):
    """One step of a long short-term memory.

    >>> from tensor_core import ones
    >>> [part.shape for part in LSTMCell(3, 4)(ones(2, 3))]
    [torch.Size([2, 4]), torch.Size([2, 4])]
    """

    gates = 4

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next state and memory (rows, hidden) from the input (rows, features) and both, by default of zeros."""
        both = cat((self.start(x), self.start(x)) if state is None else state, -1)
        h, c = lstm(x[None], both, *self._weights())[0].chunk(2, -1)
        return h, c


class GRU(GRUCell):
    """A gated recurrent unit over a sequence; the inputs' product is one for all steps.

    >>> from tensor_core import ones
    >>> outputs, last = GRU(3, 4)(ones(7, 2, 3))
    >>> outputs.shape, last.shape
    (torch.Size([7, 2, 4]), torch.Size([2, 4]))
    """

    def forward(self, x: Tensor, h: Tensor | None = None) -> Any:
        """All states (steps, rows, hidden) and the last one, from inputs (steps, rows, features)."""
        h = self.start(x[0]) if h is None else h
        states = gru(x, h, *self._weights())
        return states, states[-1]


class LSTM(LSTMCell):
    """A long short-term memory over a sequence; the inputs' product is one for all steps.

    >>> from tensor_core import ones
    >>> outputs, (h, c) = LSTM(3, 4)(ones(7, 2, 3))
    >>> outputs.shape, c.shape
    (torch.Size([7, 2, 4]), torch.Size([2, 4]))
    """

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> Any:
        """All states (steps, rows, hidden) and the last state and memory, from inputs (steps, rows, features)."""
        both = cat((self.start(x[0]), self.start(x[0])) if state is None else state, -1)
        outputs, memories = lstm(x, both, *self._weights()).chunk(2, -1)
        return outputs, (outputs[-1], memories[-1])
