"""The page at `/`: what the service shows to a person with a browser."""

from starlette.routing import Route


def routes() -> list[Route]:
    """The routes of the page, mounted at the root beside those of REST."""
    return []
