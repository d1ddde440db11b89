"""Text -> markup: the one place where anything becomes HTML."""

import re
import unicodedata
from html import escape

_VOID = frozenset(("input", "link", "meta"))
_CLOSED = frozenset(("rect", "path", "circle"))  # of SVG, where an element without content must say so
_ODD = re.compile(  # what has no width, turns the direction, or steers a terminal; line feed and tab are not odd
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_JOINER = "\u200d"  # of an emoji that is made of several, it is left alone


class Html(str):
    """Markup, as opposed to text; only this module and whoever composes its results make it."""

    __slots__ = ()


Child = str | Html | None


def element(name: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """An element. Children that are not `Html` are text: escaped, and what is unseen in them shown.

    Attributes: a trailing underscore is dropped and the others become hyphens; True is an empty attribute, None and
    False are left out.

    >>> element("p", "1 < 2", class_="note", hidden=True)
    '<p class="note" hidden>1 &lt; 2</p>'
    >>> element("p", element("b", "<"), None, "\\u202ex")
    '<p><b>&lt;</b><span class="odd" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>x</p>'
    """
    opening = f"<{name}{''.join(map(_attribute, attributes.items()))}>"
    if name in _VOID:
        return Html(opening)
    if name in _CLOSED:
        return Html(f"{opening[:-1]}/>")
    return Html(f"{opening}{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """Several children, one after the other.

    >>> joined("a&b", None, Html("<br>"))
    'a&amp;b<br>'
    """
    return Html("".join(child if isinstance(child, Html) else text(child) for child in children if child is not None))


def text(said: str) -> Html:
    """`said` as markup that shows it: nothing in it is a tag, and nothing in it stays unseen.

    >>> text("a\\u200bb")
    'a<span class="odd" title="ZERO WIDTH SPACE">U+200B</span>b'
    """
    if said.isascii() and said.isprintable():
        return Html(escape(said))
    parts, at = [], 0
    for found in _ODD.finditer(said):
        if found[0] == _JOINER and _joins_emoji(said, found.start()):
            continue
        parts += [escape(said[at : found.start()]), _odd(found[0])]
        at = found.end()
    return Html("".join([*parts, escape(said[at:])]))


def raw(said: str) -> Html:
    """`said` escaped and otherwise as it is, for a field whose content goes back to the server."""
    return Html(escape(said))


def plain(said: str) -> str:
    """`said` for a title: characters that would be unseen are named.

    >>> plain("a\\u202eb")
    'aU+202Eb'
    """
    return _ODD.sub(lambda found: f"U+{ord(found[0]):04X}", said)


def _odd(character: str) -> str:
    name = unicodedata.name(character, "CONTROL CHARACTER")
    return f'<span class="odd" title="{escape(name)}">U+{ord(character):04X}</span>'


def _joins_emoji(said: str, place: int) -> bool:
    """Whether the joiner stands between two pictures, as in a family."""
    before, after = said[:place].rstrip("\ufe0f")[-1:], said[place + 1 : place + 2]
    return all(sign and unicodedata.category(sign) in ("So", "Sk") for sign in (before, after))


def _attribute(pair: tuple[str, str | bool | None]) -> str:
    name, value = pair
    name = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
