-- Readers and the one writer do not wait for each other in this mode. It is stored in the
-- database file, so once is enough.
PRAGMA journal_mode = WAL;

CREATE TABLE IF NOT EXISTS entry (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    message     TEXT NOT NULL,
    created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    file_key    TEXT UNIQUE,    -- its name in instance/uploads; NULL: no file
    file_name   TEXT,           -- the name it had at the visitor's
    file_type   TEXT,
    file_size   INTEGER
);
