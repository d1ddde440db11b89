"""Feedback is kept before it is acknowledged, or refused with nothing kept."""

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from advisor.service import store as stores
from advisor.service.app import create_app
from advisor.service.feedback import candidates
from advisor.service.settings import Settings
from advisor.service.store import MIGRATIONS, NEWEST, Entry, StoreUnavailable, open_store

FRAMING = "0123456789abcdef" * 2
SAID = {
    "framing": FRAMING,
    "category": "regression",
    "subtask": "duration",
    "comment": "It is “hours” 😀",
    "text": "How long will it take?",
    "consent": True,
}
ENTRY = Entry(FRAMING, "ranking", None, "", "Which first?", True, "k")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "feedback.db"


@pytest.fixture
def client(path):
    settings = Settings(rate=0, encoder="off", log="off", store=str(path))
    return TestClient(create_app(settings), raise_server_exceptions=False)


def kept(path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT * FROM feedback").fetchall()


def test_feedback_on_a_framing_comes_out_as_a_candidate(client, path):
    framed = client.post("/v1/framings", json={"text": SAID["text"]})
    answer = client.post("/v1/feedback", json={**SAID, "framing": framed.headers["framing-id"]})
    assert answer.status_code == 201
    (line,) = map(json.loads, candidates(open_store(str(path))))
    assert (line["text"], line["category"], line["subtask"]) == ("How long will it take?", "regression", "duration")
    assert (line["feedback"], line["received"]) == (answer.json()["id"], answer.json()["received"])
    assert line["framing"] == framed.headers["framing-id"]
    assert line["knowledge"] == framed.json()["knowledge"]


def test_export_leaves_out_what_has_no_consent_or_no_text(client, path):
    client.post("/v1/feedback", json={**SAID, "comment": "first"})
    without_text = {name: value for name, value in SAID.items() if name != "text"}
    client.post("/v1/feedback", json=without_text)
    client.post("/v1/feedback", json={**without_text, "consent": False})
    assert len(kept(path)) == 3
    command = [sys.executable, "-m", "advisor", "feedback", "export", "--store", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    (line,) = done.stdout.decode().splitlines()
    assert json.loads(line)["comment"] == "first"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"category": "secret"}, "usage"),
        ({"subtask": "secret"}, "usage"),
        ({"framing": "secret"}, "request_invalid"),
        ({"framing": FRAMING + "\n"}, "request_invalid"),
        ({"consent": "yes"}, "request_invalid"),
        ({"consent": False}, "consent_needed"),
        ({"text": "secret\0"}, "description_nul"),
        ({"comment": "secret\0"}, "request_invalid"),
        ({"comment": "x" * 2_001}, "request_invalid"),
        ({"secret": 1}, "request_invalid"),
    ],
)
def test_what_is_not_as_the_schema_says_is_refused(client, path, change, code):
    answer = client.post("/v1/feedback", json={**SAID, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert "secret" not in answer.text
    assert not path.exists()


def test_sent_again_with_the_same_key_it_is_kept_once(client, path):
    key = {"idempotency-key": "a-key_1"}
    first = client.post("/v1/feedback", json=SAID, headers=key)
    again = client.post("/v1/feedback", json=SAID, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    other = client.post("/v1/feedback", json={**SAID, "category": "ranking", "subtask": None}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    for _ in range(2):
        assert client.post("/v1/feedback", json=SAID).status_code == 201  # without a key each is its own
    assert len(kept(path)) == 3
    for bad in ("", " ", "a b", "x" * 65, "é".encode()):
        refused = client.post("/v1/feedback", json=SAID, headers={"idempotency-key": bad})
        assert refused.status_code == (201 if not bad else 422)


def test_a_locked_store_is_503_and_keeps_nothing(client, path, monkeypatch):
    monkeypatch.setattr(stores, "BUSY_SECONDS", 0.1)
    assert client.post("/v1/feedback", json=SAID).status_code == 201
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused = client.post("/v1/feedback", json=SAID)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        other.execute("ROLLBACK")
    assert len(kept(path)) == 1
    assert client.post("/v1/feedback", json=SAID).status_code == 201
    assert len(kept(path)) == 2


def test_a_full_disk_is_503_and_keeps_nothing(path):
    """The kernel refuses to let the files grow, as a full disk does, in the middle of a run of writes."""
    program = f"""
import resource, sys
from advisor.service.store import Entry, StoreUnavailable, open_store
store = open_store({str(path)!r})
entry = Entry("0" * 32, "ranking", None, "x" * 2000, None, True, "k")
store.add(entry, idempotency=None)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
kept = 1
for _ in range(300):
    try:
        store.add(entry, idempotency=None)
        kept += 1
    except StoreUnavailable as error:
        assert error.status == 503
print(kept)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    acknowledged = int(done.stdout)
    assert 1 < acknowledged < 300
    assert len(kept(path)) == acknowledged
    open_store(str(path)).add(ENTRY, idempotency=None)  # there is room again
    assert len(kept(path)) == acknowledged + 1


def test_a_store_that_cannot_be_written_is_503(client, path, tmp_path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    path.write_bytes(b"this is no database" * 100)
    refused = client.post("/v1/feedback", json=SAID)
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert path.read_bytes() == b"this is no database" * 100  # what it was is left as it was
    path.unlink()
    path.mkdir()
    assert client.post("/v1/feedback", json=SAID).status_code == 503
    path.rmdir()
    assert client.post("/v1/feedback", json=SAID).status_code == 201


def test_a_read_only_store_is_503(path):
    store = open_store(str(path))
    store.add(ENTRY, idempotency=None)
    store._connection.execute("PRAGMA query_only = ON")  # root may write every file, so the mode would prove nothing
    with pytest.raises(StoreUnavailable):
        store.add(ENTRY, idempotency=None)
    assert len(kept(path)) == 1
    assert store.add(ENTRY, idempotency=None).id  # opened anew


def test_what_is_kept_cannot_be_changed(path):
    open_store(str(path)).add(ENTRY, idempotency=None)
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("UPDATE feedback SET category = 'other'", "DELETE FROM feedback"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                connection.execute(statement)


def test_every_commit_is_forced_to_disk(path):
    store = open_store(str(path))
    store.add(ENTRY, idempotency=None)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_store_of_version_1_is_brought_to_the_newest(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        for statement in MIGRATIONS[1]:
            connection.execute(statement)
        connection.execute("INSERT INTO feedback VALUES ('old', '2026-01-01', ?, 'ranking', 'kept', 1)", (FRAMING,))
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    store = open_store(str(path))
    store.add(ENTRY, idempotency="k")
    old, new = store.rows()
    assert (old.id, old.entry) == ("old", Entry(FRAMING, "ranking", None, "kept", None, True, ""))
    assert new.entry == ENTRY
    assert store._connection.execute("PRAGMA user_version").fetchone() == (NEWEST,)


def test_a_migration_that_fails_leaves_version_1(path, monkeypatch):
    monkeypatch.setitem(MIGRATIONS, 1, MIGRATIONS[1])
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(MIGRATIONS[1][0])
        connection.execute("PRAGMA user_version = 1")
    monkeypatch.setitem(MIGRATIONS, 2, (*MIGRATIONS[2], "CREATE NONSENSE"))
    with pytest.raises(StoreUnavailable):
        open_store(str(path)).add(ENTRY, idempotency=None)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert len(connection.execute("PRAGMA table_info(feedback)").fetchall()) == 6


def test_a_store_of_a_newer_program_is_left_alone(path):
    open_store(str(path)).add(ENTRY, idempotency=None)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    with pytest.raises(StoreUnavailable, match="newer"):
        open_store(str(path)).add(ENTRY, idempotency=None)


def test_many_processes_may_write_one_store(path):
    """Each with its own connection, as the workers of a service have."""
    stores_ = [open_store(str(path)) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda s=s: [s.add(ENTRY, idempotency=None) for _ in range(10)]) for s in stores_
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({row[0] for row in kept(path)}) == 40


def test_without_a_name_the_store_stands_in_the_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    open_store("").add(ENTRY, idempotency=None)
    assert len(kept(tmp_path / "advisor" / "feedback.db")) == 1
