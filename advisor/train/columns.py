"""The column reader, from the sentence encoder's released weights and worked tables to advisor/column_reader.onnx."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from advisor import column_reader
from advisor import encoder as encoders
from advisor.column_reader import Shown, sentence, written_out
from advisor.train import card
from advisor.train.variation import vary

MOST_TOKENS = 14_000  # of the sentence encoder's
REORDERED = 0.5  # share of the tables whose columns change places: that a target stands last is a habit, no law
LEFT_OUT = 0.08  # of the columns, the target never
TYPED_ANEW = 0.3  # share of the descriptions that get slips, greetings and the like
LAST_EPOCHS, LAST_RATE = 2.0, 5e-5  # over all tables, after the twin has been judged
LAST_PASSES = 1_000  # added to the seed, so that they vary the tables in other ways

# What is warned of in enough worked tables to learn when; leaks are found column by column instead.
PITFALLS = (
    "group_split_needed", "class_imbalance", "label_noise", "temporal_split_needed", "too_few_rows", "selection_bias",
    "skewed_target", "cold_start", "sentinel_missing_values", "ordinal_target", "implicit_positives_only",
    "duplicate_rows", "unequal_groups", "missing_not_at_random", "censored_feedback", "concept_drift", "feedback_loop",
    "censored_target", "position_bias", "label_delay",
)  # fmt: skip

Item = dict[str, Any]


class Worked(NamedTuple):
    """A worked table: description, columns with their roles, how much each category is right, and what to warn of."""

    text: str
    columns: tuple[Shown, ...]
    roles: tuple[tuple[bool, ...], ...]  # of column_reader.ROLES, for each column
    categories: tuple[float, ...]
    pitfalls: tuple[bool, ...]  # of PITFALLS


class Trained(NamedTuple):
    """A trained network with what is needed to run it."""

    network: Any
    tokens: list[str]
    categories: list[str]


def worked(item: Item, categories: Sequence[str]) -> Worked:
    """An item of `tests/advisor/tables` as the reader sees it at run time."""
    from advisor.profiling import looking, opening
    from models.sentence_encoder.training import soft_label

    shown = looking.shown(opening.from_rows(item["table"]))
    target = {item["target"]} if isinstance(item["target"], str) else set(item["target"] or ())
    played = (target, item["leakage"], item["id_columns"], [item["group_or_user"]], [item["time"]])
    roles = tuple(tuple(each.name in names for names in played) for each in shown)
    warned = tuple(pitfall in item["pitfalls"] for pitfall in PITFALLS)
    return Worked(item["text"], shown, roles, tuple(soft_label(item["category"], item["accept"], categories)), warned)


def varied(one: Worked, draw: random.Random) -> Worked:
    """The table as it might as well have come: other places of the columns, other cells first, some columns missing."""
    order = list(range(len(one.columns)))
    if draw.random() < REORDERED:
        draw.shuffle(order)
    order = [place for place in order if one.roles[place][0] or draw.random() >= LEFT_OUT]
    columns = tuple(one.columns[place]._replace(cells=_shuffled(one.columns[place].cells, draw)) for place in order)
    text = vary(one.text, draw) if draw.random() < TYPED_ANEW else one.text
    return one._replace(text=text, columns=columns, roles=tuple(one.roles[place] for place in order))


def _shuffled(cells: Sequence[str | None], draw: random.Random) -> list[str | None]:
    return draw.sample(list(cells), len(cells))


def train(items: Sequence[Worked], categories: Sequence[str], *, tell: Callable[[str], None]) -> Trained:
    """A reader fitted to `items`, started from the released sentence encoder."""
    import json

    from models.column_reader.network import ColumnReader
    from models.column_reader.training import RECIPE, fit
    from models.sentence_encoder import training, vocabulary
    from models.sentence_encoder.export import facts_of, read_back

    parent = Path(encoders.FILE)
    known: dict[str, int] = json.loads(facts_of(parent)["tokenizer"])["model"]["vocab"]
    whole = vocabulary.tokenizer(sorted(known, key=known.__getitem__))
    texts = (text for one in items for text in (one.text, *map(written_out, one.columns)))
    used = Counter(token for text in texts for token in whole.encode(text).tokens)
    tokens = vocabulary.choose(known, used, most=MOST_TOKENS)
    network = ColumnReader(
        vocabulary=len(tokens),
        categories=len(categories),
        roles=len(column_reader.ROLES),
        pitfalls=len(PITFALLS),
        dropout=RECIPE.dropout,
    )
    state = read_back(parent)
    state["words.weight"] = state["words.weight"][[known[token] for token in tokens]]
    ours = {name for name, _ in network.named_parameters()}
    training.start(network, {name: _tensor(value) for name, value in state.items() if name in ours}, seed=RECIPE.seed)
    made = Trained(network, tokens, list(categories))
    fit(network, _passes(items, made, seed=RECIPE.seed), RECIPE, tell=_telling("columns", tell))
    return made


def release(
    twin: Trained,
    items: Sequence[Worked],
    figures: Mapping[str, float],
    *,
    tell: Callable[[str], None],
) -> None:
    """Train `twin` on, with a gentle pass over all `items`, also those that are new to it; write it and its card."""
    from models.column_reader.training import RECIPE, fit

    recipe = RECIPE._replace(epochs=LAST_EPOCHS, rate=LAST_RATE, heads_rate=LAST_RATE)
    passes = _passes(items, twin, seed=recipe.seed + LAST_PASSES)
    fit(twin.network, passes, recipe, tell=_telling("columns, release", tell))
    path = Path(column_reader.FILE)
    name = write(twin, path)
    card.write_of_columns(
        path.with_name("COLUMN_READER_CARD.md"),
        name=name,
        parent=_parent(),
        tokens=len(twin.tokens),
        tables=len(items),
        recipe={**RECIPE._asdict(), "last epochs, over all tables": LAST_EPOCHS, "at rate": LAST_RATE},
        figures=figures,
    )


def figures(reader: column_reader.ColumnReader, items: Sequence[Worked]) -> dict[str, float]:
    """How often the reader alone is right on tables that it has not learned from."""
    task, target = [], []
    told: list[tuple[float, bool]] = []
    for one in items:
        glance = reader.read(one.text, one.columns)
        best = max(glance.categories, key=lambda name: glance.categories[name])
        task.append(one.categories[list(glance.categories).index(best)] > 0)
        roles = dict(zip((column.name for column in one.columns), one.roles, strict=True))
        if any(role[0] for role in roles.values()):
            target.append(roles[max(glance.target, key=lambda name: glance.target[name])][0])
        told += [(odds, roles[name][1]) for name, odds in glance.roles["leak"].items()]
    said = [leak for odds, leak in told if odds > 0]
    return {
        "tables": len(items),
        "task": float(np.mean(task)),
        "likeliest column is a target": float(np.mean(target)),
        "leaks: precision": float(np.mean(said)) if said else 0.0,
        "leaks: recall": sum(said) / max(sum(leak for _, leak in told), 1),
    }


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.array(array))


def _passes(items: Sequence[Worked], made: Trained, *, seed: int) -> Callable[[int], list[Any]]:
    from models.column_reader.training import Example
    from models.sentence_encoder import vocabulary

    tokenizer = vocabulary.tokenizer(made.tokens)

    def examples(number: int) -> list[Any]:
        draw = random.Random(f"{seed} {number}")
        found = []
        for one in (varied(each, draw) for each in items):
            read = sentence(tokenizer, one.text, one.columns)
            roles = one.roles[: len(read.spans)]
            found.append(Example(tuple(read.ids), tuple(read.spans), roles, one.categories, one.pitfalls))
        return found

    return examples


def _telling(name: str, tell: Callable[[str], None]) -> Callable[[int, int, float], None]:
    return lambda step, total, loss: tell(f"{name}, step {step} of {total}, loss {loss:.3f}")


def write(trained: Trained, path: Path, *, bits: int = 8) -> str:
    """Write the network to `path`; returns the hash that the file carries."""
    from models.column_reader import export
    from models.sentence_encoder import vocabulary

    state: Mapping[str, Any] = {name: value.numpy() for name, value in trained.network.state_dict().items()}
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].tobytes())
    name = digest.hexdigest()[:16]
    tokenizer = vocabulary.tokenizer(trained.tokens).to_str()
    facts = {"hash": name, "parent": _parent()}
    labels = export.Labels(tuple(trained.categories), column_reader.ROLES, PITFALLS)
    export.write(path, state, labels=labels, tokenizer=tokenizer, facts=facts, bits=bits)
    return name


def _parent() -> str:
    from models.sentence_encoder.export import facts_of

    return f"advisor/encoder.onnx, release {facts_of(Path(encoders.FILE))['hash']}"
