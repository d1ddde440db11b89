"""Whether compiling a step repays itself: measured on the steps that were run, never assumed.

What compiling costs is the median seconds a graph node of what was compiled on this machine before, as the notes beside
the artefacts tell; what it saves is a share of each remaining step, cautious before the first captured step and
measured after it.
"""

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

_PLAIN_STEPS = 3  # timed before anything is decided
_CAPTURED_STEPS = 5  # timed before a captured step that is slower than the plain one is given up
_SHARE_SAVED = 0.3  # of a step; what was measured is 0.1 (one big product) to 0.9 (many small ops)
_TRACE_SECONDS = 2.0
_SECONDS_A_NODE = 0.08  # on a machine where nothing was compiled yet; 2 shared cores took 0.03 to 0.12
_NOTES_READ = 16


class Judge:
    """Times steps of each kind and says when to trace, when to compile, and whether it was worth it."""

    def __init__(self, steps: int) -> None:
        """Expect `steps` calls in all."""
        self.remaining = steps
        self.plain: dict[Any, list[float]] = defaultdict(list)
        self.captured: dict[Any, list[float]] = defaultdict(list)

    def took(self, kind: Any, seconds: float, *, captured: bool) -> None:
        """Note what a call took."""
        times = (self.captured if captured else self.plain)[kind]
        if len(times) < 2 * _CAPTURED_STEPS:
            times.append(seconds)
        self.remaining -= 1

    def savings(self, kind: Any) -> float:
        """Seconds that a compiled step would save in the remaining calls; 0 before enough steps were timed."""
        times = self.plain[kind][1:]  # the first one warms up
        return statistics.median(times) * _SHARE_SAVED * self.remaining if len(times) >= _PLAIN_STEPS else 0.0

    def wants_trace(self, kind: Any) -> bool:
        """Whether to look what compiling would cost."""
        return self.savings(kind) > _TRACE_SECONDS

    def wants_compile(self, kind: Any, nodes: int, notes: Path) -> bool:
        """Whether the remaining calls repay compiling a graph of that many nodes."""
        return self.savings(kind) > nodes * _seconds_a_node(notes)

    def keeps(self, kind: Any) -> bool:
        """Whether the compiled step is faster than the plain one, as far as is known."""
        plain, captured = self.plain[kind][1:], self.captured[kind][1:]
        if len(captured) < _CAPTURED_STEPS or not plain:
            return True
        return statistics.median(captured) <= statistics.median(plain)


def _seconds_a_node(notes: Path) -> float:
    """What compiling took here for each node of a graph, in the median of the latest artefacts."""
    found = []
    for path in sorted(notes.glob("*/note.json"), key=lambda p: p.stat().st_mtime)[-_NOTES_READ:]:
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            found.append(float(note["seconds"]) / int(note["nodes"]))
        except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
            continue
    return statistics.median(found) if found else _SECONDS_A_NODE
