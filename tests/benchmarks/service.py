"""The service under load, on 127.0.0.1 alone: requests a second, latency, memory; prints figures and ends by itself.

Needs wrk (Debian: apt-get install wrk) and FastAPI (the extra `dev`). What is compared runs in turn, several times, and
medians are told, so that other load on the machine meets both sides.

    python tests/benchmarks/service.py [--seconds 5] [--rounds 3]
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SURE = "What other books should we suggest to each reader from what they borrowed before?"  # the rules decide
UNSURE = (  # the encoder is asked
    "We run a small harbour with forty berths and many visiting ships. For the last nine years the clerk has written "
    "down the length of each ship, its flag, the wind, the tide, the month and who was on watch that day. We would "
    "like to make something of these notes for the coming season, and the council wants to hear in June whether it is "
    "worth the trouble."
)
ECHO = """
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()

class Body(BaseModel):
    text: str

@app.post("/v1/framings")
async def echo(body: Body) -> Body:
    return body
"""
ALONE = """
import sys, threading, time
from advisor.encoder import load
texts, seconds, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
reader, counts = load(), [0] * threads
reader.read([texts])
end = time.perf_counter() + seconds
def work(place):
    while time.perf_counter() < end:
        reader.read([f"{texts} {734512 + place} {counts[place]}"])
        counts[place] += 1
before = time.process_time()
all_of_them = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
[each.start() for each in all_of_them]
[each.join() for each in all_of_them]
print(sum(counts) / seconds, (time.process_time() - before) / sum(counts) * 1_000)
"""
DELAY = """
function delay()
  return math.floor(-math.log(1 - math.random()) * %f + math.random())
end
"""
SAME = 'wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"; wrk.body = %s'
DISTINCT = """
local n = 0
math.randomseed(os.time())
local salt = math.random(1000000)
request = function()
  n = n + 1
  return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, string.format(%s, salt, n))
end
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running(command: list[str], port: int, ready: str, **environment: str):
    """A server in a process of its own, once it answers `ready`."""
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=2).read()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(f"{command} ended with {process.returncode}") from None
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def service(*flags: str, **environment: str):
    port = free_port()
    command = [sys.executable, "-m", "advisor", "serve", "--port", str(port), "--rate", "0", *flags]
    with running(command, port, "/livez", **environment) as process:
        yield port, process


@contextmanager
def echo():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "echo_app.py").write_text(ECHO)
        command = [sys.executable, "-m", "uvicorn", "echo_app:app", "--app-dir", folder, "--port", str(port)]
        with running([*command, "--no-access-log", "--log-level", "warning"], port, "/openapi.json") as process:
            yield port, process


def wrk(port: int, script: str, *, seconds: float, connections: int = 16) -> dict[str, float]:
    """What wrk measures: requests a second, p50 and p99 in ms, answers that were no 2xx."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", file.name]
        out = subprocess.run(
            [*command, f"http://127.0.0.1:{port}/v1/framings"], capture_output=True, text=True, check=True
        ).stdout
    requests = int(re.search(r"(\d+) requests in", out)[1])
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return {
        "requests": requests,
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]),
        "p50": milliseconds(re.search(r"50%\s+(\S+)", out)[1]),
        "p99": milliseconds(re.search(r"99%\s+(\S+)", out)[1]),
        "refused": float(refused[1]) if refused else 0.0,
    }


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"(-?[\d.]+|-?nan)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1_000, "m": 60_000}[unit]


def body(text: str) -> str:
    return json.dumps(json.dumps({"text": text}))


def processor(process: subprocess.Popen) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: subprocess.Popen) -> float:
    """Resident memory in MB (10⁶ bytes), shared libraries counted in full."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) * 1.024 / 1_000


def life(port: int, seconds: float) -> list[float]:
    """How long /livez took, in ms, asked every 20 ms."""
    waits, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=10).read()
        waits.append((time.perf_counter() - start) * 1_000)
        time.sleep(0.02)
    return sorted(waits)


