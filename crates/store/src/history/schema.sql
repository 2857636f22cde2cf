-- The history's own database. Times are in microseconds since 1970, in UTC.

-- What is known of the whole: 'history' (its number, by which copies elsewhere tell it from another), 'number' (points were numbered up
-- to here), 'settled' (all points up to here are in chunks), 'erase' (files of the log up to this one hold what was removed).
CREATE TABLE fact (
    name  TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A number is never given twice, so that points of a removed series in the log belong to nobody.
CREATE TABLE series (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    device         TEXT NOT NULL,
    property       TEXT NOT NULL,
    -- Points up to this number are in chunks; chunks up to this rank are in cells.
    sealed         INTEGER NOT NULL DEFAULT 0,
    rolled         INTEGER NOT NULL DEFAULT 0,
    -- Chunks whose points are in no cell: how many, with how many points, beginning when at the earliest.
    open_chunks    INTEGER NOT NULL DEFAULT 0,
    open_points    INTEGER NOT NULL DEFAULT 0,
    open_from      INTEGER NOT NULL DEFAULT 9223372036854775807,
    -- No chunk, list of minutes, list of hours is longer.
    raw_reach      INTEGER NOT NULL DEFAULT 0,
    minute_reach   INTEGER NOT NULL DEFAULT 0,
    hour_reach     INTEGER NOT NULL DEFAULT 0,
    -- Points, and minutes, before this are not all there any more.
    raw_from       INTEGER NOT NULL DEFAULT -9223372036854775808,
    minute_from    INTEGER NOT NULL DEFAULT -9223372036854775808,
    -- For how long points are kept; without it as long as the hub says.
    keep           INTEGER,
    -- The order in which lists of cells were made.
    next_rank      INTEGER NOT NULL DEFAULT 1,
    -- What arrived on a day (days since 1970) and the one before: points, and bytes of chunks.
    day            INTEGER NOT NULL DEFAULT 0,
    day_points     INTEGER NOT NULL DEFAULT 0,
    day_bytes      INTEGER NOT NULL DEFAULT 0,
    before_points  INTEGER NOT NULL DEFAULT 0,
    before_bytes   INTEGER NOT NULL DEFAULT 0,
    -- All chunks of points: what is in them, and their bytes.
    raw_points     INTEGER NOT NULL DEFAULT 0,
    raw_bytes      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (device, property)
) STRICT;

-- Apart from what is searched, and in order of making: so pages are full, and those that are written lie together.
CREATE TABLE body (
    id    INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- level: 0 points, 1 minutes, 2 hours. rank: of two that overlap, the later has the higher one.
CREATE TABLE chunk (
    series INTEGER NOT NULL,
    level  INTEGER NOT NULL,
    t0     INTEGER NOT NULL,
    rank   INTEGER NOT NULL,
    t1     INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    min    REAL,
    max    REAL,
    sum    REAL,
    bytes  INTEGER NOT NULL,
    body   INTEGER NOT NULL,
    PRIMARY KEY (series, level, t0, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE wear (
    day      INTEGER PRIMARY KEY,
    log      INTEGER NOT NULL,
    chunks   INTEGER NOT NULL,
    database INTEGER NOT NULL,
    points   INTEGER NOT NULL
) STRICT;
