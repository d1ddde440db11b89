"""The door for texts: what a description may hold, the same for Python, terminal and REST."""

from advisor.errors import InputRefused

MOST_CHARACTERS = 8_000  # Unicode code points
MOST_MARKS = 30  # combining marks in a row; the Stream-Safe Text Format of Unicode Standard Annex 15


def check(text: str) -> str:
    """`text` itself, when it can be framed.

    Raises:
        InputRefused: not a string, empty, longer than 8,000 characters, or with characters that no text has.

    >>> check("Which patients will come back?")
    'Which patients will come back?'
    """
    if not isinstance(text, str):
        raise InputRefused(
            f"the description is a {type(text).__name__}, not a text; pass a str", code="description_not_text"
        )
    if len(text) > MOST_CHARACTERS:
        raise InputRefused(
            f"the description has {len(text):,} characters, more than {MOST_CHARACTERS:,}; "
            "keep what you want to know and what data there is",
            code="description_too_long",
        )
    if "\0" in text:
        raise InputRefused(
            f"the description holds a NUL character at position {text.index(chr(0))}; remove it", code="description_nul"
        )
    if not text.isascii():
        _check_unicode(text)
    if not any(c.isalnum() for c in text):
        raise InputRefused(
            "the description is empty; write in a sentence what you want to know", code="description_empty"
        )
    return text


def _check_unicode(text: str) -> None:
    import unicodedata  # most texts need no part of it

    marks = 0
    for position, character in enumerate(text):
        if "\ud800" <= character <= "\udfff":
            raise InputRefused(
                f"the description holds half of a surrogate pair at position {position}; encode it as UTF-8 again",
                code="description_surrogate",
            )
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        if marks > MOST_MARKS:
            raise InputRefused(
                f"the description holds more than {MOST_MARKS} combining marks in a row at position {position}; "
                "remove them",
                code="description_marks",
            )
