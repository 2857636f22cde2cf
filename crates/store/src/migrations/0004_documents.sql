-- Small things that the hub keeps as a whole: what was found, templates, claim codes. What is in them means nothing here.
CREATE TABLE document (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
