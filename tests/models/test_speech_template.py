"""What stands beside the recogniser of speech: PocketSphinx, where it is installed, under a grammar of the symbols."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models import catalog, loading
from models.kit import config
from models.kit.errors import Unavailable

TEMPLATE = catalog.find("seq2seq/speech")
ROWS = np.arange(2)


class Decoder:
    """Stands for PocketSphinx: it knows a few words, and hears "seven b", then nothing."""

    known = ("seven", "b", "zero")
    grammar = ""
    samples = np.empty(0)

    def __init__(self, **options: Any) -> None:
        self.heard = iter(["seven b", None])

    def lookup_word(self, word: str) -> str | None:
        return "phones" if word in self.known else None

    def add_jsgf_string(self, name: str, grammar: str) -> None:
        Decoder.grammar = grammar

    def activate_search(self, name: str) -> None: ...

    def start_utt(self) -> None: ...

    def process_raw(self, data: bytes, *, full_utt: bool) -> None:
        Decoder.samples = np.frombuffer(data, "<i2")

    def end_utt(self) -> None: ...

    def hyp(self) -> SimpleNamespace | None:
        found = next(self.heard)
        return None if found is None else SimpleNamespace(hypstr=found)


@pytest.fixture
def task() -> Iterator[Any]:
    with loading.task(TEMPLATE.folder) as found:
        yield found


def case(task: Any, symbols: tuple[str, ...], **changes: str) -> Any:
    settings = replace(config.read(TEMPLATE.folder / "config.yaml", task.settings), **changes)
    examples = SimpleNamespace(sounds=[np.sin(np.arange(800, dtype=np.float32))] * 2)
    return SimpleNamespace(
        settings=settings, data=SimpleNamespace(examples=examples), prepared=SimpleNamespace(symbols=symbols)
    )


def test_pocketsphinx_hears_any_row_of_the_symbols(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", SimpleNamespace(Decoder=Decoder))
    assert task.peer(case(task, ("0", "7", "B")))(ROWS) == [("7", "B"), ()]
    assert Decoder.grammar.endswith("public <row> = (zero | seven | b)+;")
    assert Decoder.samples.size == 1_600  # 0.1 s at 16,000 samples a second
    assert 16_000 < Decoder.samples.max() < 16_384


def test_symbols_that_pocketsphinx_cannot_hear_leave_it_out(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", SimpleNamespace(Decoder=Decoder))
    with pytest.raises(Unavailable, match="dictionary lacks 'blorb'"):
        task.peer(case(task, ("7", "blorb")))
    with pytest.raises(Unavailable, match="not the letters"):
        task.peer(case(task, ("7",), target_symbols="letters"))


def test_without_pocketsphinx_the_peer_says_so(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(Unavailable, match="pip install pocketsphinx"):
        task.peer(case(task, ("7",)))
