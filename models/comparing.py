"""A template measured on data: dummy, peer and ours on the same split, for several seeds, and what must be reached.

Each training is a process of its own, so that what one leaves behind does not help the next.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from models import catalog
from models.catalog import Run, Template, Wanted
from models.kit import cache, files, program, report, samples
from models.kit.errors import Refused, did_you_mean, listed

MOST_SECONDS = 1800.0  # of one training
NAMES = ("dummy", "peer", "ours")
SECONDS = "seconds"  # stands in `reach` beside the metrics
COPIED = ("metric", "beats_dummy", "usable", "verdict", "split", "threads", "models", "lead", "data", "onnx")


class Compared(NamedTuple):
    """What was measured: metrics.json of each seed, and the first training as the terminal shows it."""

    template: Template
    run: Run
    trainings: tuple[Mapping[str, Any], ...]
    words: str

    @property
    def first(self) -> Mapping[str, Any]:
        """metrics.json of the first seed."""
        return self.trainings[0]

    @property
    def models(self) -> tuple[str, ...]:
        """Which of dummy, peer and ours were measured."""
        return tuple(name for name in NAMES if name in self.first["models"])

    def median(self, model: str, metric: str) -> float:
        """The median over the seeds of a metric (or of the seconds) of the dummy, the peer or ours; NaN without one."""
        if metric == SECONDS:
            return self.seconds(model)
        values = [each["models"][model]["scores"][metric]["value"] for each in self.trainings]
        return float("nan") if None in values else float(median(values))

    def seconds(self, model: str) -> float:
        """The median over the seeds of the seconds that a training took."""
        return float(median(each["models"][model]["seconds"] for each in self.trainings))

    def limit(self, wanted: Wanted) -> float:
        """What must be reached, as a number; NaN, which nothing reaches, where it is the peer's and there was none."""
        if not wanted.of_peer:
            return wanted.figure
        return wanted.figure * self.median("peer", wanted.metric) if "peer" in self.models else float("nan")

    def missed(self, *, higher_is_better: Mapping[str, bool]) -> list[str]:
        """What the template should reach on this data and does not, in words."""
        found = []
        for each in self.run.reach:
            value, limit = self.median("ours", each.metric), self.limit(each)
            if not (value >= limit if higher_is_better.get(each.metric, False) else value <= limit):
                found.append(f"{each.metric} {value:.6g} instead of {limit:.6g}")
        if self.run.seconds is not None and self.seconds("ours") > self.run.seconds:
            found.append(f"{self.seconds('ours'):.1f} s instead of {self.run.seconds:g} s")
        return found

    @property
    def told(self) -> str:
        """What `compare` shows: the first training, and below it the medians where there are several seeds."""
        if len(self.trainings) == 1:
            return self.words
        metrics = self.first["models"]["ours"]["scores"]
        medians = {
            name: [*(f"{metric} {self.median(name, metric):.4g}" for metric in metrics), f"{self.seconds(name):.3g} s"]
            for name in self.models
        }
        lines = "".join(f"  {name}: {', '.join(figures)}\n" for name, figures in medians.items())
        return f"{self.words}\nThat was seed 0. Medians of {len(self.trainings)} seeds:\n{lines}"

    def to_dict(self) -> dict[str, Any]:
        """Returns what `compare --json` shows: the first seed in full, and the medians where there are several."""
        seeds = [each["seed"] for each in self.trainings]
        shown: dict[str, Any] = {"id": self.template.id, "data_set": self.run.data, "seeds": seeds}
        shown |= {name: self.first[name] for name in COPIED}
        if len(self.trainings) > 1:
            metrics = self.first["models"]["ours"]["scores"]
            shown["medians"] = {
                name: {"seconds": self.seconds(name), **{metric: self.median(name, metric) for metric in metrics}}
                for name in self.models
            }
        return shown


def available(run: Run) -> bool:
    """Returns whether all data of a run are there: bundled, samples of the kit, or fetched before."""
    fetched = [value.removeprefix(cache.PREFIX) for _, value in run.changes if value.startswith(cache.PREFIX)]
    try:
        there = run.data in ("bundled", *samples.names()) or cache.find(run.data).exists()
        return there and all(cache.find(name).exists() for name in fetched)
    except Refused:
        return False


def chosen(templates: Sequence[Template], *, data: str | None = None) -> list[tuple[Template, Run]]:
    """Returns the runs of the templates whose data are there, or those on the data that are named.

    Raises `Refused` where no run is on the data that are named.

    >>> [run.data for _, run in chosen([catalog.find("classification/softmax")], data="bundled")]
    ['bundled']
    """
    runs = [(template, run) for template in templates for run in template.runs]
    found = [(template, run) for template, run in runs if (available(run) if data is None else run.data == data)]
    if data is not None and not found:
        there = sorted({run.data for _, run in runs})
        hint = did_you_mean(data, there) or f"; there are {listed(there)}"
        raise Refused(f"--data {data}: no run of {listed(template.id for template in templates)} is on it{hint}")
    return found


def compare(template: Template, run: Run, *, seeds: int = 1, smoke: bool = False) -> Compared:
    """Returns what the template reaches on the data of a run, for seeds from 0; raises `Refused` where it cannot."""
    changes = dict(run.changes)
    if run.data != "bundled":
        place = samples.PREFIX if run.data in samples.names() else cache.PREFIX
        changes = {"table": f"{place}{run.data}", **changes}
    found = []
    for seed in range(seeds):
        given = changes | ({"seed": str(seed)} if seeds > 1 else {})
        options = [f"--set={name}={value}" for name, value in given.items()] + (["--smoke"] if smoke else [])
        found.append(_trained(template, options))
    return Compared(template, run, tuple(metrics for metrics, _ in found), found[0][1])


def _trained(template: Template, options: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Returns the metrics of a fresh training in a process of its own, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        paths = [str(catalog.ROOT.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        command = [sys.executable, str(template.folder / "train.py"), "--output", str(output), "--no-plots", *options]
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Refused(f"{template.id}: training took more than {MOST_SECONDS:g} s") from None
        if run.returncode not in (program.DONE, program.NOT_BETTER):
            raise Refused(f"{template.id}: training ended with {run.returncode}: {run.stderr.strip()}")
        metrics = files.read_json(output / report.METRICS_FILE, remedy="run it again")
    return metrics, run.stdout.rsplit("\nResults are in", 1)[0] + "\n"
