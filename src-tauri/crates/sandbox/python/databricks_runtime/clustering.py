"""Liquid clustering in Iceberg's words: an order in which files are written. Which columns it is by stands in a
property, where Databricks shows it too.
"""

import json

PROPERTY = "clusteringColumns"
# Of clustering by columns that Databricks chooses itself, which nobody does here.
AUTO = "clusterByAuto"


def noted(paths):
    """The property's value: a path for each column."""
    return json.dumps(paths, separators=(",", ":"), ensure_ascii=False)


def columns(properties):
    """Their names, as DESCRIBE DETAIL tells them."""
    return [".".join(path) for path in json.loads(properties.get(PROPERTY) or "[]")]


def literal(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def statements(table, wanted):
    """What gives a table another clustering. It is noted last: what is noted has been done."""
    if isinstance(wanted, list):
        order = ", ".join(".".join(f"`{part.replace('`', '``')}`" for part in path) for path in wanted)
        return [
            f"ALTER TABLE {table} WRITE ORDERED BY {order}",
            f"ALTER TABLE {table} UNSET TBLPROPERTIES IF EXISTS ('{AUTO}')",
            f"ALTER TABLE {table} SET TBLPROPERTIES ('{PROPERTY}' = {literal(noted(wanted))})",
        ]
    if wanted == "AUTO":
        # The columns that there are stay until others are chosen.
        return [f"ALTER TABLE {table} SET TBLPROPERTIES ('{AUTO}' = 'true')"]
    return [
        f"ALTER TABLE {table} WRITE UNORDERED",
        f"ALTER TABLE {table} UNSET TBLPROPERTIES IF EXISTS ('{PROPERTY}', '{AUTO}')",
    ]
