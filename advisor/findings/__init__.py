"""What in a table leads astray: columns that know the answer, and pitfalls, each with the figure that shows it.

Context. A score that is too good is worse than none. What gives it away is often visible before a model is trained.

Decision. Every suspicion is a `Finding`: the pitfall's id in the knowledge base, the columns, a figure and what it
measures, and a question where only the user can know. Signs of a leak add up, because in ten rows no single one is
proof.

Consequences. Nothing is dropped in silence: the question is asked, and the answer decides.

Alternatives. A list of forbidden names (misses what has no such name), a model on each column (needs many rows).
"""

from typing import TYPE_CHECKING

from advisor.column_reader import Glance
from advisor.findings.leaks import all_signs, leaks, names_of, suspected_by_name
from advisor.findings.pitfalls import pitfalls
from advisor.findings.told import sounds_like, told
from advisor.profiling.followers import Following
from advisor.profiling.schema import Finding, Profile

if TYPE_CHECKING:
    import polars as pl

__all__ = ["all_signs", "leaks", "look", "pitfalls", "suspected_by_name"]


def look(
    frame: "pl.DataFrame",
    profile: Profile,
    description: str = "",
    *,
    glance: Glance | None = None,
    follow: Following | None = None,
) -> Profile:
    """The profile with its findings, and the columns that may leak.

    Args:
        frame: the rows that were looked at.
        profile: what was made of them.
        description: the problem in the user's own words.
        glance: what the column reader says, where it was asked.
        follow: which columns follow which, where that is known already.

    >>> import polars as pl
    >>> from advisor.profiling import profile
    >>> frame = pl.DataFrame({"size": [3, 5, 4, 8, 1, 9] * 4, "refund_issued": [0, 1] * 12, "returned": [0, 1] * 12})
    >>> look(frame, profile(frame, target="returned")).leaking
    ('refund_issued',)
    """
    found = list(leaks(frame, profile, description, glance=glance, follow=follow))
    profile = profile._replace(leaking=names_of(found))
    found += pitfalls(frame, profile)
    found += told(frame, profile, description)
    found += sounds_like(glance, {finding.id for finding in found})
    kept: dict[tuple[str, tuple[str, ...]], Finding] = {}
    for finding in found:
        kept.setdefault((finding.id, finding.columns), finding)
    return profile._replace(leaking=names_of(found), findings=tuple(kept.values()))
