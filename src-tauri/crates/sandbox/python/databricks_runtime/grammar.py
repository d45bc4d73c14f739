"""The statements of Databricks SQL that the vendor documents for Iceberg tables, by recursive descent.

Whatever is not here is a syntax error, also where open-source Spark with Iceberg would take it.
"""

from databricks_runtime import refusals
from databricks_runtime.cursor import Cursor
from databricks_runtime.statements import (
    Change,
    Clone,
    CreateTable,
    Describe,
    Insert,
    Plain,
    Query,
    Reference,
    Refresh,
)

# Of ALTER TABLE, after the name.
_ALTERATIONS = (
    ("ADD", "COLUMN"),
    ("ADD", "COLUMNS"),
    ("ALTER", "COLUMN"),
    ("DROP", "COLUMN"),
    ("RENAME", "COLUMN"),
    ("RENAME", "TO"),
    ("SET", "OWNER"),
    ("OWNER", "TO"),
    ("SET", "TAGS"),
    ("UNSET", "TAGS"),
)


def parse(sql):
    """One statement."""
    cursor = Cursor(sql)
    first = cursor.token.upper
    reader = _READERS.get(first)
    if reader is None and first == "CALL":
        raise refusals.Refusal("UNRESOLVED_ROUTINE", "42883", "There are no procedures of Iceberg's on Databricks.")
    if reader is None:
        raise cursor.syntax()
    return reader(cursor, sql)


def _query(cursor, sql):
    return Query(sql, cursor.reads())


def _create(cursor, sql):
    if any(cursor.ahead("CREATE", word) for word in ("SCHEMA", "DATABASE", "NAMESPACE")):
        return Plain(sql)
    cursor.expect("CREATE")
    replaces = cursor.accept("OR", "REPLACE")
    cursor.expect("TABLE")
    if not replaces:
        cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.path()
    head = cursor.since(0)
    if cursor.ahead("SHALLOW", "CLONE"):
        raise refusals.not_for_managed("Iceberg tables cannot be cloned shallowly.")
    if cursor.accept("DEEP", "CLONE") or cursor.accept("CLONE"):
        source = cursor.reference()
        if source is None:
            raise cursor.syntax()
        if cursor.ahead("TBLPROPERTIES"):
            raise refusals.not_for_managed("A clone of an Iceberg table takes no properties.")
        cursor.end()
        return Clone(sql, [source], name, source)
    made = CreateTable(sql, name=name, head=head)
    if cursor.token.upper == "(":
        made.columns = cursor.listed(cursor.column)
    while not cursor.at_end:
        _clause(cursor, made)
    return made


def _clause(cursor, made):
    if cursor.accept("USING") and made.using is None:
        made.using = cursor.part().upper()
    elif cursor.accept("PARTITIONED", "BY") and made.partitioned_by is None:
        place = cursor.place
        made.partitioned_by = cursor.listed(lambda: _partition(cursor))
        made.partitions_text = cursor.since(place)
    elif cursor.accept("CLUSTER", "BY") and made.clustered_by is None:
        made.clustered_by = _clustering(cursor)
    elif cursor.accept("COMMENT") and made.comment is None:
        place = cursor.place
        cursor.string()
        made.comment = cursor.since(place)
    elif cursor.accept("TBLPROPERTIES") and not made.properties:
        place = cursor.place
        made.properties = dict(cursor.listed(cursor.pair))
        made.properties_text = cursor.since(place)
    elif cursor.ahead("LOCATION"):
        raise refusals.not_for_managed("A managed Iceberg table has no LOCATION of its own.")
    elif cursor.accept("AS") or cursor.token.upper in ("SELECT", "WITH"):
        made.reads = cursor.reads()
        made.query = cursor.rest()
    else:
        raise cursor.syntax()


def _clustering(cursor):
    word = cursor.token.upper
    if word in ("AUTO", "NONE"):
        cursor.place += 1
        return word
    return cursor.listed(cursor.path)


def _partition(cursor):
    """A column's path, or none for an expression."""
    path = cursor.path()
    if cursor.token.upper == "(":
        cursor.skip_balanced()
        return None
    return path


def _insert(cursor, sql):
    cursor.expect("INSERT")
    if cursor.ahead("OVERWRITE"):
        raise refusals.not_for_managed("INSERT OVERWRITE of an Iceberg table.")
    cursor.expect("INTO")
    cursor.accept("TABLE")
    made = Insert(sql, name=cursor.path())
    if cursor.token.upper == "(":
        made.columns = cursor.listed(cursor.part)
    if cursor.accept("REPLACE", "WHERE"):
        place = cursor.place
        while not cursor.at_end and cursor.token.upper not in ("SELECT", "WITH", "VALUES", "TABLE"):
            cursor.skip_balanced()
        made.replace_where = cursor.since(place)
    if cursor.token.upper not in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        raise cursor.syntax()
    made.reads = cursor.reads()
    made.query = cursor.rest()
    return made


