"""How many requests each caller may send: a token bucket for each API key or address."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

MOST_CALLERS = 10_000  # remembered at once; the one not seen for longest is forgotten, and would have a full bucket


class Left(NamedTuple):
    """What is left to a caller; `wait` is the seconds until the next request is allowed, 0 where this one is."""

    allowed: bool
    remaining: int
    full_in: int  # seconds
    wait: int


class Buckets:
    """A bucket of `burst` tokens for each caller, refilled with `rate` a minute.

    >>> buckets = Buckets(rate=60, burst=2)
    >>> [buckets.take("a", now=0.0).allowed for _ in range(3)], buckets.take("a", now=1.0).allowed
    ([True, True, False], True)
    """

    def __init__(self, *, rate: int, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._each_second = rate / 60
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> tokens, when

    def take(self, caller: str, *, now: float) -> Left:
        """Take a token of `caller` at `now`, in seconds of a clock that never goes back."""
        tokens, then = self._callers.pop(caller, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - then) * self._each_second)
        allowed = tokens >= 1
        tokens -= allowed
        self._callers[caller] = tokens, now
        if len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        full_in = -int(-(self.burst - tokens) // self._each_second)
        return Left(allowed, int(tokens), full_in, 0 if allowed else -int(-(1 - tokens) // self._each_second))


def caller_of(address: str) -> str:
    """Whose bucket an address takes from: its own, or its /64 network's, of which one caller has all addresses.

    >>> caller_of("192.0.2.7"), caller_of("2001:db8::1") == caller_of("2001:db8::2")
    ('192.0.2.7', True)
    """
    if ":" not in address:
        return address
    try:
        number = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(IPv6Address(int(number) >> 64 << 64)) + "/64"
