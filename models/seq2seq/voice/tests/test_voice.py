"""What is this template's own: spectra and sounds, what is refused, and that a text is spoken as it is written."""

import base64
import io
import sys
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl
import pytest
import speaker
import vocoder
from model import TEMPLATE, Answers, Settings

from models.kit import config
from models.kit.errors import TableError

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def untrained() -> speaker.Model:
    return speaker.Model(("A", "B"), (20, 30), speaker.Network(symbols=2, width=8), 8)


def settings(**changes: str) -> Settings:
    return config.read(PROJECT / "config.yaml", Settings, changes=changes)


def test_more_rounds_bring_a_sound_nearer_to_its_spectra() -> None:
    at = np.arange(6000) / 8000
    sound = (np.sin(2 * np.pi * (300 + 400 * at) * at) + 0.5 * np.sin(2 * np.pi * 1500 * at)).astype(np.float32)
    wanted = vocoder.spectrum(sound)
    far = [np.abs(vocoder.spectrum(vocoder.spoken(wanted, rounds=rounds)) - wanted).mean() for rounds in (0, 5, 60)]
    assert far[0] > far[1] > far[2]


def test_a_text_is_as_long_as_its_symbols_and_their_gaps(untrained: speaker.Model) -> None:
    logs = speaker.spectra(untrained, ("A", "B", "A"), gap=5)
    assert logs.shape == (20 + 30 + 20 + 4 * 5, vocoder.BINS)
    assert (logs[:5] == speaker.SILENCE).all()


def test_what_is_shown_is_a_wav_file(untrained: speaker.Model) -> None:
    sounds = [np.sin(np.arange(800, dtype=np.float32))]
    row = TEMPLATE.shown(Answers(sounds, 8000), untrained).row(0, named=True)
    with wave.open(io.BytesIO(base64.b64decode(row["wav"]))) as file:
        assert (file.getnframes(), file.getframerate(), file.getsampwidth()) == (800, 8000, 2)
    assert row["seconds"] == pytest.approx(0.1)


@pytest.mark.parametrize(("text", "said"), [("A C", "'C' was never recorded"), ("", "no text to speak")])
def test_what_cannot_be_spoken_is_refused_with_its_row(text: str, said: str, untrained: speaker.Model) -> None:
    table = pl.DataFrame({"symbol": ["A", text]})
    with pytest.raises(TableError, match=f"row 2: .*{said}|row 2: there is {said}"):
        TEMPLATE.inputs(table, untrained, settings())


def test_a_listener_that_does_not_know_the_words_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(2, 2000)).tolist()
    pl.DataFrame({"symbol": ["yes", "no"], "sound": noise}).write_parquet(tmp_path / "words.parquet")
    given = settings(table=str(tmp_path / "words.parquet"))
    with pytest.raises(TableError, match="does not know 'no', 'yes'; train the template seq2seq/speech"):
        TEMPLATE.read(given, PROJECT, None)


def test_a_recording_of_several_words_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(2, 2000)).tolist()
    pl.DataFrame({"symbol": ["A", "B C"], "sound": noise}).write_parquet(tmp_path / "words.parquet")
    with pytest.raises(TableError, match="row 2: 'B C' is not one symbol"):
        TEMPLATE.read(settings(table=str(tmp_path / "words.parquet")), PROJECT, None)
