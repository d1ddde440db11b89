"""What the templates reach: `python tests/benchmarks/templates.py [--seeds 3] [ID …]`, a Markdown table for the README.

For each run that a template.yaml names: dummy, peer and ours, medians over the seeds, what must be reached, and the
seconds of our training. Data that are fetched must be there before: `python -m models data ID`. The exit code is 1
where something is missed, so that no table hides it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from models import catalog, comparing, loading
from models.catalog import Run, Template, Wanted
from models.kit.errors import Refused
from models.kit.metrics import Metric

HEAD = ("template", "data", "metric", "dummy", "peer", "ours", "must reach", "seconds", "")


def row(template: Template, run: Run, *, seeds: int) -> tuple[list[str], bool]:
    """Returns one line of the table, and whether everything was reached; what cannot run says so."""
    name = template.data if run.data == "bundled" else run.data
    if not comparing.available(run):
        return [template.id, name, *[""] * 6, f"not fetched: `python -m models data {run.data}`"], False
    try:
        found = comparing.compare(template, run, seeds=seeds)
    except Refused as error:
        return [template.id, name, *[""] * 6, str(error)], False
    with loading.task(template.folder) as task:
        metrics: dict[str, Metric] = dict(task.metrics)
    metric = run.reach[0].metric if run.reach else str(found.first["metric"])
    missed = found.missed(higher_is_better={each: metrics[each].higher_is_better for each in metrics})
    values = [f"{found.median(model, metric):.4g}" if model in found.models else "–" for model in comparing.NAMES]
    goals = [_goal(each, found, metrics) for each in run.reach]
    if run.seconds is not None:
        goals.append(f"{run.seconds:g} s")
    usable = all(each["usable"] for each in found.trainings)
    said = [f"missed: {', '.join(missed)}"] if missed else []
    said += [] if usable else ["not better than the dummy for certain: use the baseline"]
    peer = found.first["models"]["peer"]["title"] if "peer" in found.models else "not measured"
    line = [template.id, name, metrics[metric].title, values[0], f"{values[1]} ({peer})", values[2], ", ".join(goals)]
    return [*line, f"{found.seconds('ours'):.1f}", "; ".join(said)], not missed and usable


def _goal(wanted: Wanted, found: comparing.Compared, metrics: Mapping[str, Metric]) -> str:
    """Returns what must be reached, in words, with the number that it comes to."""
    metric = metrics.get(wanted.metric, Metric(wanted.metric, higher_is_better=False))
    share = f" ({wanted.figure:g} of the peer)" if wanted.of_peer else ""
    return f"{metric.title} {'≥' if metric.higher_is_better else '≤'} {found.limit(wanted):.4g}{share}"


def main(arguments: Sequence[str]) -> int:
    """Prints the table line by line, as it comes; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="all templates when none is given")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each, whose medians are shown (3)")
    given = parser.parse_args(arguments)
    templates = [catalog.find(identifier) for identifier in given.ids] or list(catalog.templates())
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}", flush=True)
    good = True
    for template in templates:
        for run in template.runs:
            line, reached = row(template, run, seeds=given.seeds)
            print(f"| {' | '.join(line)} |", flush=True)
            good = good and reached
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
