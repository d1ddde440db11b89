"""Kill -9 while feedback is written: every entry that was acknowledged must be there afterwards.

    python tests/benchmarks/kills.py --rounds 200

Everything is imported once; each round forks a service of its own on 127.0.0.1 and takes well under a second.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))
HOST = "127.0.0.1"
WRITERS = 4


def started(path: str) -> tuple[int, int]:
    """Fork a service that keeps feedback at `path`; its process id and port."""
    from advisor.service.server import serve
    from advisor.service.settings import Settings

    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        serve(Settings(port=port, store=path, rate=0, encoder="off", log="off"))
        os._exit(0)
    for _ in range(1_000):
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return child, port
        except OSError:
            time.sleep(0.01)
    raise SystemExit("the service did not start")


def write(port: int, name: str, acknowledged: dict[str, str], sent: set[str]) -> None:
    """Send feedback until the service is gone; what it acknowledged is in `acknowledged`, id -> comment."""
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    number = 0
    try:
        while True:
            number += 1
            comment = f"{name} {number} " + "x" * random.randrange(1_500)
            said = {"framing": "0" * 32, "category": "ranking", "consent": True, "comment": comment}
            sent.add(comment)
            connection.request(
                "POST",
                "/v1/feedback",
                json.dumps(said),
                {"content-type": "application/json", "idempotency-key": f"{name}-{number}"},
            )
            answer = connection.getresponse()
            receipt = json.loads(answer.read())
            if answer.status == 201:
                acknowledged[receipt["id"]] = comment
    except (OSError, http.client.HTTPException, ValueError):
        return  # killed


def run(rounds: int, seed: int = 1) -> tuple[int, int]:
    """How many entries were acknowledged, and how many of the kills came while an entry was on its way.

    Raises:
        AssertionError: an acknowledged entry is lost or changed, one is kept that nobody sent, or the file is damaged.
    """
    import uvicorn  # noqa: F401  once for all forks

    from advisor.service import app, server  # noqa: F401
    from taxonomy.knowledge import load

    load()
    random.seed(seed)
    acknowledged: dict[str, str] = {}
    sent: set[str] = set()
    amid = 0
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/feedback.db"
        for number in range(rounds):
            unanswered = len(sent) - len(acknowledged)
            child, port = started(path)
            writers = [
                threading.Thread(target=write, args=(port, f"{number}-{writer}", acknowledged, sent))
                for writer in range(WRITERS)
            ]
            for writer in writers:
                writer.start()
            time.sleep(random.uniform(0.02, 0.4))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            for writer in writers:
                writer.join()
            amid += len(sent) - len(acknowledged) > unanswered
            with closing(sqlite3.connect(path)) as connection:
                if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'feedback'").fetchone()[0] == 0:
                    assert not acknowledged
                    continue
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                kept = dict(connection.execute("SELECT id, comment FROM feedback"))
            assert acknowledged.items() <= kept.items(), "an acknowledged entry is lost"
            assert set(kept.values()) <= sent
            assert len(set(kept.values())) == len(kept), "an entry is kept twice"
    return len(acknowledged), amid


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    entries, amid = run(options.rounds)
    print(f"{options.rounds} kills, {amid} of them amid a write; {entries} entries acknowledged, 0 lost, integrity ok")
