"""The service in a process of its own: what must hold of the whole program, under load, under attack and at its end."""

import asyncio
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent
SURE = "What other books should we suggest to each reader from what they borrowed before?"
LONG = " ".join(f"word{n} of something that nobody would ever sort {n}" for n in range(60))  # for the encoder, slowly
MOST_IDLE = 80  # MB


def bench(name: str):
    """A script of tests/benchmarks as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def serving(*flags: str, stderr=subprocess.DEVNULL):
    """A service; yields its port and process, and lets it end if it has not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "advisor", "serve", "--port", str(port), *flags],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        stderr=stderr,
    )
    try:
        for _ in range(600):
            try:
                get(port, "/livez")
                break
            except OSError:
                assert process.poll() is None, "the service did not start"
                time.sleep(0.1)
        else:
            pytest.fail("the service did not answer within a minute")
        yield port, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=60)


def get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read()


def head(text: str, *, length: int | None = None) -> tuple[bytes, bytes]:
    body = json.dumps({"text": text}).encode()
    start = "POST /v1/framings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return f"{start}content-length: {len(body) if length is None else length}\r\n\r\n".encode(), body


async def ask(port: int, text: str) -> tuple[int, dict]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(head(text)))
    start = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(re.search(rb"content-length: (\d+)", start)[1]))
    writer.close()
    return int(start.split()[1]), json.loads(body)


def process_that_answers(port: int) -> int:
    return int(re.search(rb"advisor_process_id (\d+)", get(port, "/metrics"))[1])


def in_flight(port: int) -> int:
    return int(re.search(rb"^advisor_in_flight (\d+)", get(port, "/metrics"), re.M)[1])


def test_twenty_in_flight_are_answered_after_sigterm_and_the_end_is_0():
    with serving("--threads", "1", "--rate", "0") as (port, process):

        async def run() -> list[tuple[int, dict]]:
            asked = [asyncio.create_task(ask(port, f"{LONG} {number}")) for number in range(20)]
            for _ in range(500):
                if await asyncio.to_thread(in_flight, port) >= 21:  # the twenty, and the one that asks
                    break
                await asyncio.sleep(0.01)
            else:
                pytest.fail("the twenty were never in flight together")
            process.send_signal(signal.SIGTERM)
            return await asyncio.gather(*asked)

        answers = asyncio.run(run())
        assert [status for status, _ in answers] == [200] * 20
        assert [answer["description"].rpartition(" ")[2] for _, answer in answers] == [str(n) for n in range(20)]
        assert process.wait(timeout=60) == 0
        with pytest.raises(OSError, match="refused"):
            get(port, "/livez")


def test_several_processes_answer_and_end():
    with serving("--workers", "2", "--encoder", "off", "--rate", "0") as (port, process):
        first = process_that_answers(port)
        os.kill(first, signal.SIGSTOP)  # the socket is shared and an idle machine may wake the same process every time
        try:
            assert process_that_answers(port) != first
        finally:
            with suppress(ProcessLookupError):  # a process that does not answer may have been replaced meanwhile
                os.kill(first, signal.SIGCONT)
        assert asyncio.run(ask(port, SURE))[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_a_port_that_is_taken_is_told():
    with serving("--encoder", "off") as (port, _):
        command = [sys.executable, "-m", "advisor", "serve", "--port", str(port), "--encoder", "off"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode != 0
        assert "address already in use" in done.stderr


def test_livez_answers_at_once_while_the_threads_are_full():
    """The machine of a test may be slow, so that only the middle is held to 50 ms; the benchmark tells the rest."""
    with serving("--threads", "1", "--queue", "30", "--rate", "0", "--cache", "0", "--log", "off") as (port, _):

        async def run() -> tuple[list[float], set[int]]:
            done = asyncio.Event()
            seen: set[int] = set()

            async def keep_asking(number: int) -> None:
                while not done.is_set():
                    seen.add((await ask(port, f"{LONG} {number}"))[0])

            askers = [asyncio.create_task(keep_asking(number)) for number in range(40)]
            await asyncio.sleep(1)
            waits = []
            for _ in range(40):
                start = time.perf_counter()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
                waits.append((time.perf_counter() - start) * 1_000)
                writer.close()
                await asyncio.sleep(0.02)
            done.set()
            await asyncio.gather(*askers)
            return sorted(waits), seen

        waits, seen = asyncio.run(run())
        assert seen == {200, 503}  # the queue was full, and said so
        assert waits[len(waits) // 2] < 50, waits


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to measure memory")
def test_idle_it_needs_little_memory():
    with serving("--encoder", "off") as (_, process):
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1.024 / 1_000 <= MOST_IDLE


def test_whoever_is_slow_is_told_and_cut_off():
    with serving("--header-seconds", "1", "--body-seconds", "1", "--encoder", "off", "--rate", "0") as (port, _):
        start, body = head(SURE)
        for sent in (b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nhost: x\r\n", start, start + body[:10]):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                begun = time.monotonic()
                connection.sendall(sent)
                answer = b""
                while piece := connection.recv(65_536):
                    answer += piece
                assert 0.5 < time.monotonic() - begun < 15
            first, _, rest = answer.partition(b"\r\n")
            assert first == b"HTTP/1.1 408 Request Timeout"
            problem = json.loads(rest.partition(b"\r\n\r\n")[2])
            assert (problem["code"], problem["status"]) == ("request_timeout", 408)
        assert asyncio.run(ask(port, SURE))[0] == 200


def test_a_slow_body_that_keeps_coming_is_read_to_its_end():
    with serving("--body-seconds", "1", "--encoder", "off", "--rate", "0") as (port, _):
        start, body = head(SURE, length=300_000)
        body = body[:-1] + b" " * (300_000 - len(body)) + b"}"
        table = b'"table": {"columns": ["a"], "rows": [[1]]}, '
        body = b"{" + table + body[1:]
        start = start.replace(b"300000", str(len(body)).encode())
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(start)
            for at in range(0, len(body), 30_000):
                connection.sendall(body[at : at + 30_000])
                time.sleep(0.25)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_client_that_sends_all_before_it_reads_gets_a_whole_batch():
    line = json.dumps({"text": SURE}).encode() + b"\n"
    with serving("--encoder", "off", "--rate", "0") as (port, _):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/framings:batch", line * 1_000, {"content-type": "application/x-ndjson"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            lines = answer.read().splitlines()
        assert len(lines) == 1_000
        assert len(b"".join(lines)) > 10_000_000  # more than sockets hold


def test_too_many_connections_are_refused_and_the_rest_are_served():
    with serving("--connections", "5", "--encoder", "off", "--rate", "0") as (port, _):
        time.sleep(0.2)
        held = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(5)]
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            get(port, "/livez")
        assert json.load(refused.value)["code"] == "busy"
        assert refused.value.headers["retry-after"] == "1"
        for connection in held:
            connection.close()
        time.sleep(0.5)
        assert get(port, "/livez")


def test_nothing_acknowledged_is_lost_when_it_is_killed():
    entries, amid = bench("kills").run(8)
    assert entries > 0
    assert amid > 0


def test_a_minute_of_hostile_requests_is_never_answered_with_5xx():
    counted = bench("fuzz").run(1_000_000, 60, seed=int(time.time()))
    assert counted["sent"] > 500
