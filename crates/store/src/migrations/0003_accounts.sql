-- Who may come in: people with a password, and what else opens the door. Filters of rights are lists as ["a/#"].

CREATE TABLE person (
    name         TEXT PRIMARY KEY,
    -- As a PHC string: the way of hashing, its costs, the salt and the hash.
    password     TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    -- NULL: those of the role.
    read         TEXT,
    write        TEXT,
    deny         TEXT,
    created_us   INTEGER NOT NULL,
    signed_in_us INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
    -- Never given out again: a stale list must not name another one.
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (kind IN ('token', 'certificate', 'session')),
    -- SHA-256 of what is shown.
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- Whom it makes of its bearer.
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('person', 'device', 'app')),
    owner      TEXT NOT NULL,
    -- What people call it; of a session, the browser.
    label      TEXT NOT NULL,
    -- Of an app; of the others NULL.
    role       TEXT CHECK (role IN ('admin', 'member', 'viewer')),
    read       TEXT,
    write      TEXT,
    deny       TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    used_us    INTEGER,
    used_from  TEXT
) STRICT;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    event   TEXT NOT NULL,
    who     TEXT,
    address TEXT,
    via     TEXT NOT NULL,
    subject TEXT,
    detail  TEXT,
    -- How many like it within a minute.
    count   INTEGER NOT NULL
) STRICT;

-- Secrets of the hub that have to stay the same.
CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
