"""Feedback in PostgreSQL, on a server of the test's own; passed over where PostgreSQL is not installed."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from advisor.service.app import create_app
from advisor.service.settings import Settings
from advisor.service.store import NEWEST, Entry, KeyReused, StoreUnavailable, open_store

psycopg = pytest.importorskip("psycopg")
FOLDERS = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)  # where Debian keeps them
SERVER = next((f"{folder}/postgres" for folder in FOLDERS if os.access(f"{folder}/postgres", os.X_OK)), None)
SERVER = SERVER or shutil.which("postgres")
pytestmark = pytest.mark.skipif(SERVER is None, reason="PostgreSQL is not installed")
ENTRY = Entry("0" * 32, "ranking", None, "“quoted” 😀", "Which first?", True, "k")


def own(folder: Path) -> list[str]:
    """What puts a command under another user: PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return []
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "nobody")
    return ["setpriv", "--reuid=nobody", "--clear-groups", "--"]


class Server:
    """A PostgreSQL server on a port of its own, that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql://advisor@127.0.0.1:{self.port}/postgres"
        self.user = own(folder)
        initdb = str(Path(SERVER).with_name("initdb"))
        initdb = initdb if os.access(initdb, os.X_OK) else shutil.which("initdb")
        command = [
            *self.user,
            initdb,
            "-D",
            str(folder / "data"),
            "-U",
            "advisor",
            "-A",
            "trust",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        self.process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        for _ in range(300):
            if self.process is None or self.process.poll() is not None:
                self.launch()  # again, where memory of a killed server was still in use and the new one gave up
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                threading.Event().wait(0.1)
        pytest.fail("PostgreSQL did not start")

    def launch(self) -> None:
        options = ["-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder)]
        self.process = subprocess.Popen([*self.user, SERVER, *options], stderr=subprocess.DEVNULL, cwd=self.folder)

    def stop(self) -> None:
        self.process.send_signal(2)  # fast: connections are cut
        self.process.wait(timeout=60)

    def ask(self, statement: str) -> list[tuple]:
        writable = "-c default_transaction_read_only=off"
        with psycopg.connect(self.url, autocommit=True, options=writable) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory() as folder:  # a short path: sockets have no long names
        os.chmod(folder, 0o755)
        found = Server(Path(folder))
        yield found
        found.stop()


@pytest.fixture
def url(server):
    server.ask("DROP TABLE IF EXISTS feedback, advisor_schema; DROP FUNCTION IF EXISTS feedback_stays")
    return server.url


def test_what_is_added_is_kept_in_order(url):
    store = open_store(url)
    receipts = [store.add(ENTRY._replace(comment=str(number)), idempotency=None) for number in range(3)]
    rows = list(open_store(url).rows())
    assert [(row.id, row.received) for row in rows] == receipts
    assert [row.entry for row in rows] == [ENTRY._replace(comment=str(number)) for number in range(3)]


def test_a_key_counts_once_and_for_one_entry(url):
    store = open_store(url)
    first = store.add(ENTRY, idempotency="k")
    assert store.add(ENTRY, idempotency="k") == first
    with pytest.raises(KeyReused):
        store.add(ENTRY._replace(comment="other"), idempotency="k")
    assert len(list(store.rows())) == 1


def test_the_service_keeps_feedback_there_and_is_503_while_it_is_gone(server, url):
    client = TestClient(
        create_app(Settings(store=url, rate=0, encoder="off", log="off")), raise_server_exceptions=False
    )
    said = {"framing": "0" * 32, "category": "ranking", "consent": True, "text": "Which first?"}
    assert client.post("/v1/feedback", json=said).status_code == 201
    server.stop()
    try:
        for _ in range(2):
            refused = client.post("/v1/feedback", json=said)
            assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
            assert "127.0.0.1" not in refused.text
    finally:
        server.start()
    assert client.post("/v1/feedback", json=said).status_code == 201
    assert server.ask("SELECT count(*) FROM feedback") == [(2,)]


def test_a_locked_or_read_only_table_is_refused_and_keeps_nothing(server, url):
    store = open_store(url)
    store.add(ENTRY, idempotency=None)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE feedback IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable):
            store.add(ENTRY, idempotency=None)
    server.ask("ALTER ROLE advisor SET default_transaction_read_only = on")
    try:
        with pytest.raises(StoreUnavailable):
            open_store(url).add(ENTRY, idempotency=None)
    finally:
        server.ask("ALTER ROLE advisor RESET default_transaction_read_only")
    assert server.ask("SELECT count(*) FROM feedback") == [(1,)]
    assert store.add(ENTRY, idempotency=None).id


def test_what_is_kept_cannot_be_changed(server, url):
    open_store(url).add(ENTRY, idempotency=None)
    for statement in ("UPDATE feedback SET category = 'other'", "DELETE FROM feedback"):
        with pytest.raises(psycopg.errors.RaiseException, match="append only"):
            server.ask(statement)


def test_a_table_of_version_1_is_brought_to_the_newest(server, url):
    from advisor.service.postgres import MIGRATIONS

    for statement in MIGRATIONS[1]:
        server.ask(statement)
    server.ask("CREATE TABLE advisor_schema (version INTEGER NOT NULL); INSERT INTO advisor_schema VALUES (1)")
    server.ask("INSERT INTO feedback VALUES (DEFAULT, 'old', '2026-01-01', 'f', 'ranking', 'kept', TRUE)")
    store = open_store(url)
    store.add(ENTRY, idempotency=None)
    old, new = store.rows()
    assert (old.id, old.entry) == ("old", Entry("f", "ranking", None, "kept", None, True, ""))
    assert new.entry == ENTRY
    assert server.ask("SELECT max(version) FROM advisor_schema") == [(NEWEST,)]
    server.ask(f"INSERT INTO advisor_schema VALUES ({NEWEST + 1})")
    with pytest.raises(StoreUnavailable, match="newer"):
        open_store(url).add(ENTRY, idempotency=None)


def test_many_processes_may_begin_at_once(server, url):
    stores = [open_store(url) for _ in range(4)]
    threads = [threading.Thread(target=lambda s=s: [s.add(ENTRY, idempotency=None) for _ in range(5)]) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.ask("SELECT count(*) FROM feedback") == [(20,)]


def test_a_kill_of_the_server_loses_nothing_acknowledged(server, url):
    store = open_store(url)
    acknowledged = [store.add(ENTRY, idempotency=None).id for _ in range(20)]
    server.process.kill()
    server.process.wait()
    server.start()
    assert {row.id for row in open_store(url).rows()} >= set(acknowledged)
