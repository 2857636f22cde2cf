-- MQTT sessions that outlive connections and the process. Numbers of sessions and queued messages are given out by the hub;
-- nothing here refers to a number whose session is gone, except what a start deletes.

CREATE TABLE session (
    number       INTEGER PRIMARY KEY,
    client_id    TEXT NOT NULL UNIQUE,
    -- The principal's name.
    owner        TEXT NOT NULL,
    -- 4294967295 is for ever.
    expiry_s     INTEGER NOT NULL,
    -- NULL while connected, or for ever.
    ends_us      INTEGER,
    is_connected INTEGER NOT NULL CHECK (is_connected IN (0, 1))
) STRICT;

CREATE TABLE will (
    session         INTEGER PRIMARY KEY,
    delay_s         INTEGER NOT NULL,
    -- NULL while the session is connected.
    due_us          INTEGER,
    retain          INTEGER NOT NULL CHECK (retain IN (0, 1)),
    -- From here on as in retained.
    topic           TEXT NOT NULL,
    payload         BLOB NOT NULL,
    qos             INTEGER NOT NULL CHECK (qos IN (0, 1, 2)),
    via             TEXT NOT NULL,
    time_us         INTEGER NOT NULL,
    payload_is_text INTEGER NOT NULL CHECK (payload_is_text IN (0, 1)),
    expiry_us       INTEGER,
    content_type    TEXT,
    response_topic  TEXT,
    correlation     BLOB,
    user_properties TEXT
) STRICT;

CREATE TABLE subscription (
    session             INTEGER NOT NULL,
    -- As the client wrote it.
    filter              TEXT NOT NULL,
    qos                 INTEGER NOT NULL CHECK (qos IN (0, 1, 2)),
    no_local            INTEGER NOT NULL CHECK (no_local IN (0, 1)),
    retain_as_published INTEGER NOT NULL CHECK (retain_as_published IN (0, 1)),
    identifier          INTEGER,
    PRIMARY KEY (session, filter)
) STRICT, WITHOUT ROWID;

-- Messages that wait for a session, or were sent and are not finished. Ids rise, so that new rows fill the last page of one
-- tree, whatever their sessions; there is no further index, which would touch a page per session.
CREATE TABLE queued (
    id              INTEGER PRIMARY KEY,
    session         INTEGER NOT NULL,
    -- 0 waits, 1 sent, 2 received by the client (PUBREC) and no longer needed itself.
    step            INTEGER NOT NULL CHECK (step IN (0, 1, 2)),
    packet_id       INTEGER,
    delivery_qos    INTEGER NOT NULL CHECK (delivery_qos IN (0, 1, 2)),
    delivery_retain INTEGER NOT NULL CHECK (delivery_retain IN (0, 1)),
    -- Of subscriptions, as [1,2].
    identifiers     TEXT,
    -- Group of the shared subscription.
    share           TEXT,
    -- As published.
    retain          INTEGER CHECK (retain IN (0, 1)),
    -- From here on as in retained; all NULL in step 2.
    topic           TEXT,
    payload         BLOB,
    qos             INTEGER CHECK (qos IN (0, 1, 2)),
    via             TEXT,
    time_us         INTEGER,
    payload_is_text INTEGER CHECK (payload_is_text IN (0, 1)),
    expiry_us       INTEGER,
    content_type    TEXT,
    response_topic  TEXT,
    correlation     BLOB,
    user_properties TEXT,
    CHECK ((step = 0) = (packet_id IS NULL))
) STRICT;

-- Packet ids of QoS 2 messages that a client published and has not released: they must not be published again.
CREATE TABLE received (
    session   INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)
) STRICT, WITHOUT ROWID;
