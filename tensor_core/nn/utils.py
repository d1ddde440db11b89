"""Parameters taken together, under the names that torch has here."""

from collections.abc import Iterable

from tensor_core.autograd import no_grad
from tensor_core.ops.join import cat
from tensor_core.optim import clip_grad_norm_ as clip_grad_norm_
from tensor_core.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All entries of the parameters, one after the other.

    >>> import tensor_core as tc
    >>> parameters_to_vector([tc.zeros(2), tc.ones(1, 2)])
    tensor([0., 0., 1., 1.])
    """
    return cat([param.reshape(-1) for param in parameters])


@no_grad()
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the entries of a vector into the parameters, one after the other.

    >>> import tensor_core as tc
    >>> one, other = tc.zeros(2), tc.zeros(1, 2)
    >>> vector_to_parameters(tc.tensor([1.0, 2.0, 3.0, 4.0]), [one, other])
    >>> one, other
    (tensor([1., 2.]), tensor([[3., 4.]]))
    """
    held = list(parameters)
    parts = vec.split([param.numel() for param in held])
    for param, part in zip(held, parts, strict=True):
        param.copy_(part.reshape(param.shape))
