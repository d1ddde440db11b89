"""Fourier transforms along one dimension (Cooley and Tukey 1965), under torch's names.

Gradients use that the transform is a symmetric matrix, and that the walk conjugates what complex results receive.
"""

import math

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.convolution import pad
from tensor_core.tensor import Tensor


def _fft_slope(grad: Array, dim: int, inverse: bool) -> Array:
    return _fft(grad, dim, inverse)


@op(input=_fft_slope)
def _fft(input: Array, dim: int, inverse: bool) -> Array:
    return torch.fft.ifft(input, dim=dim) if inverse else torch.fft.fft(input, dim=dim)


@op(input=lambda grad, dim, shape: _fft_slope(_sized(grad, shape[dim], dim), dim, False).real)
def _rfft(input: Array, dim: int) -> Array:
    return torch.fft.rfft(input, dim=dim)


def _irfft_slope(grad: Array, dim: int, n: int) -> Array:
    """Every frequency but the first, and the last of an even length, stands for two."""
    count = n // 2 + 1
    twice = torch.full((count,), 2.0 / n, dtype=grad.dtype, device=grad.device)
    twice.narrow(0, 0, 1).fill_(1.0 / n)
    if n % 2 == 0:
        twice.narrow(0, -1, 1).fill_(1.0 / n)
    shares = twice.reshape(-1, *[1] * (-1 - dim if dim < 0 else grad.dim() - 1 - dim))
    return _rfft(grad, dim) * (Tensor.handle(shares) if isinstance(grad, Tensor) else shares)


@op(input=_irfft_slope)
def _irfft(input: Array, dim: int, n: int) -> Array:
    return torch.fft.irfft(input, n, dim)


def _sized(array: Array, size: int, dim: int) -> Array:
    """`array` cut off or filled with zeros to `size` along `dim`."""
    if array.shape[dim] == size:
        return array
    after = size - array.shape[dim]
    behind = -1 - dim if dim < 0 else array.dim() - 1 - dim
    widths = [0, 0] * behind + [0, after]
    return pad(array, widths) if isinstance(array, Tensor) else torch.constant_pad_nd(array, widths)


def _scaled(out: Tensor, n: int, norm: str | None, inverse: bool) -> Tensor:
    """`out` with the factor that `norm` asks for in place of 1/n for the inverse."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f"norm is backward, ortho or forward, not {norm!r}")
    if norm == "ortho":
        return out * math.sqrt(n if inverse else 1 / n)
    return out if norm != "forward" else out * n if inverse else out / n


def _transformed(input: Tensor, n: int | None, dim: int, norm: str | None, inverse: bool) -> Tensor:
    sized = _sized(_complex(input), input.shape[dim] if n is None else n, dim)
    return _scaled(_fft(sized, dim, inverse), sized.shape[dim], norm, inverse)


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The frequencies of `input` along `dim`, cut off or filled up to length `n` first.

    >>> import tensor_core as tc
    >>> fft(tc.tensor([1.0, 1.0]))
    tensor([2.+0.j, 0.+0.j])
    """
    return _transformed(input, n, dim, norm, False)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The signal with the frequencies `input`.

    >>> import tensor_core as tc
    >>> ifft(tc.tensor([2.0, 0.0]))
    tensor([1.+0.j, 1.+0.j])
    """
    return _transformed(input, n, dim, norm, True)


def _complex(input: Tensor) -> Tensor:
    if input.is_complex():
        return input
    converted: Tensor = input.to(torch.complex128 if input.dtype == torch.float64 else torch.complex64)
    return converted


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The frequencies of a real signal, from 0 to half its length.

    >>> import tensor_core as tc
    >>> rfft(tc.tensor([1.0, 0.0, 1.0, 0.0]))
    tensor([2.+0.j, 0.+0.j, 2.+0.j])
    """
    floating = input if input.is_floating_point() else input.to(torch.get_default_dtype())
    sized = _sized(floating, input.shape[dim] if n is None else n, dim)
    return _scaled(_rfft(sized, dim), sized.shape[dim], norm, False)


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real signal of length `n` with the frequencies `input`.

    >>> import tensor_core as tc
    >>> irfft(tc.tensor([2 + 0j, 0j, 2 + 0j]))
    tensor([1., 0., 1., 0.])
    """
    length = 2 * (input.shape[dim] - 1) if n is None else n
    return _scaled(_irfft(_sized(_complex(input), length // 2 + 1, dim), dim, length), length, norm, True)


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = True,
    return_complex: bool | None = True,
) -> Tensor:
    """The frequencies of overlapping windows of a real signal (…, samples): (…, frequencies, windows).

    >>> import tensor_core as tc
    >>> stft(tc.ones(8), 4, window=tc.ones(4)).shape
    torch.Size([3, 9])
    """
    if onesided is False or return_complex is False:
        raise ValueError("stft: only onesided=True and return_complex=True; a real signal's other side is its mirror")
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    if not 0 < width <= n_fft or hop < 1:
        raise ValueError(f"stft: 0 < win_length ({width}) <= n_fft ({n_fft}) and 0 < hop_length ({hop}) must hold")
    shape = Tensor.handle(torch.ones(width, dtype=input.dtype, device=input.device)) if window is None else window
    if width < n_fft:
        left = (n_fft - width) // 2
        shape = pad(shape, [left, n_fft - width - left])
    if center:
        input = pad(input, [n_fft // 2, n_fft // 2], pad_mode)
    frequencies = rfft(input.unfold(-1, n_fft, hop) * shape, norm="ortho" if normalized else None)
    turned: Tensor = frequencies.transpose(-1, -2)
    return turned
