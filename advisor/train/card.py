"""The encoder's card: what it is, from what, how good, and how anyone can make it again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.train.cases import HELD_OUT, Item
from advisor.train.encoder import PARENT, PARENT_SHA256

_TEXT = """\
# Sentence encoder

What stands in `encoder.onnx`, release `{name}`. Written by `python -m advisor.train`; do not edit by hand.

| | |
| --- | --- |
| purpose | says which of nine kinds of task a description in English is, and which sub-task; meant for nothing else |
| parent | all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), taken from the wheel `{parent}`, sha256 `{sha}` |
| licence | Apache-2.0, as the parent and the cases |
| network | transformer encoder, 6 layers of 384, 12 heads; mean over tokens; two linear heads; {tokens:,} word pieces |
| trained on | {count:,} texts of the knowledge base, written for this project; {vague} of them say too little |
| trained with | tensor_core (`models/sentence_encoder`), runs averaged: {seeds}; {minutes:.0f} minutes in all |
| recipe | {recipe} |
| form | ONNX, weights of 8 bits with a scale for each output, tokenizer and quoted cases inside; no torch at run time |

## How good

Of the encoder's twin, which had not seen the batches {batches} ({held} texts, each batch by another hand), on those:

| | rules alone | with the encoder |
| --- | --- | --- |
{figures}

Accuracy counts the category or one that an expert would also accept. The public exams' figures stand in the README.

The recipe was chosen and the few scales that add up rules, encoder and nearest cases were fitted on these same batches,
so the figures flatter a little. The texts that say too little were all trained on.

## Limits

English only. Texts of more than 256 word pieces are read at their beginning and end. Nothing was learned from users.
The cases are invented: it errs on trades and wordings that nobody thought of, and is then often sure of itself.

## Cases by category

{counts}

## Make it again

`python -m pip install -e '.[train]' && python -m advisor.train` (one command; the parent's checksum is pinned).
"""


def write(
    path: Path,
    *,
    name: str,
    recipe: Mapping[str, Any],
    seeds: int,
    tokens: int,
    items: Sequence[Item],
    held: Sequence[Item],
    figures: Mapping[str, Sequence[float]],
    minutes: float,
) -> None:
    """Write the card to `path`; `figures` maps a name to its value for the rules alone and with the encoder."""
    counts = Counter(item.category for item in items)
    path.write_text(
        _TEXT.format(
            name=name,
            parent=PARENT,
            sha=PARENT_SHA256,
            tokens=tokens,
            count=len(items),
            vague=counts[""],
            seeds=seeds,
            minutes=minutes,
            recipe=", ".join(f"{key} {value}" for key, value in recipe.items() if key != "seed"),
            batches=", ".join(HELD_OUT),
            held=len(held),
            figures="\n".join(f"| {key} | {alone:.3f} | {both:.3f} |" for key, (alone, both) in figures.items()),
            counts="; ".join(f"{category} {count}" for category, count in sorted(counts.items()) if category),
        ),
        encoding="utf-8",
    )
