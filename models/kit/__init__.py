"""What all templates share: one module is one noun, from reading a table to writing the report.

A starter project takes this folder along, byte for byte, so nothing here imports the advisor, the taxonomy or the
catalog.

How to write a template. Copy the nearest one (`models/regression/linear` for tables) to `models/CATEGORY/NAME/`. Its
programs (train.py, evaluate.py, predict.py, serve.py, doctor.py) and tests/test_starter.py stay as they are: a test
holds them byte-identical. Its own are:

* model.py: `Settings` (a frozen dataclass on `config.Learning`, `config.Labelled`, `config.Numeric` or
  `config.Settings`), functions, and `TEMPLATE = task.Task(…)`, whose docstring says what each function is
  given and returns. Every function gets a `Case`:
  settings, data (`Data`: examples of any kind, their numbers, hash, decisions), split (places of examples), and what
  `prepare` learned from the training examples. Use `splits` and `metrics` (`means`, `ratios`, `weighted`, `resampled`
  for the unit that is independent) before writing new ones; loops of your own stand in `training.watched`, ask
  `watch.reason` after each step (time budget, Ctrl-C), show `training.bar`, and return `training.ended(…)`.
* config.yaml: every field of `Settings`, one line each with a comment; columns by role (target, user, item, query,
  time, group, text, tags, source, …), so that a starter fills them in by the role that the profile found.
* template.yaml: title, subtasks, data, metric, peer, order, and `runs`, what the benchmark measures and what must be
  reached (the catalog's docstring says how).
* data/: the bundled sample (CSV, TSV, Parquet, JSONL, at most 300 KB each) and DATA_CARD.md (origin, licence, sha256,
  how it was made). Larger data are fetched: models/data/ID.yaml says from where, `table: fetched:ID` reads it.

Heavy packages are imported where they are used; what only the peer needs, inside `peer`, which raises
`errors.Unavailable` without it. Validation chooses settings and ends training; the test is scored once.

>>> from models.kit import splits
>>> splits.shuffled(10, test_share=0.2, seed=1).words
'8 rows for training and 2 for the test, drawn at random (seed 1)'
"""
