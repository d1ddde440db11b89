"""Sounds: read from cells or WAV files, joined into strings with changes of speed, loudness and noise, and seen as
frames of log-energies in bands that are spaced as the ear hears (mel).
"""

import base64
import binascii
import io
import json
import wave
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit.errors import TableError

Samples = npt.NDArray[np.float32]

FRAME_SECONDS, HOP_SECONDS = 0.032, 0.016
BANDS, LOWEST_HERTZ = 32, 100.0
DIGITS = 2  # after the point of a sample that was made
DATA_URL = "data:"
QUIETEST = 1e-6  # energy added before the logarithm
FEWEST, MOST = 3, 6  # symbols in a string that is made
SPEEDS, GAINS_DB, GAPS_SECONDS = (0.85, 1.15), (-6.0, 6.0), (0.03, 0.2)  # drawn evenly within


def read(cell: Any, *, rate: int, folder: Path, where: str) -> Samples:
    """Returns the samples of a cell at `rate` samples a second: a list of numbers, the path of a WAV file, or the file
    itself as a data URL (`data:audio/wav;base64,…`).

    Several channels are averaged. Raises `TableError`, which begins with `where`.
    """
    if isinstance(cell, str) and cell.lstrip().startswith("["):  # JSON lines and CSV keep a list as text
        with suppress(ValueError, RecursionError):
            cell = json.loads(cell)
    if isinstance(cell, pl.Series | list):
        try:
            samples = np.asarray(cell, dtype=np.float32)
        except (TypeError, ValueError):
            samples = np.empty(0, dtype=np.float32)
        if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
            raise TableError(f"{where}: a list of samples should hold finite numbers, and at least one")
        return samples
    if not isinstance(cell, str):
        raise TableError(f"{where}: should be the path of a WAV file or a list of samples, not {cell!r}")
    path, source = _opened(cell, folder=folder, where=where)
    try:
        with wave.open(source) as file:
            width, channels, own = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise TableError(
            f"{where}: {path}: there is no such file; paths are relative to the project's folder"
        ) from None
    except (OSError, EOFError, wave.Error) as error:
        raise TableError(f"{where}: {path}: cannot be read ({error}); save it as WAV, PCM with 8 or 16 bits") from None
    if width not in (1, 2) or not data:
        raise TableError(f"{where}: {path}: {8 * width} bits, {len(data)} bytes; save it as WAV, PCM with 8 or 16 bits")
    raw = np.frombuffer(data, np.uint8) - 128.0 if width == 1 else np.frombuffer(data, "<i2") / 256
    mono: Samples = raw.astype(np.float32).reshape(-1, channels).mean(axis=1)
    sound: Samples = mono if own == rate else stretched(mono, own / rate)
    return sound


def column(cells: pl.Series, rows: Sequence[int] | None = None, *, rate: int, folder: Path) -> list[Samples]:
    """Returns the sounds of a column, or of those rows (from 0) of it; raises `TableError` that names the row.

    >>> column(pl.Series("heard", [[0.0, 1.0], [2.0]]), [1], rate=8000, folder=Path())
    [array([2.], dtype=float32)]
    """
    return [
        read(cells[row], rate=rate, folder=folder, where=f"row {row + 1}: {cells.name}")
        for row in (range(len(cells)) if rows is None else rows)
    ]


def _opened(cell: str, *, folder: Path, where: str) -> tuple[Path | str, str | io.BytesIO]:
    """Returns what a WAV file is called in errors, and its path, or its bytes where the cell holds them."""
    if not cell.startswith(DATA_URL):
        path = folder / Path(cell).expanduser()
        return path, str(path)
    kind, _, body = cell.partition(",")
    try:
        return f"{kind[:60]},…", io.BytesIO(base64.b64decode(body, validate=True))
    except binascii.Error as error:
        raise TableError(f"{where}: {kind[:60]},…: not base64 ({error})") from None


def stretched(samples: Samples, factor: float) -> Samples:
    """Returns the sound `factor` times as fast, linearly interpolated.

    >>> stretched(np.arange(4, dtype=np.float32), 2.0).tolist()
    [0.0, 2.0]
    """
    places = np.arange(0, samples.size - 1e-6, factor)
    found: Samples = np.interp(places, np.arange(samples.size), samples).astype(np.float32)
    return found


def rounded(samples: Samples) -> Samples:
    """Returns samples as a question holds them, so that those of training are heard alike.

    >>> rounded(np.array([0.123], dtype=np.float32)).tolist()
    [0.11999999731779099]
    """
    found: Samples = np.round(samples, DIGITS).astype(np.float32)
    return found


def string(sounds: list[Samples], generator: np.random.Generator, *, rate: int, snr_db: float) -> Samples:
    """Returns sounds one after the other, each at a speed and loudness of its own, with gaps, under white noise.

    The noise has the mean energy of the sounds less `snr_db` decibels; sounds are first made equally loud.
    """
    parts = [np.zeros(int(rate * generator.uniform(*GAPS_SECONDS)), dtype=np.float32)]
    for sound in sounds:
        loud = sound / max(float(np.sqrt(np.mean(sound**2))), QUIETEST)
        gain = 10 ** (generator.uniform(*GAINS_DB) / 20)
        parts.append(stretched(loud, generator.uniform(*SPEEDS)) * np.float32(gain))
        parts.append(np.zeros(int(rate * generator.uniform(*GAPS_SECONDS)), dtype=np.float32))
    whole = np.concatenate(parts)
    spoken = np.concatenate(parts[1::2])
    level = np.sqrt(np.mean(spoken**2)) * 10 ** (-snr_db / 20)
    noisy: Samples = (whole + generator.standard_normal(whole.size) * level).astype(np.float32)
    return noisy


def frames(samples: Samples, *, rate: int) -> Samples:
    """Returns log-energies (frames, bands), centred and scaled over the sound, so that its loudness does not matter.

    >>> frames(np.sin(np.arange(8000, dtype=np.float32)), rate=8000).shape
    (61, 32)
    """
    size, hop = round(rate * FRAME_SECONDS), round(rate * HOP_SECONDS)
    if samples.size < size:
        samples = np.pad(samples, (0, size - samples.size))
    pieces = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop] * np.hanning(size).astype(np.float32)
    energy = np.abs(np.fft.rfft(pieces)) ** 2
    logs = np.log(energy @ filters(size, rate).T + QUIETEST)
    scaled: Samples = ((logs - logs.mean()) / (logs.std() + QUIETEST)).astype(np.float32)
    return scaled


def filters(size: int, rate: int) -> npt.NDArray[np.float64]:
    """Returns triangles over the frequencies of a frame: (bands, size // 2 + 1) (Davis and Mermelstein 1980)."""
    edges = _hertz(np.linspace(_mel(LOWEST_HERTZ), _mel(rate / 2), BANDS + 2))
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = 700 * (10 ** (mel / 2595) - 1)
    return found
