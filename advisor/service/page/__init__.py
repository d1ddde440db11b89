"""The page at `/`: a framing as HTML that is whole without JavaScript, and one small script on top.

Context: the text is a stranger's, the browser may have no script, and the page must not lean on anything elsewhere.
Decision: **Python functions from frozen data to HTML; every string is escaped where it becomes markup, in one place.**
`markup.element` escapes text and attributes and shows characters that nobody can see; only what it returns is markup.
Everything goes through one form, posted to `/` with the text in the body, so that no address ever carries it. The
script (page.js) posts the same form, puts the answer in place, reads a table where the user chose one, and reads the
text of a shared link from the fragment, which browsers keep to themselves.
Consequences: no template language, no framework, nothing to build; style and script are two files under a content
security policy that allows nothing else. Alternatives: a template engine (escapes by habit and not by type), a page
that is drawn by script (nothing without it, and everything twice).
"""

from starlette.routing import Route


def routes() -> list[Route]:
    """The routes of the page, to be mounted at the root beside those of REST."""
    from advisor.service.page.endpoints import ROUTES  # needs the rest of the service; rendering alone does not

    return ROUTES
