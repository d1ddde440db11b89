"""A candidate: a rule that holds on the rows searched, not yet verified on others."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from advisor.proof.sample import Codes
    from models.kit.rules import Expression, Input

Form = Literal["lookup", "formula", "limits", "text", "tree"]


class Candidate(NamedTuple):
    """A rule that may hold; `rebuild` makes it anew from other rows, where it lists what stands in rows."""

    form: Form
    inputs: "tuple[Input, ...]"
    expression: "Expression"
    rebuild: "Callable[[Codes], Expression] | None" = None

    @property
    def cost(self) -> int:
        """How long the rule is: the numbers, texts and columns in it, a column counting twice."""
        return sum(1 for _ in _leaves(self.expression)) + 2 * len(self.inputs)


def _leaves(part: Any) -> Iterator[Any]:
    if isinstance(part, list):
        for each in part:
            yield from _leaves(each)
    else:
        yield part


def merged(*groups: "tuple[Input, ...]") -> "tuple[Input, ...] | None":
    """The inputs of several parts together, each once; None where a column is read in two ways.

    >>> from models.kit.rules import Input
    >>> a = Input("a", "number", ".")
    >>> merged((a,), (a,)), merged((a,), (Input("a", "text"),))
    ((Input(name='a', kind='number', form='.'),), None)
    """
    found: dict[str, Any] = {}
    for each in (one for group in groups for one in group):
        if found.setdefault(each.name, each) != each:
            return None
    return tuple(found.values())
