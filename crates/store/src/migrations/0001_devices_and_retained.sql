-- What has to survive a restart: the registry with the last value of every property, and retained messages.
-- Booleans are 0 or 1, times are microseconds since 1970-01-01T00:00:00Z, lists are JSON arrays.

CREATE TABLE device (
    id    TEXT PRIMARY KEY NOT NULL,
    name  TEXT,
    room  TEXT,
    model TEXT,
    icon  TEXT,
    demo  INTEGER NOT NULL CHECK (demo IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Clustered by device: a device is read and deleted together with all that it has.
CREATE TABLE property (
    device   TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    type     TEXT NOT NULL,
    unit     TEXT,
    min      REAL,
    max      REAL,
    step     REAL,
    -- Of an enum: its values, as ["low","high"].
    options  TEXT,
    readable INTEGER NOT NULL CHECK (readable IN (0, 1)),
    settable INTEGER NOT NULL CHECK (settable IN (0, 1)),
    event    INTEGER NOT NULL CHECK (event IN (0, 1)),
    role     TEXT,
    declared INTEGER NOT NULL CHECK (declared IN (0, 1)),
    -- The last report; all three or none.
    value    BLOB,
    time_us  INTEGER,
    via      TEXT,
    PRIMARY KEY (device, name),
    CHECK ((value IS NULL) = (time_us IS NULL) AND (value IS NULL) = (via IS NULL))
) STRICT, WITHOUT ROWID;

-- With a row id: payloads may be large, which would make a tree that holds them beside the topics deep.
CREATE TABLE retained (
    id              INTEGER PRIMARY KEY,
    topic           TEXT NOT NULL UNIQUE,
    payload         BLOB NOT NULL,
    qos             INTEGER NOT NULL CHECK (qos IN (0, 1, 2)),
    via             TEXT NOT NULL,
    time_us         INTEGER NOT NULL,
    -- What MQTT 5 lets a message carry beside its payload.
    payload_is_text INTEGER NOT NULL CHECK (payload_is_text IN (0, 1)),
    expiry_us       INTEGER,
    content_type    TEXT,
    response_topic  TEXT,
    correlation     BLOB,
    -- Pairs in order, names may repeat, as [["name","value"]].
    user_properties TEXT
) STRICT;
