"""Small, free data sets that are there without a network: those of scikit-learn with readable names, and made ones."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from models.kit import canvases, voices
from models.kit.errors import TableError, did_you_mean

CANVASES, CROWDS, MARKED, TURNED = 2_400, 3_000, 2_400, 3_000  # pictures
CLIPS = 2_400  # sounds
PIXEL_STEP = 4  # of a photograph, down and across: its 273,280 take minutes to group
_DIGITS = "models/kit/canvases.py, of the digits of scikit-learn: Alpaydin and Kaynak, 1998, UCI"
_SYMBOLS = "data/*/default.wav of the package captcha 0.7.1, Hsiaoming Yang"
_DATES = Path(__file__).with_name("dates.parquet")
PREFIX = "sample:"  # in config.yaml: `table: sample:diabetes`


class Sample(NamedTuple):
    """A data set, the column to predict (empty where there is none), and where it comes from."""

    frame: pl.DataFrame
    target: str
    title: str
    origin: str
    licence: str


def names() -> tuple[str, ...]:
    """Returns the ids of the data sets.

    >>> names()[:8]
    ('breast_cancer', 'canvases', 'china', 'crowds', 'dates', 'diabetes', 'digits', 'marked')
    """
    return tuple(sorted(_SAMPLES))


def load(name: str) -> Sample:
    """Returns the data set of that id; raises `TableError` for an unknown one.

    >>> sample = load("diabetes")
    >>> sample.frame.shape, sample.target
    ((442, 11), 'progression')
    """
    if name not in _SAMPLES:
        raise TableError(
            f"there is no bundled data set {name!r}{did_you_mean(name, names())}; there are {', '.join(names())}"
        )
    return _SAMPLES[name]()


def _diabetes() -> Sample:
    from sklearn.datasets import load_diabetes

    return Sample(
        _frame(load_diabetes(scaled=False), "progression"),
        "progression",
        "Disease progression of 442 diabetes patients one year after the measurements",
        "Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression; through scikit-learn",
        "the authors state none; redistributed with scikit-learn (BSD-3-Clause)",
    )


def _breast_cancer() -> Sample:
    from sklearn.datasets import load_breast_cancer

    return Sample(
        _frame(load_breast_cancer(), "diagnosis"),
        "diagnosis",
        "Measurements of cell nuclei in 569 breast tumours, malignant or benign",
        "Wolberg, Street and Mangasarian (1995), Breast Cancer Wisconsin (Diagnostic), UCI; through scikit-learn",
        "CC BY 4.0",
    )


def _digits() -> Sample:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    frame = pl.DataFrame(bunch.data, schema=[str(name) for name in bunch.feature_names])
    return Sample(
        frame.with_columns(pl.Series("digit", [str(value) for value in bunch.target])),
        "digit",
        "1,797 handwritten digits of 13 people, each 8 by 8 pixels of 0 to 16",
        "Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI; through scikit-learn",
        "CC BY 4.0",
    )


def _china() -> Sample:
    """One row for each pixel that is kept.

    >>> _china().frame.shape
    (17120, 3)
    """
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("china.jpg")[::PIXEL_STEP, ::PIXEL_STEP].reshape(-1, 3)
    return Sample(
        pl.DataFrame(pixels, schema=["red", "green", "blue"]),
        "",
        "Colours of 17,120 pixels of a photograph of the Summer Palace: every fourth of every fourth line",
        "china.jpg, a photograph by Yee Fei; through scikit-learn",
        "CC BY",
    )


def _wine() -> Sample:
    from sklearn.datasets import load_wine

    return Sample(
        _frame(load_wine(), "cultivar"),
        "cultivar",
        "Chemical analysis of 178 wines of three cultivars",
        "Aeberhard and Forina (1992), Wine, UCI; through scikit-learn",
        "CC BY 4.0",
    )


def _frame(bunch: Any, target: str) -> pl.DataFrame:
    frame = pl.DataFrame(bunch.data, schema=[str(name) for name in bunch.feature_names])
    labels = [str(bunch.target_names[value]) for value in bunch.target] if "target_names" in bunch else bunch.target
    return frame.with_columns(pl.Series(target, labels))


def _postage() -> Sample:
    """Every zone with every weight in steps of 25 g: 1.20 and 0.35 for each started 50 g, twice that abroad."""
    rows = [(zone, grams) for zone in ("home", "abroad") for grams in range(25, 3001, 25)]
    fees = [round((1 if zone == "home" else 2) * (1.2 + 0.35 * -(-grams // 50)), 2) for zone, grams in rows]
    frame = pl.DataFrame({"zone": [zone for zone, _ in rows], "grams": [grams for _, grams in rows], "fee": fees})
    return Sample(
        frame,
        "fee",
        "Postage of 240 parcels, computed from a price list",
        "made for this project from an invented price list",
        "Apache-2.0, as this project",
    )


def _dates() -> Sample:
    """59 days from 1950 to 2049 in the numeric, medium and long form of twelve locales, each text of a locale once.

    >>> _dates().frame.row(0)
    ('7/20/1950', 'en_US', '1950-07-20')
    """
    return Sample(
        pl.read_parquet(_DATES),
        "iso",
        "2,001 dates as they are written in twelve locales, and in ISO 8601",
        "made for this project from the patterns and names of months of Unicode CLDR, through Babel 2.19.0",
        "Unicode-3.0, copyright 2004-2025 Unicode, Inc.",
    )


@cache  # it takes seconds
def _canvases() -> Sample:
    """One row for each digit of a canvas."""
    rows = [
        (url, *digit, f"batch {each.batch + 1}")
        for each in canvases.draw(CANVASES, most_digits=4, seed=0)
        for url in [canvases.png(each.picture)]
        for digit in each.digits
    ]
    return Sample(
        pl.DataFrame(rows, schema=["image", "digit", "x", "y", "w", "h", "batch_id"], orient="row"),
        "digit",
        "Handwritten digits pasted on 2,400 canvases among torn pieces of others: which is where",
        f"made for this project ({_DIGITS})",
        "CC BY 4.0",
    )


@cache
def _crowds() -> Sample:
    """One row for each canvas, with the digits that are on it, each named once."""
    rows = [
        (canvases.png(each.picture), "|".join(sorted({digit for digit, *_ in each.digits})), f"batch {each.batch + 1}")
        for each in canvases.draw(CROWDS, most_digits=5, seed=1)
    ]
    return Sample(
        pl.DataFrame(rows, schema=["image", "digits", "batch_id"], orient="row"),
        "digits",
        "Handwritten digits pasted on 3,000 canvases among torn pieces of others: which are there",
        f"made for this project ({_DIGITS})",
        "CC BY 4.0",
    )


@cache
def _marked() -> Sample:
    """One row for each canvas, with a picture of the same size that says of each pixel whose ink it is."""
    rows = [
        (canvases.png(each.picture), canvases.png(each.classes), f"batch {each.batch + 1}")
        for each in canvases.draw_marked(MARKED, seed=3)
    ]
    return Sample(
        pl.DataFrame(rows, schema=["image", "mask", "batch_id"], orient="row"),
        "mask",
        "Handwritten digits on 2,400 canvases, touching and among torn pieces of others: which pixel is of which",
        f"made for this project ({_DIGITS})",
        "CC BY 4.0",
    )


@cache
def _turned() -> Sample:
    """One row for each canvas, with the angle of its digit."""
    rows = [
        (canvases.png(each.picture), each.degrees, f"batch {each.batch + 1}")
        for each in canvases.draw_turned(TURNED, seed=2)
    ]
    return Sample(
        pl.DataFrame(rows, schema=["image", "degrees", "batch_id"], orient="row"),
        "degrees",
        "One handwritten digit on each of 3,000 canvases, turned among torn pieces of others: by how much",
        f"made for this project ({_DIGITS})",
        "CC BY 4.0",
    )


def _symbols() -> Sample:
    rows = [(name, voices.wav(samples)) for name, samples in voices.recordings().items()]
    return Sample(
        pl.DataFrame(rows, schema=["symbol", "sound"], orient="row"),
        "symbol",
        "36 recordings of one speaker who says the digits 0 to 9 and the letters A to Z",
        _SYMBOLS,
        "BSD-3-Clause",
    )


@cache  # it takes seconds
def _voices_together() -> Sample:
    """One row for each clip, with the symbols that are heard, each named once."""
    rows = [
        (voices.wav(each.samples), "|".join(each.symbols), f"speaker {each.voice + 1}")
        for each in voices.draw(CLIPS, most_symbols=4, seed=0)
    ]
    return Sample(
        pl.DataFrame(rows, schema=["sound", "symbols", "speaker_id"], orient="row"),
        "symbols",
        "Spoken digits and letters in 2,400 clips under noise, one to four at once, in made voices: which are heard",
        f"made for this project (models/kit/voices.py, of {_SYMBOLS})",
        "BSD-3-Clause",
    )


_SAMPLES: dict[str, Callable[[], Sample]] = {
    "breast_cancer": _breast_cancer,
    "canvases": _canvases,
    "china": _china,
    "crowds": _crowds,
    "dates": _dates,
    "diabetes": _diabetes,
    "digits": _digits,
    "marked": _marked,
    "postage": _postage,
    "symbols": _symbols,
    "turned": _turned,
    "voices_together": _voices_together,
    "wine": _wine,
}
