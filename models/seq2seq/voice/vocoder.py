"""From sounds to log-spectra and back: short spectra, and a sound that has them (Griffin and Lim, 1984)."""

import base64
import io
import wave

import numpy as np
import numpy.typing as npt

from models.kit.sound import Samples

SIZE, HOP = 256, 64  # samples of a frame, and between two
BINS = SIZE // 2 + 1
QUIETEST = 0.05  # added to an amplitude before the logarithm; recordings are brought to a mean energy of 1
MOMENTUM = 0.9  # of the fast form (Perraudin, Balazs and Søndergaard, 2013)
LOUDEST = 32_000  # of a WAV file's 16 bits
WINDOW = np.hanning(SIZE + 1)[:-1]

Spectrum = npt.NDArray[np.float32]  # (frames, bins)


def spectrum(samples: Samples) -> Spectrum:
    """Returns the logarithm of the amplitude of each frame and frequency.

    >>> spectrum(np.zeros(512, dtype=np.float32)).shape
    (9, 129)
    """
    return np.log(np.abs(_analysed(samples.astype(np.float64))) + QUIETEST).astype(np.float32)


def spoken(logs: Spectrum, *, rounds: int) -> Samples:
    """Returns a sound whose spectra are near to those: its phases are found in `rounds`, from random ones.

    >>> tone = np.sin(np.arange(2048) * 0.3).astype(np.float32)
    >>> again = spectrum(spoken(spectrum(tone), rounds=30))
    >>> bool(np.abs(again - spectrum(tone)).mean() < 0.2)
    True
    """
    amplitude = np.maximum(np.exp(logs.astype(np.float64)) - QUIETEST, 0.0)
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, amplitude.shape)
    before = wanted = amplitude * np.exp(1j * phases)
    for _ in range(rounds):
        found = _analysed(_joined(wanted))
        ahead = found + MOMENTUM * (found - before)
        wanted = amplitude * ahead / np.maximum(np.abs(ahead), 1e-9)
        before = found
    sound: Samples = _joined(wanted).astype(np.float32)
    return sound


def _analysed(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    """Returns the spectra of frames whose middles are `HOP` apart, the first at the first sample."""
    padded = np.pad(samples, SIZE // 2)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP]
    return np.fft.rfft(pieces * WINDOW)


def _joined(spectra: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """Returns the sound whose frames are nearest to those: overlapping parts are added and weighed by the window."""
    pieces = (np.fft.irfft(spectra, SIZE) * WINDOW).reshape(len(spectra), -1, HOP)
    weights = (WINDOW**2).reshape(-1, HOP)
    overlap = pieces.shape[1]
    total, share = np.zeros((2, len(spectra) + overlap - 1, HOP))
    for part in range(overlap):
        total[part : part + len(spectra)] += pieces[:, part]
        share[part : part + len(spectra)] += weights[part]
    whole: npt.NDArray[np.float64] = (total / np.maximum(share, 1e-3)).ravel()
    return whole[SIZE // 2 : whole.size - SIZE // 2 + (HOP if len(spectra) == 1 else 0)]


def wav(samples: Samples, *, rate: int) -> bytes:
    """Returns the sound as a WAV file of 16 bits, as loud as it may be.

    >>> wav(np.zeros(8, dtype=np.float32), rate=8000)[:4]
    b'RIFF'
    """
    loud = samples * (LOUDEST / max(float(np.abs(samples).max(initial=0)), 1e-9))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(loud.round().astype("<i2").tobytes())
    return content.getvalue()


def text(samples: Samples, *, rate: int) -> str:
    """Returns the WAV file in base64, as a table or JSON can hold it."""
    return base64.b64encode(wav(samples, rate=rate)).decode("ascii")