def _merge(cursor, sql):
    cursor.expect("MERGE")
    if cursor.accept("WITH", "SCHEMA", "EVOLUTION"):
        raise refusals.not_for_managed("MERGE WITH SCHEMA EVOLUTION.")
    cursor.expect("INTO")
    made = Change(sql, name=cursor.path(), verb="MERGE")
    if cursor.token.upper != "USING":
        cursor.accept("AS")
        cursor.part()
    made.reads = cursor.reads()
    cursor.expect("USING")
    if cursor.token.upper == "(":
        cursor.skip_balanced()
    else:
        cursor.reference()
    if cursor.token.upper != "ON":
        cursor.accept("AS")
        cursor.part()
    cursor.expect("ON")
    _until(cursor, "WHEN")
    clauses = 0
    while cursor.accept("WHEN"):
        _when(cursor)
        clauses += 1
    cursor.end()
    if not clauses:
        raise cursor.syntax()
    return made


def _when(cursor):
    inserts = cursor.accept("NOT", "MATCHED")
    if inserts:
        by_source = cursor.accept("BY", "SOURCE")
        if not by_source:
            cursor.accept("BY", "TARGET")
        inserts = not by_source
    else:
        cursor.expect("MATCHED")
    if cursor.accept("AND"):
        _until(cursor, "THEN")
    cursor.expect("THEN")
    if inserts:
        cursor.expect("INSERT")
        if not cursor.accept("*"):
            cursor.listed(cursor.path)
            cursor.expect("VALUES")
            cursor.skip_balanced()
    elif not cursor.accept("DELETE"):
        cursor.expect("UPDATE", "SET")
        if not cursor.accept("*"):
            _until(cursor, "WHEN")


def _until(cursor, word):
    """Over an expression: CASE has a WHEN and a THEN of its own."""
    depth = 0
    while not cursor.at_end and (depth or cursor.token.upper != word):
        depth += cursor.token.upper == "CASE"
        depth -= depth > 0 and cursor.token.upper == "END"
        cursor.skip_balanced()


def _delete(cursor, sql):
    cursor.expect("DELETE", "FROM")
    made = Change(sql, name=cursor.path(), verb="DELETE")
    if not cursor.at_end:
        cursor.expect("WHERE")
        made.reads = cursor.reads()
    return made


def _update(cursor, sql):
    cursor.expect("UPDATE")
    made = Change(sql, name=cursor.path(), verb="UPDATE")
    cursor.expect("SET")
    made.reads = cursor.reads()
    return made


def _alter(cursor, sql):
    if cursor.ahead("ALTER", "SCHEMA") or cursor.ahead("ALTER", "CATALOG"):
        return Plain(sql)
    cursor.expect("ALTER", "TABLE")
    made = Change(sql, name=cursor.path(), verb="ALTER")
    if cursor.accept("SET", "TBLPROPERTIES"):
        made.properties = dict(cursor.listed(cursor.pair))
        cursor.end()
    elif cursor.accept("UNSET", "TBLPROPERTIES"):
        cursor.accept("IF", "EXISTS")
        cursor.listed(lambda: cursor.string() if cursor.token.kind == "string" else cursor.path())
        cursor.end()
    elif cursor.accept("CLUSTER", "BY"):
        made.clustered_by = _clustering(cursor)
        cursor.end()
    elif not any(cursor.ahead(*words) for words in _ALTERATIONS):
        # Iceberg's own: partition fields, write order, branches.
        raise cursor.syntax()
    return made


def _refresh(cursor, sql):
    cursor.expect("REFRESH", "FOREIGN")
    if not cursor.accept("TABLE"):
        raise refusals.Refusal("UNSUPPORTED_FEATURE.SANDBOX", "0A000", "The sandbox refreshes tables one by one.")
    name = cursor.path()
    cursor.end()
    return Refresh(sql, name=name)


def _describe(cursor, sql):
    cursor.place += 1
    for word in ("HISTORY", "DETAIL"):
        if cursor.accept(word):
            made = Describe(sql, name=cursor.path(), history=word == "HISTORY", detail=word == "DETAIL")
            cursor.end()
            return made
    if cursor.token.upper in ("CATALOG", "SCHEMA", "DATABASE"):
        return Plain(sql)
    cursor.accept("TABLE")
    cursor.accept("EXTENDED")
    name = cursor.path()
    cursor.end()
    return Describe(sql, name=name)


def _show(cursor, sql):
    if cursor.accept("SHOW", "TBLPROPERTIES"):
        return Plain(sql, [Reference(cursor.path())])
    if any(cursor.ahead("SHOW", word) for word in ("PROCEDURES", "BRANCHES")):
        raise cursor.syntax()
    return Plain(sql)


def _drop(cursor, sql):
    if not cursor.ahead("DROP", "TABLE"):
        return Plain(sql)
    cursor.expect("DROP", "TABLE")
    cursor.accept("IF", "EXISTS")
    made = Change(sql, name=cursor.path(), verb="DROP")
    cursor.end()
    return made


def _plain(_cursor, sql):
    return Plain(sql)


_READERS = {
    **dict.fromkeys(("SELECT", "WITH", "VALUES", "("), _query),
    **dict.fromkeys(("DESCRIBE", "DESC"), _describe),
    **dict.fromkeys(("USE", "SET", "COMMENT", "EXPLAIN"), _plain),
    **{"CREATE": _create, "INSERT": _insert, "MERGE": _merge, "DELETE": _delete, "UPDATE": _update},
    **{"ALTER": _alter, "REFRESH": _refresh, "SHOW": _show, "DROP": _drop},
}
