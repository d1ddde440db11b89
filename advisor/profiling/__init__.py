"""What a table shows: its columns, what each may be, and which role each plays.

Context. A column alone does not say what it is: 0 to 4 is a grade, a count or a class; a description alone shows no
imbalance, no censoring and no leak. The two must be read together, on tables of any size and of any library.

Decision. One arrow again, each step a module:

    table -> reading (a Narwhals frame, lazy where the engine is) -> measures (statistics, written once in Narwhals
    expressions) -> kinds (what a column may be, with probabilities) -> roles, targets -> contradictions -> Profile

Whatever is finer than an aggregate (quantiles, formats, words) is read from a bounded sample of rows, as Polars.

What a column means beside the words of a description is read by a network (`advisor/column_reader.py`), whose voice is
one trait among those of names, places and values; all are weighed alike, and each that counts is told.

Consequences. A table of 100 million rows is profiled where it lies, in two passes at most. No record holds a cell.

Alternatives. One implementation for each library (they drift apart); reading everything into Polars first (does not
fit); the network alone (it is right less often than all together, and says no why).

>>> import polars as pl
>>> profile(pl.DataFrame({"house_id": [1, 2, 3], "price": [90.5, 120.0, 99.9]}), description="Guess the price.").target
'price'
"""

from advisor.profiling.looking import judge, leant, look, prepare, profile
from advisor.profiling.schema import Column, Contradiction, Finding, Kind, Profile, Statistics, TargetCandidate

__all__ = [
    "Column",
    "Contradiction",
    "Finding",
    "Kind",
    "Profile",
    "Statistics",
    "TargetCandidate",
    "judge",
    "leant",
    "look",
    "prepare",
    "profile",
]
