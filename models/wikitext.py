"""Articles of a MediaWiki dump as plain paragraphs, without the markup.

The XML is read without a document type, so no entity is ever declared, let alone expanded or loaded. The markup is read
in one pass with a stack: what is opened and closed (templates, tables, references, pictures) is left out with all that
it holds; what is opened and never closed loses its sign and keeps its text. The time is linear in the length of a page.
"""

import html
import re
from collections import Counter
from typing import NamedTuple
from xml.etree import ElementTree

from models.kit.errors import Refused

ARTICLES = "0"  # the namespace
FEWEST_WORDS = 5  # of a paragraph; shorter lines are captions, entries of lists and what is left of markup
LEFT_OUT = "ref|math|chem|gallery|timeline|score|source|syntaxhighlight|code|pre|imagemap|hiero|table"

_MARK = re.compile(
    rf"""(?P<comment><!--|-->)
    |<(?P<end>/?)(?P<element>{LEFT_OUT})\b[^<>]*>
    |(?P<template>\{{\{{|\}}\}})
    |^[ \t:]*(?P<table>\{{\||\|\}}(?!\}}))
    |(?P<picture>\[\[[ ]*(?:file|image|media|category|(?-i:[a-z]{{2,3}}(?:-[a-z]+)?)):)
    |(?P<link>\[\[|\]\])
    |(?P<bar>\|)
    |(?P<sign>'{{2,}}|\[?(?:https?:|ftp:)?//[^\s\[\]{{}}<>|]*|</?[a-z][^<>]*>|__[A-Z]+__)""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_REDIRECT = re.compile(r"\s*#redirect\b", re.IGNORECASE)
_NO_PARAGRAPH = re.compile(r"[ \t:]*(?:=.*=\s*$|[|!])")
_NO_SIGN = re.compile(r"&#[xX]?[0-9a-fA-F]{8,};?")  # a number that no character has; longer ones no int reads
_LIST = re.compile(r"^[\s*#:;]+")
_CLOSED = {"{{": "}}", "{|": "|}", "[[": "]]", "<!--": "-->"}


class _Open(NamedTuple):
    """Something that was opened: what will close it, where its text begins, and whether that is left out."""

    closer: str
    start: int
    left_out: bool


def articles(dump: bytes) -> list[str]:
    """Returns the markup of each article of a dump; redirects and pages of other namespaces are passed over.

    Raises `Refused` where it is no such dump, is damaged, or declares a document type.

    >>> articles(b"<mediawiki><page><ns>0</ns><revision><text>''Tea'' is hot.</text></revision></page></mediawiki>")
    ["''Tea'' is hot."]
    """
    found = _Pages()
    parser: ElementTree.XMLParser = ElementTree.XMLParser(target=found)
    try:
        parser.feed(dump)
        parser.close()
    except ElementTree.ParseError as error:
        raise Refused(f"not a dump of MediaWiki, or a damaged one ({error}); nothing was kept") from None
    return found.articles


def paragraphs(markup: str) -> list[str]:
    """Returns the paragraphs of an article, without headings, tables and lines of a few words.

    >>> paragraphs("== Tea ==\\n{{box|a=[[b]]}}'''Tea''' is a [[Drink|drink]] drunk<ref>Lu</ref> hot.\\n* [[Milk]]")
    ['Tea is a drink drunk hot.']
    """
    lines = [_LIST.sub("", line) for line in plain(markup).split("\n") if not _NO_PARAGRAPH.match(line)]
    found = [" ".join(html.unescape(_NO_SIGN.sub(" ", line)).split()) for line in lines]
    return [line for line in found if line.count(" ") + 1 >= FEWEST_WORDS]


def plain(markup: str) -> str:
    """Returns a text without marks, and without what stands in templates, tables, references and pictures.

    >>> plain("a {{b|{{c}}}} [[d (e)|d]] [[File:f.jpg|thumb|[[g]]]] {{h [http://i j] < k")
    'a  d  h  j] < k'
    """
    found: list[str] = []
    opened: list[_Open] = []
    waiting: Counter[str] = Counter()
    after = 0
    for mark in _MARK.finditer(markup):
        found.append(markup[after : mark.start()])
        after = mark.end()
        kind, sign = str(mark.lastgroup), mark[0].strip(" \t:")
        if kind == "bar":
            if opened and opened[-1].closer == "]]" and not opened[-1].left_out:
                del found[opened[-1].start :]  # [[where it leads|what is read]]
            else:
                found.append(sign)
        elif kind == "element" and mark[0].endswith("/>"):
            pass  # it holds nothing
        elif kind != "sign":
            element = f"</{mark['element']}>".lower() if kind == "element" else None
            opens = not mark["end"] if element else kind == "picture" or sign in _CLOSED
            closer = element or (_CLOSED["[["] if kind == "picture" else _CLOSED.get(sign, sign))
            if opens:
                opened.append(_Open(closer, len(found), kind != "link"))
                waiting[closer] += 1
            elif waiting[closer]:
                _close(closer, opened, waiting, found)
    return "".join([*found, markup[after:]])


def _close(closer: str, opened: list[_Open], waiting: Counter[str], found: list[str]) -> None:
    """Closes what was opened last and waits for that sign; what was opened within it and never closed is forgotten."""
    while opened:
        last = opened.pop()
        waiting[last.closer] -= 1
        if last.closer == closer:
            if last.left_out:
                del found[last.start :]
            return


class _Pages:
    """What the parser tells of a dump: collects the text of each article."""

    def __init__(self) -> None:
        self.articles: list[str] = []
        self._held: dict[str, str] = {}
        self._parts: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begins a page, or a text that is wanted of it."""
        name = tag.rpartition("}")[2]
        if name == "page":
            self._held = {}
        elif name == "redirect":
            self._held[name] = ""
        self._parts = [] if name in ("ns", "text") else None

    def data(self, text: str) -> None:
        """Takes a piece of a text."""
        if self._parts is not None:
            self._parts.append(text)

    def end(self, tag: str) -> None:
        """Ends a text or a page; of several revisions the last one counts."""
        name = tag.rpartition("}")[2]
        if self._parts is not None:
            self._held[name] = "".join(self._parts)
            self._parts = None
        if name == "page":
            text = self._held.get("text", "")
            redirected = "redirect" in self._held or _REDIRECT.match(text)
            if self._held.get("ns", ARTICLES).strip() == ARTICLES and text.strip() and not redirected:
                self.articles.append(text)

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Refuses: only a document type can declare entities, and a dump of MediaWiki has none."""
        raise Refused(f"the XML declares a document type ({name}), which no dump of MediaWiki does; nothing was kept")

    def close(self) -> None:
        """Ends the file."""
