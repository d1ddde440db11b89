"""Hostile requests to a service of our own on 127.0.0.1: none may be answered with 5xx, and memory stays bounded.

    python tests/benchmarks/fuzz.py --requests 200000     # all of it; five minutes of processor time or so
    python tests/benchmarks/fuzz.py --requests 200000 --encoder off     # some minutes
    python tests/benchmarks/fuzz.py --seconds 60          # as much as fits

Four kinds: well-formed HTTP with damaged bodies, damaged bytes, bodies from hypothesis, and, where it is installed,
what schemathesis makes of /openapi.json. Beside them a few attacks that are about size and time.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent.parent
HOST = "127.0.0.1"
SECONDS = 2  # that the service waits for heads and bodies here
MOST_MEMORY = 900_000  # kB that the service may ever have used: interpreter, encoder, tables and four batches
PIPELINED = 25
AT_ONCE = 20  # bodies that hypothesis makes before the clock is looked at
TEXT = "What other books should we suggest to each reader from what they borrowed before?"
JSON, LINES = "application/json", "application/x-ndjson"
TABLE = {"columns": ["a", "b"], "rows": [[1, "x"], [2.5, None]]}
FEEDBACK = {"framing": "0" * 32, "category": "ranking", "consent": False}
BODIES = [  # how often each is sent; tables, and what is not cut short by its damage, take the longest
    (60, "/v1/framings", JSON, json.dumps({"text": TEXT})),
    (10, "/v1/framings", JSON, json.dumps({"text": TEXT, "answers": {"what-comes-out": "number"}})),
    (1, "/v1/framings", JSON, json.dumps({"text": TEXT, "table": TABLE})),
    (5, "/v1/framings:batch", LINES, json.dumps({"id": "a", "text": TEXT}) + "\n" + json.dumps({"text": TEXT}) + "\n"),
    (10, "/v1/feedback", JSON, json.dumps(FEEDBACK)),
    (2, "/v1/starters", JSON, json.dumps({"text": TEXT, "template": "nothing/here"})),
]
WEIGHTS = [weight for weight, *_ in BODIES]
PATHS = [
    "/", "/livez", "/readyz", "/metrics", "/docs", "/openapi.json", "/v1/taxonomy", "/v1/taxonomy/ranking",
    "/v1/rules/x", "/v1/framings", "/v1/%00", "/v1/rules/%ff%fe", "/v1/rules/..%2f..", "//",
    "/v1/taxonomy/" + "x" * 5_000, "/?" + "q" * 3_000,
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "CONNECT"]
PIECES = [
    *'{}[]:,"\\', "null", "true", "NaN", "-Infinity", "1e999", "-0", "9" * 5_000, '"text"', '"answers"', '"table"',
    '"rows"', '"columns"', '"hello"', '"\\ud800"', '"\\udc00\\ud800"', "\x00", "\\u0000", "é", "😀", "\u202e", "\u200b",
    "[" * 500, '{"a":' * 300, "\ufeff", " " * 2_000, "a\u0301" * 40, "\x7f", "\r\n", '"id"', "1" * 400, "'",
    "<script>", "%s%n", "../",
]  # fmt: skip


@contextmanager
def service(encoder: str = "on"):
    """A service of our own; yields its port and process."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "advisor", "serve", "--port", str(port), "--rate", "0", "--log", "off"]
        command += ["--encoder", encoder, "--header-seconds", str(SECONDS), "--body-seconds", str(SECONDS)]
        command += ["--store", f"{folder}/feedback.db"]
        with open(Path(folder) / "log", "w+b") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, stderr=log
            )
            try:
                wait_for(port, process)
                yield port, process
            finally:
                process.terminate()
                code = process.wait(timeout=60)
                log.seek(0)
                broken = [line for line in log.read().decode().splitlines() if '"error"' in line]
                if broken or code:
                    raise SystemExit(f"the service ended with {code} and told: {broken[:5]}")


def wait_for(port: int, process: subprocess.Popen) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/livez", timeout=5).read()
            return
        except OSError:
            if process.poll() is not None:
                raise SystemExit("the service did not start") from None
            time.sleep(0.1)
    raise SystemExit("the service did not answer within a minute")


