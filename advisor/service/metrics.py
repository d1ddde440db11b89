"""What happened since the start, as Prometheus reads it (text format 0.0.4)."""

import os
from bisect import bisect_left
from collections import Counter

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LIMITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Metrics:
    """Counters of one process; `advisor_process_id` says which.

    >>> metrics = Metrics()
    >>> metrics.answered("/livez", 200, 0.002)
    >>> 'advisor_requests_total{route="/livez",status="200"} 1' in metrics.text({})
    True
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.categories: Counter[str] = Counter()
        self.doors: Counter[str] = Counter()  # how framings were found: cache, rules, pool
        self.in_flight = 0
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer of `route`, the template of its path."""
        self.requests[route, status] += 1
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(LIMITS) + 1)
        buckets[bisect_left(LIMITS, seconds)] += 1
        self._seconds[route] += seconds  # type: ignore[assignment]

    def text(self, gauges: dict[str, tuple[str, int]]) -> str:
        """All of it; `gauges` maps a name to its help and value."""
        lines = _head("advisor_requests_total", "counter", "answers by route and status")
        lines += [
            f'advisor_requests_total{{route="{route}",status="{status}"}} {count}'
            for (route, status), count in sorted(self.requests.items())
        ]
        lines += _head("advisor_request_seconds", "histogram", "time from the head of a request to its answer")
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for limit, count in zip((*map(str, LIMITS), "+Inf"), buckets, strict=True):
                total += count
                lines.append(f'advisor_request_seconds_bucket{{route="{route}",le="{limit}"}} {total}')
            lines.append(f'advisor_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}')
            lines.append(f'advisor_request_seconds_count{{route="{route}"}} {total}')
        for name, label, told, counts in (
            ("advisor_framings_total", "category", "framings by category", self.categories),
            ("advisor_framings_found_total", "by", "framings by what found them: cache, rules or pool", self.doors),
        ):
            lines += _head(name, "counter", told)
            lines += [f'{name}{{{label}="{value}"}} {count}' for value, count in sorted(counts.items())]
        for name, (told, value) in {
            "advisor_in_flight": ("requests being answered", self.in_flight),
            "advisor_process_id": ("which process answered this scrape", os.getpid()),
            **gauges,
        }.items():
            lines += [
                *_head(name, "gauge", told),
                f"{name} {value:g}" if name != "advisor_process_id" else f"{name} {value}",
            ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, told: str) -> list[str]:
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
