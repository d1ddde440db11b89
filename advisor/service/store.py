"""Where feedback is kept: an append-only table that nothing acknowledged is ever lost from.

SQLite by default, with a write-ahead log and every commit forced to disk; PostgreSQL where the store is named by a URL.
`MIGRATIONS` say how each version of the table follows from the one before; a store of any version is brought to the
newest when it is opened, in one transaction.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple, Protocol

from advisor.errors import AdvisorError

BUSY_SECONDS = 2.0  # how long a locked store is waited for
NEWEST = 2

MIGRATIONS: dict[int, tuple[str, ...]] = {  # SQLite; postgres.py has the same for PostgreSQL
    1: (
        "CREATE TABLE feedback (id TEXT PRIMARY KEY, received TEXT NOT NULL, framing TEXT NOT NULL, "
        "category TEXT NOT NULL, comment TEXT NOT NULL, consent INTEGER NOT NULL)",
    ),
    2: (
        "ALTER TABLE feedback ADD COLUMN subtask TEXT",
        "ALTER TABLE feedback ADD COLUMN text TEXT",
        "ALTER TABLE feedback ADD COLUMN knowledge TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE feedback ADD COLUMN idempotency TEXT",
        "ALTER TABLE feedback ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
        "CREATE UNIQUE INDEX feedback_idempotency ON feedback (idempotency)",
        "CREATE TRIGGER feedback_stays BEFORE UPDATE ON feedback BEGIN SELECT RAISE(ABORT, 'append only'); END",
        "CREATE TRIGGER feedback_is_kept BEFORE DELETE ON feedback BEGIN SELECT RAISE(ABORT, 'append only'); END",
    ),
}


class Entry(NamedTuple):
    """What was said about one framing."""

    framing: str
    category: str
    subtask: str | None
    comment: str
    text: str | None
    consent: bool
    knowledge: str  # hash of the knowledge base at the time


class Receipt(NamedTuple):
    """The entry is kept; `received` is date and time in UTC."""

    id: str
    received: str


class Row(NamedTuple):
    """A kept entry."""

    id: str
    received: str
    entry: Entry


class StoreUnavailable(AdvisorError):
    """The store cannot be written or read now, and holds nothing of what was to be written."""

    code = "store_unavailable"
    status = 503
    exit_code = 3
    headers = ((b"retry-after", b"5"),)


class KeyReused(AdvisorError):
    """An idempotency key that was used before, for something else."""

    code = "idempotency_conflict"
    status = 422


class Store(Protocol):
    """Keeps entries."""

    def add(self, entry: Entry, *, idempotency: str | None) -> Receipt:
        """Keep an entry; when this returns it is on disk. With a key that came before, the receipt of then.

        Raises:
            StoreUnavailable: nothing was kept.
            KeyReused: the key came before with another entry.
        """

    def rows(self) -> Iterator[Row]:
        """All entries in the order in which they came.

        Raises:
            StoreUnavailable: the store cannot be read.
        """

    def close(self) -> None:
        """Let go of the store."""


def open_store(where: str) -> Store:
    """The store at `where`: a file, a postgresql:// URL, or "" for a file in the user's state folder.

    Nothing is opened before it is used, so that a store that comes up later than the service is no error.

    Raises:
        StoreUnavailable: PostgreSQL is asked for, and its driver is not installed.
    """
    if where.startswith(("postgresql://", "postgres://")):
        from advisor.service.postgres import PostgresStore

        return PostgresStore(where)
    return SqliteStore(where or default_path())


def default_path() -> str:
    """The file that is used when none is named."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "advisor", "feedback.db")


def new_receipt() -> Receipt:
    """A receipt of now, with an id that nobody else has."""
    return Receipt(secrets.token_hex(16), datetime.now(UTC).isoformat(timespec="milliseconds"))


def digest(entry: Entry) -> str:
    """Tells whether two entries are the same.

    >>> one = Entry("0" * 32, "ranking", None, "", None, True, "k")
    >>> digest(one) == digest(one._replace(knowledge="other")), digest(one) == digest(one._replace(comment="no"))
    (True, False)
    """
    return blake2b(repr(entry._replace(knowledge="")).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class SqliteStore:
    """A store in one file. Used from one thread at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def add(self, entry: Entry, *, idempotency: str | None) -> Receipt:
        """Keep an entry, see `Store.add`."""
        try:
            return self._add(self._opened(), entry, idempotency)
        except (sqlite3.Error, OSError) as error:
            self.close()  # whatever was begun is rolled back; the next call opens it anew
            raise _unavailable(self.path, error) from error

    def _add(self, connection: sqlite3.Connection, entry: Entry, idempotency: str | None) -> Receipt:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if idempotency is not None:
                found = connection.execute(
                    "SELECT id, received, digest FROM feedback WHERE idempotency = ?", (idempotency,)
                ).fetchone()
                if found is not None:
                    connection.execute("ROLLBACK")
                    return earlier(found, entry)
            receipt = new_receipt()
            connection.execute(
                "INSERT INTO feedback (id, received, framing, category, subtask, comment, text, consent, knowledge, "
                "idempotency, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*receipt, *entry, idempotency, digest(entry)),
            )
            connection.execute("COMMIT")
            return receipt
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def rows(self) -> Iterator[Row]:
        """All entries, see `Store.rows`."""
        try:
            found = self._opened().execute(
                "SELECT id, received, framing, category, subtask, comment, text, consent, knowledge FROM feedback "
                "ORDER BY rowid"
            )
            for identity, received, *fields in found:
                entry = Entry(*fields)
                yield Row(identity, received, entry._replace(consent=bool(entry.consent)))
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise _unavailable(self.path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            folder = os.path.dirname(os.path.abspath(self.path))
            os.makedirs(folder, mode=0o700, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                _migrate(connection, self.path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the table to the newest version."""
    if _version(connection) == NEWEST:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been quicker
        if version > NEWEST:
            raise too_new(path, version)
        for following in range(version + 1, NEWEST + 1):
            for statement in MIGRATIONS[following]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {NEWEST}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("PRAGMA user_version")) as found:
        return int(found.fetchone()[0])


def earlier(found: tuple[str, str, str], entry: Entry) -> Receipt:
    """The receipt of an entry that came with the same idempotency key.

    Raises:
        KeyReused: that entry was another one.
    """
    identity, received, kept = found
    if kept != digest(entry):
        raise KeyReused("the idempotency key was used before, for other feedback; take a new one")
    return Receipt(identity, received)


def too_new(where: str, version: int) -> StoreUnavailable:
    """The refusal of a store that a newer program made."""
    return StoreUnavailable(
        f"{where} has version {version} of the table, and this program knows up to {NEWEST}; use a newer one",
        public="the store was made by a newer program; use that one",
    )


def _unavailable(path: str, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"the feedback store {path} cannot be used: {error}",
        public="the feedback could not be kept, and nothing of it was; send it again later",
    )
