"""Every setting of the service: one field each, set by a flag, else by an environment variable, else by its default.

`--header-seconds` and `ADVISOR_HEADER_SECONDS` set `header_seconds`. Processes that the service starts read the
environment, so `exported` writes what was decided back there.
"""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from advisor.errors import UsageError

PREFIX = "ADVISOR_"
MOST_PORT, MOST = 65_535, 1_000_000_000
ON_OFF = ("on", "off")


def _setting(default: str | int, told: str, *, least: int = 0, most: int = MOST, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"told": told, "least": least, "most": most, "choices": choices})


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service runs.

    >>> Settings().port, Settings().encoder
    (8000, 'on')
    """

    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 is any that is free", most=MOST_PORT)
    workers: int = _setting(1, "processes that answer; each has its own encoder, cache and metrics", least=1, most=64)
    keys: str = _setting("", "file of hashed API keys; without one no key is asked for")
    store: str = _setting(
        "", "where feedback is kept: a file (SQLite) or postgresql://…; default advisor/feedback.db in the state folder"
    )
    encoder: str = _setting("on", "whether the sentence encoder is asked where the rules are not sure", choices=ON_OFF)
    page: str = _setting(
        "auto", "whether the page at / is served; auto: only where no API key is asked for", choices=("auto", *ON_OFF)
    )
    threads: int = _setting(
        0, "threads for the encoder, and half as many for tables; 0: one for each processor, at most 4", most=64
    )
    queue: int = _setting(64, "requests that may wait for such a thread; one more is answered 503", most=100_000)
    cache: int = _setting(
        1_024, "answers kept in memory, never on disk, for requests that come again; 0 keeps none", most=100_000
    )
    rate: int = _setting(600, "requests a minute for each API key, or address where there are no keys; 0: any number")
    burst: int = _setting(100, "requests that may come at once before the rate counts", least=1)
    connections: int = _setting(1_000, "connections open at once, for each process", least=1)
    header_seconds: int = _setting(10, "seconds until the headers of a request must have come", least=1, most=3_600)
    body_seconds: int = _setting(
        20, "seconds in which a body must have come, or at least 16 KiB a second of it", least=1, most=3_600
    )
    idle_seconds: int = _setting(5, "seconds that a connection may wait for its next request", least=1, most=3_600)
    grace_seconds: int = _setting(30, "seconds that requests in flight get after SIGTERM", least=1, most=3_600)
    cors: str = _setting("", "origins whose pages may call, separated by commas; none by default")
    proxies: str = _setting("", "addresses of proxies whose X-Forwarded-For is believed, separated by commas")
    log: str = _setting(
        "on", "one JSON line on standard error for each request, with no word of a text", choices=ON_OFF
    )


def flag(each: "Field[Any]") -> str:
    """The flag that sets a field.

    >>> [flag(each) for each in all_settings()][:3]
    ['--host', '--port', '--workers']
    """
    return "--" + each.name.replace("_", "-")


def variable(each: "Field[Any]") -> str:
    """The environment variable that sets a field.

    >>> variable(all_settings()[1])
    'ADVISOR_PORT'
    """
    return PREFIX + each.name.upper()


def all_settings() -> tuple["Field[Any]", ...]:
    """Every setting, in the order in which they are told."""
    return fields(Settings)


def decided(flags: Mapping[str, str | None], environment: Mapping[str, str] | None = None) -> Settings:
    """The settings that flags and environment give; a flag counts more, and an empty variable counts as unset.

    Args:
        flags: field name -> what was given, None where nothing was.
        environment: os.environ unless given.

    Raises:
        UsageError: a value is not what the setting takes; it says which and what it takes.

    >>> settings = decided({"port": "80"}, {"ADVISOR_PORT": "90", "ADVISOR_RATE": "5"})
    >>> settings.port, settings.rate
    (80, 5)
    """
    environment = os.environ if environment is None else environment
    found: dict[str, Any] = {}
    for each in all_settings():
        given = flags.get(each.name)
        if given is not None:
            found[each.name] = _read(each, str(given), flag(each))
        elif environment.get(variable(each)):
            found[each.name] = _read(each, environment[variable(each)], variable(each))
    return Settings(**found)


def exported(settings: Settings, environment: MutableMapping[str, str]) -> None:
    """Write every setting into `environment`, so that `decided({}, environment)` gives them again."""
    for each in all_settings():
        environment[variable(each)] = str(getattr(settings, each.name))


def _read(each: "Field[Any]", given: str, where: str) -> str | int:
    told = each.metadata
    if each.type in (int, "int"):
        number = int(given) if given.isascii() and given.isdecimal() and len(given) <= len(str(MOST)) else -1
        if not told["least"] <= number <= told["most"]:
            raise UsageError(f"{where}: {given!r} is no whole number from {told['least']} to {told['most']}")
        return number
    if told["choices"] and given not in told["choices"]:
        raise UsageError(f"{where}: {given!r} is none of {', '.join(told['choices'])}")
    return given
