"""Feedback in PostgreSQL, where the store is named by a URL; needs the extra `postgres`."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from advisor.service.store import NEWEST, Entry, Receipt, Row, StoreUnavailable, digest, earlier, new_receipt, too_new

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 3
LIMITS = "-c statement_timeout=5000 -c lock_timeout=2000 -c synchronous_commit=on -c client_encoding=utf8"
LOCK = 0x61647669  # names the lock under which one process migrates

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "CREATE TABLE feedback (number BIGINT GENERATED ALWAYS AS IDENTITY, id TEXT PRIMARY KEY, "
        "received TEXT NOT NULL, framing TEXT NOT NULL, category TEXT NOT NULL, comment TEXT NOT NULL, "
        "consent BOOLEAN NOT NULL)",
    ),
    2: (
        "ALTER TABLE feedback ADD COLUMN subtask TEXT",
        "ALTER TABLE feedback ADD COLUMN text TEXT",
        "ALTER TABLE feedback ADD COLUMN knowledge TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE feedback ADD COLUMN idempotency TEXT",
        "ALTER TABLE feedback ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
        "CREATE UNIQUE INDEX feedback_idempotency ON feedback (idempotency)",
        "CREATE FUNCTION feedback_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'append only'; END $$",
        "CREATE TRIGGER feedback_stays BEFORE UPDATE OR DELETE ON feedback "
        "FOR EACH ROW EXECUTE FUNCTION feedback_stays()",
    ),
}


class PostgresStore:
    """A store in a PostgreSQL database. Used from one thread at a time."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise StoreUnavailable(
                "PostgreSQL needs a driver: pip install 'problem-framing-advisor[postgres]'"
            ) from error
        self._url = url
        self._failure = psycopg.Error
        self._connection: psycopg.Connection | None = None

    def add(self, entry: Entry, *, idempotency: str | None) -> Receipt:
        """Keep an entry, see `Store.add`."""
        try:
            connection = self._opened()
            receipt = new_receipt()
            with connection.transaction():
                new = connection.execute(
                    "INSERT INTO feedback (id, received, framing, category, subtask, comment, text, consent, "
                    "knowledge, idempotency, digest) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
                    "ON CONFLICT (idempotency) DO NOTHING RETURNING id",
                    (*receipt, *entry, idempotency, digest(entry)),
                ).fetchone()
                if new is not None:
                    return receipt
                found = connection.execute(
                    "SELECT id, received, digest FROM feedback WHERE idempotency = %s", (idempotency,)
                ).fetchone()
            if found is None:  # unreachable while nothing is deleted
                raise StoreUnavailable("the feedback could not be kept; send it again")
            return earlier((found[0], found[1], found[2]), entry)
        except self._failure as error:
            self.close()
            raise _unavailable(error) from error

    def rows(self) -> Iterator[Row]:
        """All entries, see `Store.rows`."""
        try:
            for identity, received, *fields in self._opened().execute(
                "SELECT id, received, framing, category, subtask, comment, text, consent, knowledge FROM feedback "
                "ORDER BY number"
            ):
                yield Row(identity, received, Entry(*fields))
        except self._failure as error:
            self.close()
            raise _unavailable(error) from error

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            with suppress(self._failure):
                self._connection.close()
            self._connection = None

    def _opened(self) -> "psycopg.Connection":
        import psycopg

        if self._connection is None:
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, options=LIMITS)
            try:
                _migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def _migrate(connection: "psycopg.Connection") -> None:
    """Bring the table to the newest version."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        connection.execute("CREATE TABLE IF NOT EXISTS advisor_schema (version INTEGER NOT NULL)")
        found = connection.execute("SELECT max(version) FROM advisor_schema").fetchone()
        version = int(found[0] or 0) if found else 0
        if version > NEWEST:
            raise too_new("the database", version)
        for following in range(version + 1, NEWEST + 1):
            for statement in MIGRATIONS[following]:
                connection.execute(statement.encode())
            connection.execute("INSERT INTO advisor_schema VALUES (%s)", (following,))


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"the feedback database cannot be used: {type(error).__name__}",  # its message may hold the password
        public="the feedback could not be kept, and nothing of it was; send it again later",
    )
