"""What is this template's own: WAV files of several kinds, lists, speakers that stay together, and what is refused."""

import json
import sys
import wave
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl
import pytest
from model import TEMPLATE

from models.kit import config, program, programs
from models.kit.config import write
from models.kit.listener import masked

PROJECT = Path(__file__).resolve().parents[1]
RATE = 8000


def tone(kind: str, generator: np.random.Generator) -> np.ndarray:
    """A quarter of a second of a low or a high tone under noise, -100 to 100."""
    hertz = {"low": 400, "high": 1600}[kind] * generator.uniform(0.9, 1.1)
    at = np.arange(RATE // 4) / RATE
    return 60 * np.sin(2 * np.pi * hertz * at) + generator.normal(0, 10, at.size)


def sounds() -> list[tuple[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    return [(kind, tone(kind, generator)) for _ in range(30) for kind in ("low", "high")]


def saved(path: Path, samples: np.ndarray, *, number: int) -> None:
    """A WAV file: 16 bits mono, 16 bits stereo at twice the rate, or 8 bits, in turn."""
    with wave.open(str(path), "wb") as file:
        channels, width, rate = ((1, 2, RATE), (2, 2, 2 * RATE), (1, 1, RATE))[number % 3]
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        if rate > RATE:
            samples = np.repeat(samples, 2)
        whole = samples + 128 if width == 1 else np.repeat(samples * 256, channels)
        file.writeframes(whole.round().astype(np.uint8 if width == 1 else "<i2").tobytes())


def train(folder: Path, **changes: object) -> tuple[int, dict[str, Any]]:
    own: dict[str, object] = {"copies": 0, "width": 16, "epochs": 8, "learning_rate": 0.01, "batch_rows": 8}
    write(PROJECT / "config.yaml", folder / "config.yaml", target="kind", **own, **changes)
    code = programs.train(TEMPLATE, str(PROJECT / "train.py"), ["--no-plots", "--config", str(folder / "config.yaml")])
    file = folder / "output" / "metrics.json"
    return code, json.loads(file.read_text()) if file.exists() else {}


def test_wav_files_of_a_table_whose_speakers_stay_together(tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    rows = []
    for number, (kind, samples) in enumerate(sounds()):
        saved(tmp_path / "wav" / f"{number}.wav", samples, number=number)
        rows.append({"file": f"wav/{number}.wav", "kind": kind, "speaker": f"s{number // 6}"})
    pl.DataFrame(rows).write_csv(tmp_path / "table.csv")
    code, found = train(tmp_path, table="table.csv", sound="file", group="speaker")
    assert code == program.DONE
    assert "whole groups" in found["split"]
    assert found["models"]["ours"]["scores"]["accuracy"]["value"] >= 0.9


def test_lists_in_json_lines(tmp_path: Path) -> None:
    lines = [json.dumps({"kind": kind, "samples": samples.round().tolist()}) for kind, samples in sounds()]
    (tmp_path / "table.jsonl").write_text("\n".join(lines) + "\n")
    code, found = train(tmp_path, table="table.jsonl", sound="samples")
    assert code == program.DONE
    assert found["data"]["rows"] == 60


def drawn(folder: Path, rows: list[dict[str, Any]], **changes: object) -> tuple[Any, Any]:
    """The data and the split of a table of lists, three copies of each sound."""
    (folder / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write(
        PROJECT / "config.yaml", folder / "config.yaml", table="table.jsonl", target="kind", **{"copies": 3, **changes}
    )
    settings = config.read(folder / "config.yaml", TEMPLATE.settings)
    data = TEMPLATE.read(settings, folder, None)
    return data, TEMPLATE.split(data, settings)


@pytest.mark.parametrize("changes", [{}, {"group": "speaker"}, {"part": "part"}], ids=["random", "group", "part"])
def test_copies_are_made_of_training_sounds_alone(tmp_path: Path, changes: dict[str, object]) -> None:
    rows = [
        {"kind": kind, "sound": samples.round().tolist(), "speaker": n // 6, "part": ("train", "train", "test")[n % 3]}
        for n, (kind, samples) in enumerate(sounds())
    ]
    data, split = drawn(tmp_path, rows, **changes)
    train, held = data.numbers[split.train], data.numbers[[*split.validation, *split.test]]
    assert not set(train) & set(held)
    assert set(train) | set(held) == set(range(1, len(rows) + 1))
    assert all(np.sum(train == number) == 3 for number in train)
    assert len(set(held)) == len(held)
    for place in (*split.validation, *split.test):
        assert np.array_equal(data.examples[place], rows[data.numbers[place] - 1]["sound"])
        assert data.about.labels[place] == rows[data.numbers[place] - 1]["kind"]
    assert f"3 copies of each of {len(set(train))} training recordings" in data.decisions[-1]


def test_where_each_class_has_one_recording_its_copies_are_the_test_too(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [{"kind": kind, "sound": tone(kind, generator).round().tolist()} for kind in ("low", "high")]
    data, split = drawn(tmp_path, rows, validation_share=0.05, copies=20)
    assert (split.train.size, split.test.size) == (30, 8)
    assert "its recordings are not" in data.decisions[-1]


@pytest.mark.parametrize(
    ("cell", "said"),
    [("nowhere.wav", "no such file"), ("config.yaml", "save it as WAV"), ("[1, null]", "finite numbers"), ("[]", "at")],
)
def test_what_is_no_sound_is_refused_with_its_row(
    cell: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps([1.0, 2.0] * 200)
    rows = {"kind": ["a", "b"] * 10, "sound": [good] * 19 + [cell]}
    pl.DataFrame(rows).write_csv(tmp_path / "table.csv")
    code, _ = train(tmp_path, table="table.csv")
    said_there = capsys.readouterr().err
    assert code not in (program.DONE, program.NOT_BETTER)
    assert "row 20" in said_there
    assert said in said_there


def test_what_is_hidden_is_a_stretch_of_time_and_one_of_bands() -> None:
    found = masked(np.ones((20, 32), dtype=np.float32), np.random.default_rng(0), share=0.5)
    times, bands = (found == 0).all(axis=1), (found == 0).all(axis=0)
    assert 0 < times.sum() <= 10
    assert 0 < bands.sum() <= 16
    assert (found == ~(times[:, None] | bands)).all()