def answered(port: int) -> Counter:
    """Answers by status, as the service itself counts them."""
    text = urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=30).read().decode()
    found: Counter = Counter()
    for status, count in re.findall(r'advisor_requests_total\{.*status="(\d+)"\} (\d+)', text):
        found[status] += int(count)
    return found


def most_memory(process: subprocess.Popen) -> int:
    """The most that the service has ever held, in kB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1])


def damaged(random: Random, text: str) -> str:
    """`text` with pieces of trouble in it."""
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        at = random.randrange(len(text) + 1)
        cut = random.choice((0, 0, 1, 2, 5, 30))
        text = text[:at] + random.choice((*PIECES, text[:at], "")) + text[at + cut :]
    return text


def whole_request(random: Random) -> bytes:
    """A request that is well-formed HTTP; what it carries need not be."""
    if random.random() < 0.25:
        method, path = random.choice(METHODS[:7]), random.choice(PATHS)
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nif-none-match: {random.choice(('*', 'x', ''))}\r\n"
        return f"{head}content-length: 0\r\n\r\n".encode()
    ((_, path, kind, body),) = random.choices(BODIES, WEIGHTS)
    raw = damaged(random, body).encode()
    if random.random() < 0.1:
        at = random.randrange(len(raw) + 1)
        raw = raw[:at] + random.randbytes(random.randrange(1, 9)) + raw[at:]
    kind = random.choice([kind] * 9 + ["text/plain", "application/json; charset=latin-1", "", "application/json;;"])
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n"
    if random.random() < 0.2:
        size = random.choice((1, 7, 100, len(raw) + 1))
        chunks = [raw[at : at + size] for at in range(0, len(raw), size)][:2_000]
        parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
        return f"{head}transfer-encoding: chunked\r\n\r\n".encode() + b"".join(parts) + b"0\r\n\r\n"
    return f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw


def broken_request(random: Random) -> bytes:
    """Bytes that may or may not be a request."""
    raw = bytearray(whole_request(random))
    for _ in range(random.randrange(1, 6)):
        at = random.randrange(len(raw) + 1)
        action = random.randrange(6)
        if action == 0 and at < len(raw):
            raw[at] ^= 1 << random.randrange(8)
        elif action == 1:
            raw[at:at] = random.randbytes(random.randrange(1, 20))
        elif action == 2:
            del raw[at : at + random.randrange(1, 40)]
        elif action == 3:
            raw[at:at] = random.choice(
                (b"\r\n", b"\n", b"\0", b"transfer-encoding: chunked\r\n", b"content-length: 5\r\n")
            )
        elif action == 4:
            raw[at:at] = random.choice(
                (b"zz\r\n", b"-1\r\n", b"ffffffffffffffff\r\n", b"HTTP/9.9", b"x: " + b"y" * 3_000)
            )
        else:
            del raw[at:]
    return bytes(raw)


async def statuses(port: int, random: Random, *, broken: bool) -> list[int]:
    """The statuses that some requests on one connection are answered with, read until the service hangs up."""
    count = 1 if broken else PIPELINED
    requests = [broken_request(random) if broken else whole_request(random) for _ in range(count)]
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"".join(requests))
        end = b"\r\n\r\n" if broken else b""
        writer.write(end + b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        found = await asyncio.wait_for(reader.read(-1), 60)
    except ConnectionError:
        found = b""
    finally:
        writer.close()
    return [int(status) for status in re.findall(rb"(?:^|[}\n>])HTTP/1\.1 (\d{3}) ", found)]


async def raw_bytes(port: int, count: int, seconds: float, seed: int) -> Counter:
    """Send about `count` requests for at most `seconds`; the statuses that came back."""
    seen: Counter = Counter()
    sent, end = 0, time.monotonic() + seconds

    async def worker(number: int) -> None:
        nonlocal sent
        random = Random(seed * 1_000 + number)
        while sent < count and time.monotonic() < end:
            broken = random.random() < 0.3
            sent += 1 if broken else PIPELINED
            seen.update(await statuses(port, random, broken=broken))

    await asyncio.gather(*(worker(number) for number in range(8)))
    seen["sent"] = sent
    return seen


def from_hypothesis(port: int, count: int, seconds: float) -> int:
    """Bodies that hypothesis makes; returns how many were sent."""
    import http.client

    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    anything = st.recursive(
        cells, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    )
    tables = st.fixed_dictionaries(
        {
            "columns": st.lists(st.text(max_size=8), max_size=4),
            "rows": st.lists(st.lists(cells, max_size=4), max_size=5),
        }
    )
    bodies = st.fixed_dictionaries(
        {"text": st.text(max_size=200) | st.just(TEXT) | anything},
        optional={
            "table": tables | anything,
            "target": st.text(max_size=8) | anything,
            "answers": st.dictionaries(st.text(), st.text(), max_size=3) | anything,
            "template": anything,
        },
    )
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    end, sent = time.monotonic() + seconds, 0
    healthy, phases = list(HealthCheck), [Phase.generate]

    @settings(max_examples=AT_ONCE, deadline=None, database=None, suppress_health_check=healthy, phases=phases)
    @given(bodies | anything, st.sampled_from(["/v1/framings", "/v1/framings", "/v1/starters", "/v1/feedback"]))
    def send(body, path):
        nonlocal sent
        raw = json.dumps(body).encode("utf-8", "surrogatepass")
        connection.request("POST", path, raw, {"content-type": JSON})
        answer = connection.getresponse()
        answer.read()
        sent += 1
        assert answer.status < 500, (answer.status, path, raw)

    number = 0
    while sent < count and time.monotonic() < end:
        number += 1
        seed(number)(send)()
    return sent


def from_schemathesis(port: int, examples: int, seconds: float) -> None:
    """What schemathesis makes of the description."""
    command = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if command is None:
        print("schemathesis is not installed; passed over")
        return
    arguments = ["run", f"http://{HOST}:{port}/openapi.json", "--checks", "not_a_server_error"]
    arguments += ["--max-examples", str(examples), "--exclude-path", "/v1/framings:batch"]  # it writes no NDJSON
    arguments += ["--request-timeout", "120"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [command, *arguments, "--phases", "examples,coverage,fuzzing", "--seed", "1"],
                cwd=folder, capture_output=True, text=True, timeout=seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return
    if done.returncode not in (0,):
        print(done.stdout[-3_000:], done.stderr[-1_000:])
        raise SystemExit(f"schemathesis ended with {done.returncode}")


def attack(port: int, request: list[bytes], *, timeout: float = 30.0) -> bytes:
    """Send the pieces of a request, and return what comes back until the service hangs up."""
    got = b""
    with socket.create_connection((HOST, port), timeout=timeout) as connection:
        try:
            for piece in request:
                connection.sendall(piece)
            connection.settimeout(timeout)
            while piece := connection.recv(65_536):
                got += piece
        except (ConnectionError, BrokenPipeError):
            pass
    return got


def post(body_headers: str) -> bytes:
    head = f"POST /v1/framings HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\nconnection: close\r\n"
    return f"{head}{body_headers}\r\n\r\n".encode()


def attacks(port: int, process: subprocess.Popen) -> dict[str, str]:
    """What is about size and time: name -> first line of the answer, "" where the service just hung up."""
    megabyte = b"x" * 1_000_000
    nested = b'{"text": ' + b"[" * 100_000
    digits = b'{"text": "a", "table": {"columns": ["a"], "rows": [[' + b"9" * 5_000 + b"]]}}"

    chunk = b"f4240\r\n" + megabyte + b"\r\n"

    def sized(body: bytes) -> list[bytes]:
        return [post(f"content-length: {len(body)}") + body]

    found = {
        "200 MB, length told": attack(port, [post("content-length: 200000000"), *[megabyte] * 200]),
        "200 MB, in chunks": attack(port, [post("transfer-encoding: chunked"), *[chunk] * 200]),
        "100,000 deep": attack(port, sized(nested[:65_000])),
        "100,000 deep, longer": attack(port, sized(nested)),
        "5,000 digits": attack(port, sized(digits)),
        "NUL": attack(port, sized(b'{"text": "a\0b"}')),
        "a length that is none": attack(port, [post("content-length: 9x")]),
        "two lengths": attack(port, [post("content-length: 2\r\ncontent-length: 3") + b"{}x"]),
        "length and chunks": attack(port, [post("content-length: 2\r\ntransfer-encoding: chunked") + b"0\r\n\r\n"]),
        "a chunk that lies": attack(port, [post("transfer-encoding: chunked") + b"5\r\n{}\r\n0\r\n\r\n"]),
        "a chunk of -1": attack(port, [post("transfer-encoding: chunked") + b"-1\r\n{}\r\n0\r\n\r\n"]),
        "10,000 headers": attack(port, [b"GET /livez HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n"]),
        "one header of 50 MB": attack(port, [b"GET /livez HTTP/1.1\r\na: ", *[megabyte] * 50, b"\r\n\r\n"]),
        "a path of 10 MB": attack(port, [b"GET /", *[megabyte] * 10, b" HTTP/1.1\r\n\r\n"]),
        "a head that never ends": attack(port, [b"GET /livez HTTP/1.1\r\nhost: x\r\n"]),
        "a body that never ends": attack(port, [post("content-length: 100") + b'{"text": ']),
        "nothing at all": attack(port, []),
    }
    return {name: answer.partition(b"\r\n")[0].decode("latin-1") for name, answer in found.items()}


def slow_loris(port: int, connections: int = 200) -> tuple[float, float]:
    """Many connections that send a header a second: how long /livez takes meanwhile, and until the last is cut off."""

    async def run() -> tuple[float, float]:
        opened = [await asyncio.open_connection(HOST, port) for _ in range(connections)]
        start = time.monotonic()

        async def drip(reader, writer) -> None:
            writer.write(b"POST /v1/framings HTTP/1.1\r\n")
            waiting = asyncio.ensure_future(reader.read())
            while not waiting.done():
                writer.write(b"a: b\r\n")
                await asyncio.wait([waiting], timeout=0.5)
            writer.close()

        drips = [asyncio.create_task(drip(*each)) for each in opened]
        await asyncio.sleep(0.5)
        asked = time.monotonic()
        await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://{HOST}:{port}/livez", timeout=30).read())
        alive = time.monotonic() - asked
        await asyncio.gather(*drips, return_exceptions=True)
        return alive, time.monotonic() - start

    return asyncio.run(run())


def run(requests: int, seconds: float, seed: int = 1, encoder: str = "on") -> Counter:
    """All of it; the statuses that the service counted.

    Raises:
        AssertionError, SystemExit: an answer of 5xx, an attack that was not refused, or too much memory.
    """
    start = time.monotonic()
    print(f"seed {seed}")
    with service(encoder) as (port, process):
        for name, line in attacks(port, process).items():
            print(f"{name:25} {line or '(hung up)'}")
            assert not re.match(r"HTTP/1.1 (5|200)", line), (name, line)
        alive, cut = slow_loris(port)
        print(f"200 slow connections: /livez in {alive * 1_000:.0f} ms meanwhile, the last cut off after {cut:.1f} s")
        assert cut < SECONDS * 10, cut
        left = seconds - (time.monotonic() - start)
        made = from_hypothesis(port, max(100, requests // 200), left * 0.25)
        print(f"{made} bodies by hypothesis")
        from_schemathesis(port, max(3, requests // 20_000), left * 0.25)
        done = sum(answered(port).values())
        print(f"{done} answers so far, schemathesis among them")
        seen = asyncio.run(raw_bytes(port, requests - done, seconds - (time.monotonic() - start), seed))
        print(f"raw: {dict(seen)}")
        counted = answered(port)
        memory = most_memory(process)
        print(f"{sum(counted.values())} answers: {dict(sorted(counted.items()))}; at most {memory / 1_000:.0f} MB")
        for status in (*counted, *seen):
            assert not str(status).startswith("5"), (status, counted, seen)
        assert memory < MOST_MEMORY, memory
        counted["sent"] = seen["sent"] + made
    return counted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=1_800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encoder", choices=["on", "off"], default="on", help="off is ten times as fast")
    options = parser.parse_args()
    run(options.requests, options.seconds, options.seed, options.encoder)
