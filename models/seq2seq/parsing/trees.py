"""Trees over the words of a sentence: the best one, given how good each arc is.

Chu and Liu (1965), On the Shortest Arborescence of a Directed Graph; Edmonds (1967), Optimum Branchings; with one root,
as in Zmigrod, Vieira and Cotterell (2020), Please Mind the Root: where several words hang on the root, each in turn is
made the only one.
"""

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Heads = npt.NDArray[np.int64]


def best(scores: Scores) -> Heads:
    """Returns the head of each word (0: the root, else the number of a word from 1) in the best tree with one root.

    scores[h, d]: how good it is that word d has the head h, of shape (words + 1, words + 1); column 0 is not looked at.

    >>> best(np.array([[0.0, 5.0, 4.0], [0.0, 0.0, 1.0], [0.0, 3.0, 0.0]])).tolist()
    [2, 0]
    """
    scores = np.array(scores, dtype=np.float64)
    np.fill_diagonal(scores, -np.inf)
    heads = arborescence(scores)
    roots = np.flatnonzero(heads[1:] == 0) + 1
    if roots.size == 1:
        return heads[1:]
    found: tuple[float, Heads] | None = None
    for root in range(1, len(scores)):
        only = scores.copy()
        only[0, 1:] = -np.inf
        only[0, root] = scores[0, root]
        heads = arborescence(only)
        value = float(only[heads[1:], np.arange(1, len(only))].sum())
        if found is None or value > found[0]:
            found = value, heads
    return heads[1:] if found is None else found[1][1:]


def arborescence(scores: Scores) -> Heads:
    """Returns the head of each node in the best tree that begins at node 0, by contracting circles; node 0 has −1.

    >>> arborescence(np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 9.0], [0.0, 9.0, 0.0]])).tolist()
    [-1, 0, 1]
    """
    heads: Heads = scores.argmax(axis=0)
    heads[0] = -1
    circle = _circle(heads)
    if circle is None:
        return heads
    inside = np.zeros(len(scores), dtype=bool)
    inside[circle] = True
    outside = np.flatnonzero(~inside)
    within = scores[heads[circle], circle]
    # the circle becomes one node, the last: to enter it at a word costs the arc of the circle that ended there
    entering = scores[np.ix_(outside, circle)] - within
    leaving = scores[np.ix_(circle, outside)]
    size = outside.size + 1
    smaller = np.full((size, size), -np.inf)
    smaller[:-1, :-1] = scores[np.ix_(outside, outside)]
    smaller[:-1, -1] = entering.max(axis=1)
    smaller[-1, :-1] = leaving.max(axis=0)
    solved = arborescence(smaller)
    result = np.full(len(scores), -1)
    result[circle] = heads[circle]
    for place, head in enumerate(solved[:-1].tolist()):
        if head >= 0:
            result[outside[place]] = outside[head] if head < size - 1 else circle[int(leaving[:, place].argmax())]
    enters = int(solved[-1])
    result[circle[int(entering[enters].argmax())]] = outside[enters]
    return result


def _circle(heads: Heads) -> Heads | None:
    """Returns the nodes of one circle, or None."""
    seen = np.zeros(heads.size, dtype=np.int64)
    for start in range(1, heads.size):
        node = start
        while node > 0 and not seen[node]:
            seen[node] = start
            node = int(heads[node])
        if node > 0 and seen[node] == start:
            circle = [node]
            while heads[circle[-1]] != node:
                circle.append(int(heads[circle[-1]]))
            return np.array(circle)
    return None
