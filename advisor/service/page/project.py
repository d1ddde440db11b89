"""The starter of a framing -> a look at its code, which is copied as it is, and the button that fetches all of it."""

import io
import keyword
import tokenize
from functools import cache
from pathlib import Path

from advisor.framing import Framing
from advisor.service.page.answer import section
from advisor.service.page.markup import Html, element, joined

SHOWN = ("train.py", "model.py", "config.yaml")  # the files that are shown, in this order
DOWNLOAD = "starter"  # what the page's form says when the zip is wanted
_COLOURED = {tokenize.COMMENT: "c", tokenize.STRING: "s"}


def starter(framing: Framing) -> Html | None:
    """The starter's code and its download; None while there is no task to start on."""
    if framing.category is None:
        return None
    from models import catalog  # only pages with an answer need it

    template = catalog.choose(framing.category, framing.subtask)
    if template is None:
        said = f"There is no starter for {framing.card.task} yet; the card above says what to build."
        return section("starter", "Starter", element("p", said))
    told = (
        f"{template.title}. It trains, and compares a dummy, a classical peer ({template.peer}) and our baseline on "
        "the same split. The code is copied as it stands here; what is yours goes into config.yaml and problem.json."
    )
    # Not a form of its own: text, table and answers travel from the one form that holds them.
    fetch = element("button", "Download the starter (zip)", form="ask", name="do", value=DOWNLOAD, class_="primary")
    run = element("pre", element("code", "pip install -r requirements.txt\npython train.py"))
    files = [
        element(
            "details", element("summary", element("code", name)), _code(template.folder / name), open=name == SHOWN[0]
        )
        for name in SHOWN
        if (template.folder / name).is_file()
    ]
    return section("starter", "Starter", element("p", told), element("p", fetch), run, *files)


@cache
def _code(file: Path) -> Html:
    """A file with its comments, strings and keywords marked."""
    said = file.read_text(encoding="utf-8")
    inside = _coloured(said) if file.suffix == ".py" else joined(said)
    code = element("code", inside)
    return element("pre", code, tabindex="0", role="region", aria_label=f"Code of {file.name}")


def _coloured(source: str) -> Html:
    """Python source with comments, strings and keywords marked.

    >>> _coloured("x = 'a'  # b\\n")
    'x = <i class="s">&#x27;a&#x27;</i>  <i class="c"># b</i>\\n'
    """
    lines = source.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line))
    parts: list[str | Html] = []
    at = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = _COLOURED.get(token.type) or ("k" if keyword.iskeyword(token.string) else None)
        if kind is not None:
            start, end = (begins[row - 1] + column for row, column in (token.start, token.end))
            parts += [source[at:start], element("i", source[start:end], class_=kind)]
            at = end
    return joined(*parts, source[at:])
