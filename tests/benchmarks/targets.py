"""Seventeen made targets: how often ours is right, beside the rules of others where they are installed.

    python tests/benchmarks/targets.py [--seeds N]

The targets stand in tests/advisor/test_profile_kinds.py. For us a kind or role is wanted; for a rule that knows
regression, binary and multiclass alone the nearest of the three counts, and where there is none (a post code, a ranking
with its query, a list of tags, a sentence, a next product, a censored time, a rule) it cannot be right. Beside
scikit-learn's `type_of_target` stand AutoGluon's `infer_problem_type` and EvalML's `detect_problem_type` where they can
be imported.
"""

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from advisor.profiling import profile

TESTS = Path(__file__).parent.parent / "advisor" / "test_profile_kinds.py"
SIZES = (500, 5000)
NEAREST = {
    "a measured number": "regression",
    "a price in whole dollars": "regression",
    "a daily count": "regression",
    "a daily count in few rows": "regression",
    "an age in years": "regression",
    "stars from 1 to 5": "multiclass",
    "a quality from 3 to 9": "multiclass",
    "fraud in two of a thousand": "binary",
    "two names": "binary",
    "four names": "multiclass",
}


def _sklearn(values: pd.Series) -> str:
    from sklearn.utils.multiclass import type_of_target

    return str(type_of_target(values)).replace("continuous", "regression")


def _autogluon(values: pd.Series) -> str:
    from autogluon.core.utils import infer_problem_type

    return str(infer_problem_type(values, silent=True))


def _evalml(values: pd.Series) -> str:
    from evalml.problem_types import detect_problem_type

    return str(detect_problem_type(values)).lower()


PEERS: dict[str, tuple[str, Callable[[pd.Series], str]]] = {
    "scikit-learn": ("sklearn", _sklearn),
    "AutoGluon": ("autogluon", _autogluon),
    "EvalML": ("evalml", _evalml),
}


def main() -> None:
    """Read the command line, make the targets and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("made_targets", TESTS)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    peers = {name: rule for name, (package, rule) in PEERS.items() if importlib.util.find_spec(package)}
    right = dict.fromkeys(("ours", *peers), 0)
    count = 0
    print(f"{'right of ' + str(options.seeds * len(SIZES)):32s} {' '.join(f'{name:>13s}' for name in right)}")
    for target, (make, seen_right) in made.TARGETS.items():
        here = dict.fromkeys(right, 0)
        for seed in range(options.seeds):
            for rows in SIZES:
                chance = np.random.default_rng(seed)
                columns: dict[str, Any] = make(chance, rows)
                length = len(next(iter(columns.values())))
                here["ours"] += bool(seen_right(profile(pl.DataFrame({"x": chance.normal(size=length), **columns}))))
                values = pd.Series(list(columns.values())[-1])
                for name, rule in peers.items():
                    here[name] += rule(values) == NEAREST.get(target)
                count += 1
        for name, each in here.items():
            right[name] += each
        print(f"{target:32s} {' '.join(f'{each:13d}' for each in here.values())}")
    print(f"{'all':32s} {' '.join(f'{each / count:13.3f}' for each in right.values())}")


if __name__ == "__main__":
    main()
