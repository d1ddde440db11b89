"""A profile as text for a terminal."""

from collections.abc import Callable, Iterator

from advisor.profiling.schema import Column, Profile
from advisor.render import seen, wrap

MOST_KINDS = 3  # of a column, as long as they are likely
LIKELY = 0.15
MOST_CANDIDATES = 3
MOST_FINDINGS = 8
_ROLES = ("time", "group", "item", "query", "position", "source", "weight", "split", "event")

Style = Callable[[str], str]


def terminal(profile: Profile, *, width: int, bold: Style = str, dim: Style = str) -> str:
    """The columns with their kinds, the likely target and why, the other roles, and what to beware of.

    >>> import advisor, polars as pl
    >>> table = pl.DataFrame({"house_id": [1, 2, 3], "price": [90.5, 120.0, 99.9]})
    >>> print(terminal(advisor.profile(table, description="Guess the price."), width=80).splitlines()[0])
    3 rows, 2 columns
    """
    lines = [bold(f"{profile.rows:,} row{'s' * (profile.rows != 1)}, {len(profile.columns):,} columns"), ""]
    longest = min(max(len(seen(column.name)) for column in profile.columns), max(width // 3, 12))
    for column in profile.columns:
        lines += wrap(f"{seen(column.name):{longest}s}", _about(column), width, indent=longest + 4)
    sections = [
        ("Target", [line for text in _targets(profile) for line in wrap("-", text, width)]),
        ("Roles", [line for name, text in _roles(profile) for line in wrap(f"{name}:", text, width)]),
        ("Words and table disagree", [line for each in profile.contradictions for line in wrap("-", each.so, width)]),
        ("Beware", [line for text in _warnings(profile) for line in wrap("-", text, width)]),
        ("Read", [line for note in profile.notes for line in wrap("-", note, width)]),
    ]
    for heading, content in sections:
        if content:
            lines += ["", bold(heading), *content]
    return "\n".join(lines)


def _about(column: Column) -> str:
    likely = [f"{kind.replace('_', ' ')} {p:.0%}" for kind, p in column.kinds.items() if p >= LIKELY][:MOST_KINDS]
    parts = [", ".join(likely) if len(likely) > 1 else column.kind.replace("_", " ")]
    if column.unit:
        parts.append(f"in {column.unit}")
    if column.zone:
        parts.append(f"time zone {column.zone}")
    if column.delimiter.strip():
        parts.append(f"separated by {column.delimiter}")
    parts.append(f"{column.distinct:,} different")
    if column.missing:
        parts.append(f"{column.missing:,} missing")
    if column.sentinels:
        parts.append(f"{', '.join(column.sentinels)} for missing")
    return " · ".join(parts)


def _targets(profile: Profile) -> Iterator[str]:
    if profile.target is None:
        yield "none: nothing here says what to predict"
    for each in profile.targets[:MOST_CANDIDATES]:
        why = "; ".join(each.reasons) or "nothing speaks for it"
        yield f"{', '.join(each.columns)} ({each.probability:.0%}): {why}"


def _roles(profile: Profile) -> Iterator[tuple[str, str]]:
    if profile.unit_of_observation:
        yield "one row", profile.unit_of_observation
    if profile.ids:
        yield "ids", ", ".join(profile.ids)
    for name in _ROLES:
        column = getattr(profile, name)
        if column is not None:
            yield name, column


def _warnings(profile: Profile) -> Iterator[str]:
    for finding in profile.findings[:MOST_FINDINGS]:
        yield f"{finding.because}{'. ' + finding.question if finding.question else ''}"