def against_echo(seconds: float, rounds: int) -> float:
    """Print requests a second beside the echo's; return how many the service takes with distinct texts."""
    same, distinct = SAME % body(SURE), DISTINCT % body(SURE + " %d %d")
    names = ("echo", "same text", "distinct texts", "distinct, no log")
    rates: dict[str, list[float]] = {name: [] for name in names}
    costs: dict[str, list[float]] = {name: [] for name in names}
    with (
        echo() as (plain, echoing),
        service("--encoder", "off") as (ours, serving),
        service("--encoder", "off", "--log", "off", "--cache", "0") as (quiet, serving_quietly),
    ):
        for _ in range(rounds):
            for name, port, process, script in zip(
                names,
                (plain, ours, ours, quiet),
                (echoing, serving, serving, serving_quietly),
                (distinct, same, distinct, distinct),
                strict=True,
            ):
                before = processor(process)
                measured = wrk(port, script, seconds=seconds)
                assert not measured["refused"], (name, measured)
                rates[name].append(measured["rate"])
                costs[name].append((processor(process) - before) / measured["requests"] * 1_000_000)
    rate, cost = statistics.median(rates["echo"]), statistics.median(costs["echo"])
    for name in names:
        print(
            f"{name:17} {statistics.median(rates[name]):6.0f} requests/s, {statistics.median(rates[name]) / rate:5.2f} "
            f"x echo; {statistics.median(costs[name]):5.0f} us of processor each, so "
            f"{cost / statistics.median(costs[name]):5.2f} x echo on a processor of its own"
        )
    return statistics.median(rates["distinct texts"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["echo", "load", "encoder", "memory"], default=None)
    options = parser.parse_args()
    seconds = int(options.seconds)

    if options.only in (None, "memory"):
        with service("--encoder", "off") as (_, process):
            print(f"idle, encoder off: {memory(process):.1f} MB")
        with service() as (_, process):
            print(f"idle, encoder on: {memory(process):.1f} MB")
    rate = 0.0
    if options.only in (None, "echo", "load"):
        rate = against_echo(seconds, options.rounds)
    if options.only in (None, "load"):
        half_load(rate / 2, seconds, options.rounds)
    if options.only in (None, "encoder"):
        with_encoder(seconds, options.rounds)


def half_load(rate: float, seconds: int, rounds: int) -> None:
    """Print how long answers to distinct texts take while `rate` a second are asked, at random moments."""
    connections = 16
    with service("--encoder", "off") as (port, _):
        script = DISTINCT % body(SURE + " %d %d") + DELAY % (connections / rate * 1_000)
        found = [wrk(port, script, seconds=seconds, connections=connections) for _ in range(rounds)]
    for measured in found:
        print(f"half load, {measured['rate']:.0f}/s: p50 {measured['p50']:.1f} ms, p99 {measured['p99']:.1f} ms")


def asked_the_encoder(port: int) -> tuple[int, int]:
    """How many framings took a thread, and how many did not."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    counts = dict(re.findall(r'advisor_framings_found_total\{by="(\w+)"\} (\d+)', text))
    pooled = int(counts.pop("pool", 0))
    return pooled, sum(map(int, counts.values()))


def with_encoder(seconds: int, rounds: int) -> None:
    """Print what the service takes where the encoder is asked, beside what the encoder alone does."""
    threads = min(4, os.cpu_count() or 1)
    ratios, costs = [], []
    with service("--queue", "200") as (port, process):
        for _ in range(rounds):
            command = [sys.executable, "-c", ALONE, UNSURE, str(seconds), str(threads)]
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            )
            alone, alone_cost = map(float, done.stdout.split())
            before = processor(process)
            measured = wrk(port, DISTINCT % body(UNSURE + " %d %d"), seconds=seconds, connections=8)
            assert asked_the_encoder(port)[1] == 0
            ratios.append(measured["rate"] / alone)
            cost = (processor(process) - before) / measured["requests"] * 1_000
            costs.append(alone_cost / cost)
            print(
                f"encoder alone {alone:.0f}/s, {alone_cost:.1f} ms of processor each; "
                f"service {measured['rate']:.0f}/s, {cost:.1f} ms, p99 {measured['p99']:.0f} ms"
            )
        print(
            f"with the encoder: {statistics.median(ratios):.2f} x the encoder alone; "
            f"{statistics.median(costs):.2f} x by processor time"
        )
        load = subprocess.Popen(
            [
                "wrk",
                "-t1",
                "-c64",
                f"-d{seconds}s",
                "-s",
                _script(DISTINCT % body(UNSURE + " %d %d")),
                f"http://127.0.0.1:{port}/v1/framings",
            ],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(0.5)
        lives = life(port, seconds - 1)
        load.wait()
        print(
            f"/livez while 64 connections ask for the encoder: p50 {lives[len(lives) // 2]:.1f} ms, "
            f"p99 {lives[int(len(lives) * 0.99)]:.1f} ms, worst {lives[-1]:.1f} ms"
        )


def _script(text: str) -> str:
    path = Path(tempfile.mkdtemp()) / "wrk.lua"
    path.write_text(text)
    return str(path)


if __name__ == "__main__":
    main()
