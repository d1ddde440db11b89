"""The cards of the encoder and of the column reader: what each is, from what, how good, and how to make it again."""

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
            recipe=_told(recipe),
            batches=", ".join(HELD_OUT),
            held=len(held),
            figures="\n".join(f"| {key} | {alone:.3f} | {both:.3f} |" for key, (alone, both) in figures.items()),
            counts="; ".join(f"{category} {count}" for category, count in sorted(counts.items()) if category),
        ),
        encoding="utf-8",
    )


_OF_COLUMNS = """\
# Column reader

What stands in `column_reader.onnx`, release `{name}`. Written by `python -m advisor.train --tables`; do not edit.

| | |
| --- | --- |
| purpose | says which column of a table is asked for, which are known too late, which are keys, and which task it is |
| parent | {parent}, whose weights it starts from (`ENCODER_CARD.md`) |
| licence | Apache-2.0, as the parent; the tables were written for this project |
| network | transformer encoder, 6 layers of 384, 12 heads; means over tokens; linear heads; {tokens:,} word pieces |
| trained on | {tables:,} worked tables (`tests/advisor/tables`), none of those that are held out |
| trained with | tensor_core (`models/column_reader`) |
| recipe | {recipe} |
| form | ONNX, weights of 8 bits with a scale for each output, tokenizer inside; no torch at run time |

Why a file of its own: the sentence encoder has never seen a column. Fine-tuned on both at once it would be of one size
and serve neither as well; the vocabulary here is smaller. It is loaded when a table comes with a description.

## How good

Of its twin, which had not seen the tables of two hands ({unseen:.0f}), alone and on those:

| | |
| --- | --- |
{figures}

A leak is told from even odds here. What whole framings reach with it, and without, stands in the README.

## Limits

English descriptions; names of columns in the languages of Western and Central Europe as far as their word pieces go.
Of a very wide table the first columns are read, of each three cells. The tables are invented.

## Make it again

`python -m pip install -e '.[train]' && python -m advisor.train --tables` (about an hour on two cores).
"""


def write_of_columns(
    path: Path,
    *,
    name: str,
    parent: str,
    tokens: int,
    tables: int,
    recipe: Mapping[str, Any],
    figures: Mapping[str, float],
) -> None:
    """Write the column reader's card to `path`; `figures` maps a name to its value on unseen tables."""
    path.write_text(
        _OF_COLUMNS.format(
            name=name,
            parent=parent,
            tokens=tokens,
            tables=tables,
            recipe=_told(recipe),
            unseen=figures["tables"],
            figures="\n".join(f"| {key} | {value:.3f} |" for key, value in figures.items() if key != "tables"),
        ),
        encoding="utf-8",
    )


def _told(recipe: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in recipe.items() if key != "seed")
