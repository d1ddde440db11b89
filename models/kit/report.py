"""The report of a run: dummy, peer and ours in a table, the verdict, metrics.json, predictions.csv, MODEL_CARD.md."""

import csv
import io
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.kit import files, metrics
from models.kit.config import Project
from models.kit.errors import ArtefactError, count
from models.kit.metrics import Draws, Metric, Score
from models.kit.splits import Split
from models.kit.task import Data

SCHEMA = 1
METRICS_FILE, CARD_FILE, PREDICTIONS_FILE = "metrics.json", "MODEL_CARD.md", "predictions.csv"
SHOWN_DECISIONS = 12
SAME = 1e-4  # a lead that is smaller, with all of its interval, is none
SAME_MEASURED = 1e-9  # relative; what the order of sums may change
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "polars", "safetensors")
SHOWN_METRICS = 4


class Entry(NamedTuple):
    """One model of the comparison: its name, its metrics on the test rows, and the seconds its training took."""

    title: str
    draws: Draws
    seconds: float


class Report(NamedTuple):
    """All that a run has to say; `facts` goes into metrics.json as it is, `target` names the column that is predicted.

    `entries` holds "dummy", "peer" where there is one, and "ours"; `refusal` says why ours should not be used though it
    beats the dummy.
    """

    title: str
    target: str | None
    metric: str
    metrics: Mapping[str, Metric]
    entries: Mapping[str, Entry]
    split: str
    ended: str
    decisions: tuple[str, ...]
    refusal: str | None
    facts: dict[str, Any]

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics of the table, the one that decides first."""
        known = [name for name in self.metrics if name in self.entries["ours"].draws]
        return tuple(dict.fromkeys((self.metric, *known)))[:SHOWN_METRICS]

    def lead(self, other: str) -> Score:
        """By how much ours is better (positive) than the dummy or the peer, with its 95 % interval."""
        ours, others = self.entries["ours"].draws, self.entries[other].draws
        better = self.metrics[self.metric].higher_is_better
        return metrics.lead(ours, others, self.metric, higher_is_better=better)

    @property
    def beats_dummy(self) -> bool:
        """Whether the 95 % interval of our lead over the dummy lies above zero."""
        return self.lead("dummy").low > 0

    @property
    def usable(self) -> bool:
        """Whether ours beats the dummy, and nothing else speaks against it."""
        return self.beats_dummy and self.refusal is None


def facts(settings: Project, data: Data[Any], split: Split, *, features: int, most: int | None) -> dict[str, Any]:
    """Returns what metrics.json records about the data and the settings, for the run to be repeated."""
    given = {name: value for name, value in asdict(settings).items() if name != "output"}
    return {
        "data": {"name": data.name, "sha256": data.sha256, "rows": data.size, "features": features, "unit": data.noun},
        "rows": {"train": split.train.size, "validation": split.validation.size, "test": split.test.size},
        "most": most,
        "seed": settings.seed,
        "threads": settings.threads,
        "settings": given,
    }


def save(report: Report, folder: Path, *, asked: str | None, features: Sequence[str]) -> None:
    """Writes metrics.json and MODEL_CARD.md into the folder, the card with the plots that lie there."""
    plots = sorted(file.name for file in folder.glob("*.png"))
    files.write(folder / METRICS_FILE, to_json(report))
    files.write(folder / CARD_FILE, model_card(report, asked=asked, features=features, plots=plots))


class Before(NamedTuple):
    """What an earlier run found: its first metric with its value on the test, the hash of its data, and its `most`."""

    metric: str
    value: float
    sha256: str
    most: int | None


def before(folder: Path) -> Before:
    """Returns what an earlier run left in the folder; raises `ArtefactError` when there is none, or it is damaged."""
    found = files.read_json(folder / METRICS_FILE, remedy="run train.py first")
    try:
        metric = str(found["metric"])
        value = found["models"]["ours"]["scores"][metric]["value"]
        most = None if found["most"] is None else int(found["most"])
        return Before(metric, np.nan if value is None else float(value), str(found["data"]["sha256"]), most)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{folder}: not the results of a run, or damaged ({error}); run train.py again") from None


def compared(draws: Draws, before: Before, shown: Mapping[str, Metric]) -> tuple[bool, str]:
    """Returns whether a repeated measurement is what the run found, and that in words."""
    same = bool(np.isclose(draws[before.metric][0], before.value, rtol=SAME_MEASURED, atol=0, equal_nan=True))
    verdict = "The same as at the end of training." if same else "Not the same: files of the run were changed since."
    title = shown[before.metric].title
    return same, f"{lines(draws, shown)}\n{title} after training: {before.value:.6g}. {verdict}"


def verdict(report: Report) -> str:
    """Returns, in two sentences, whether our model is worth using."""
    title = report.metrics[report.metric].title
    over_dummy, dummy = _lead(report.lead("dummy"), title), report.entries["dummy"].title
    if report.usable:
        said = [f"Ours beats the dummy: {over_dummy}."]
    elif report.refusal is not None:
        said = [f"{report.refusal} Against the dummy: {over_dummy}."]
    else:
        said = [
            f"Ours does not beat the dummy for certain: {over_dummy}. "
            f"Use the baseline ({dummy}) until there are more rows or better columns."
        ]
    if "peer" in report.entries:
        said.append(f"Against {report.entries['peer'].title}: {_lead(report.lead('peer'), title)}.")
    return "\n".join(said)


def text(report: Report) -> str:
    """Returns what the terminal shows."""
    said = [f"  · {decision}" for decision in report.decisions[:SHOWN_DECISIONS]]
    if (rest := len(report.decisions) - SHOWN_DECISIONS) > 0:
        said.append(f"  · and {rest} more in MODEL_CARD.md")
    about = report.title if report.target is None else f"{report.title}: {report.target!r}"
    head = [about, report.split, *said, report.ended]
    return "\n".join([*head, "", table(report), "", verdict(report)])


def table(report: Report) -> str:
    """Returns the models in aligned columns, each metric with its 95 % interval."""
    head = ["", *(report.metrics[metric].title for metric in report.shown), "seconds"]
    rows = [head]
    for name, entry in report.entries.items():
        scores = [metrics.score(entry.draws, metric) for metric in report.shown]
        rows.append([f"{name} ({entry.title})", *map(_interval, scores), f"{entry.seconds:.3f}"])
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def lines(draws: Draws, shown: Mapping[str, Metric]) -> str:
    """Returns one line for each metric, with its 95 % interval."""
    known = [(metric.title, metrics.score(draws, name)) for name, metric in shown.items() if name in draws]
    return "\n".join(f"{title:>20}  {_interval(score)}" for title, score in known)


def to_dict(report: Report) -> dict[str, Any]:
    """Returns the content of metrics.json."""
    return {
        "schema": SCHEMA,
        "title": report.title,
        "target": report.target,
        "metric": report.metric,
        "beats_dummy": report.beats_dummy,
        "usable": report.usable,
        "verdict": verdict(report),
        "models": {
            name: {"title": entry.title, "seconds": entry.seconds, "scores": metrics.to_dict(entry.draws)}
            for name, entry in report.entries.items()
        },
        "lead": {f"over_{name}": report.lead(name)._asdict() for name in report.entries if name != "ours"},
        "split": report.split,
        "ended": report.ended,
        "decisions": list(report.decisions),
        **report.facts,
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }


def to_json(report: Report) -> str:
    """Returns metrics.json as text; a metric that has no value (ROC-AUC of one class) is null."""
    return json.dumps(_without_nan(to_dict(report)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns rows as CSV.

    >>> to_csv(["row", "predicted"], [[1, 2.5]])
    'row,predicted\\n1,2.5\\n'
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return buffer.getvalue()


def question(folder: Path) -> str | None:
    """Returns the description in the project's problem.json, or None where there is none to read."""
    try:
        description = json.loads((folder / "problem.json").read_text(encoding="utf-8"))["description"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return description if isinstance(description, str) and description.strip() else None


def model_card(report: Report, *, asked: str | None, features: Sequence[str], plots: Sequence[str]) -> str:
    """Returns MODEL_CARD.md: what the model is for, what it saw, how good it is, and what it does not know.

    The sections follow Mitchell et al. (2019), Model Cards for Model Reporting.
    """
    columns = [f"- {markdown(decision)}" for decision in report.decisions] or ["- All columns were used as they are."]
    return "\n".join(
        [
            f"# Model card: {markdown(report.title)}",
            "",
            *([f"> {markdown(asked)}", ""] if asked else []),
            *(
                [f"Predicts **{markdown(report.target)}** from {count(len(features), 'feature')}.", ""]
                if report.target
                else []
            ),
            "## How good it is",
            "",
            f"Measured on: {markdown(report.split)}.",
            "In brackets: 95 % intervals (bootstrap over the test).",
            "",
            *_markdown_table(report),
            "",
            *(markdown(line) + "  " for line in verdict(report).splitlines()),
            "",
            "## What was found and decided",
            "",
            *columns,
            "",
            "## Training",
            "",
            markdown(report.ended),
            "",
            "## Limits",
            "",
            "- It is as good as said above only on rows like those of the table; test it again when the world changes.",
            "- It learned what goes together, not what causes what: it cannot say what happens if somebody intervenes.",
            "- A column that is unknown when a prediction is needed must be left out (`leave_out` in config.yaml).",
            "",
            *([*(f"![{Path(plot).stem.replace('_', ' ')}]({plot})" for plot in plots), ""] if plots else []),
        ]
    )


def markdown(words: str) -> str:
    """Returns text as one line of Markdown that shows it literally.

    >>> markdown("a|b\\n# <c>")
    'a\\\\|b \\\\# \\\\<c\\\\>'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|~!])", r"\\\1", " ".join(words.split()))


def _markdown_table(report: Report) -> list[str]:
    head = ["", *(report.metrics[metric].title for metric in report.shown), "seconds"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for name, entry in report.entries.items():
        scores = [_interval(metrics.score(entry.draws, metric)) for metric in report.shown]
        lines.append(f"| {' | '.join([f'{name} ({markdown(entry.title)})', *scores, f'{entry.seconds:.3f}'])} |")
    return lines


def _interval(score: Score) -> str:
    return f"{score.value:.4g} [{score.low:.4g}, {score.high:.4g}]"


def _lead(lead: Score, title: str) -> str:
    if abs(lead.value) < SAME and lead.high - lead.low < SAME:
        return f"{title} the same (within {SAME:g})"
    side = "better" if lead.value >= 0 else "worse"
    return f"{title} {abs(lead.value):.3g} {side} (95 % interval {lead.low:+.3g} to {lead.high:+.3g})"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and value != value else value


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
