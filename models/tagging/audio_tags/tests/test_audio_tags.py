"""What is this template's own: WAV files, data URLs and lists, tags of several forms, sounds without any, refusals."""

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

from models.kit import config, program, programs, voices

PROJECT = Path(__file__).resolve().parents[1]
RATE = 8000
HERTZ = {"low": 400, "middle": 900, "high": 1800}


def sounds() -> list[tuple[list[str], np.ndarray]]:
    """Half a second each of up to three tones at once under noise, -100 to 100."""
    generator = np.random.default_rng(0)
    at = np.arange(RATE // 2) / RATE
    found = []
    for number in range(96):
        heard = [name for place, name in enumerate(HERTZ) if number >> place & 1]
        tones = [np.sin(2 * np.pi * HERTZ[name] * generator.uniform(0.9, 1.1) * at) for name in heard]
        found.append((heard, np.round(25 * sum(tones, np.zeros(at.size)) + generator.normal(0, 4, at.size))))
    return found


def train(folder: Path, **changes: object) -> tuple[int, dict[str, Any]]:
    own: dict[str, object] = {"width": 16, "epochs": 15, "learning_rate": 0.01, "batch_rows": 8, "group": None}
    config.write(PROJECT / "config.yaml", folder / "config.yaml", **{**own, **changes})
    code = programs.train(TEMPLATE, str(PROJECT / "train.py"), ["--no-plots", "--config", str(folder / "config.yaml")])
    file = folder / "output" / "metrics.json"
    return code, json.loads(file.read_text()) if file.exists() else {}


def test_wav_files_with_tags_between_signs_and_places_that_stay_together(tmp_path: Path) -> None:
    rows = []
    for number, (heard, samples) in enumerate(sounds()):
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((samples * 256).astype("<i2").tobytes())
        rows.append({"file": f"{number}.wav", "heard": "; ".join(heard), "place": f"p{number // 8}"})
    pl.DataFrame(rows).write_csv(tmp_path / "table.csv")
    code, found = train(tmp_path, table="table.csv", sound="file", tags="heard", group="place")
    assert code == program.DONE
    assert "whole groups" in found["split"]
    assert found["data"]["rows"] == 96
    assert found["models"]["ours"]["scores"]["micro_f1"]["value"] >= 0.9


def test_lists_of_samples_with_lists_of_tags_and_rows_that_nobody_listened_to(tmp_path: Path) -> None:
    lines = [json.dumps({"sound": samples.tolist(), "tags": heard or None}) for heard, samples in sounds()]
    (tmp_path / "table.jsonl").write_text("\n".join(lines) + "\n")
    code, found = train(tmp_path, table="table.jsonl", tags="tags", no_tags="unknown")
    assert code == program.DONE
    assert found["data"]["rows"] == 84


def test_a_data_url_is_heard_as_the_list_of_its_samples(tmp_path: Path) -> None:
    rows = {"sound": [voices.wav(each) for _, each in sounds()], "tags": [json.dumps(each) for each, _ in sounds()]}
    pl.DataFrame(rows).write_csv(tmp_path / "table.csv")
    code, _ = train(tmp_path, table="table.csv", tags="tags")
    assert code == program.DONE
    settings = config.read(tmp_path / "config.yaml", TEMPLATE.settings)
    model = TEMPLATE.load(tmp_path / "output", settings)
    lists = pl.DataFrame({"sound": [each.tolist() for _, each in sounds()]})
    asked = [TEMPLATE.inputs(table, model, settings) for table in (pl.DataFrame(rows), lists)]
    one, other = (TEMPLATE.predict(model, each, settings).chances for each in asked)
    assert (one == other).all()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("nowhere.wav", "no such file"),
        ("data:audio/wav;base64,???", "not base64"),
        ("data:audio/wav;base64,AAAA", "save it as WAV"),
        ("[1, null]", "finite numbers"),
    ],
)
def test_what_is_no_sound_is_refused_with_its_row(
    cell: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps([1.0, 2.0] * 200)
    pl.DataFrame({"tags": ["a|b", "b"] * 20, "sound": [good] * 39 + [cell]}).write_csv(tmp_path / "table.csv")
    code, _ = train(tmp_path, table="table.csv", tags="tags")
    said_there = capsys.readouterr().err
    assert code not in (program.DONE, program.NOT_BETTER)
    assert "row 40" in said_there
    assert said in said_there
