-- Rows of a view that nobody has looked at yet: pages of them in full, as compressed JSON. The view is made from them when
-- it is first asked for.
CREATE TABLE view_pending (
    view   INTEGER NOT NULL REFERENCES views (view) ON DELETE CASCADE,
    page   INTEGER NOT NULL,
    source TEXT NOT NULL,
    shape  TEXT NOT NULL CHECK (shape IN ('findings', 'planned', 'left_out')),
    rows   BLOB NOT NULL,
    PRIMARY KEY (view, page)
) STRICT, WITHOUT ROWID;
