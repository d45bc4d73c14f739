"""What the grammar makes of a statement. Slices of its text are kept, and only what has to be known is taken apart."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reference:
    """A table that a query reads."""

    name: tuple
    # The number in VERSION AS OF.
    version: int | None = None


@dataclass
class Column:
    name: str
    kind: str
    # NOT NULL inside of lists, maps and structs.
    nested_required: bool
    text: str


@dataclass
class Statement:
    sql: str
    reads: list = field(default_factory=list)


@dataclass
class Query(Statement):
    """SELECT and what else only reads."""


@dataclass
class Plain(Statement):
    """Passed on as it is: SHOW, USE, SET, schemas."""


@dataclass
class CreateTable(Statement):
    name: tuple = ()
    head: str = ""
    columns: list | None = None
    using: str | None = None
    # A path for a plain column; none for an expression.
    partitioned_by: list | None = None
    # Paths; or AUTO, or NONE.
    clustered_by: list | str | None = None
    comment: str | None = None
    properties: dict = field(default_factory=dict)
    properties_text: str = ""
    partitions_text: str = ""
    query: str | None = None


@dataclass
class Clone(Statement):
    name: tuple = ()
    source: Reference | None = None


@dataclass
class Insert(Statement):
    name: tuple = ()
    columns: list | None = None
    replace_where: str | None = None
    query: str = ""


@dataclass
class Change(Statement):
    """MERGE, DELETE, UPDATE, and ALTER and DROP of a table: `verb` is the first word."""

    name: tuple = ()
    verb: str = ""
    properties: dict = field(default_factory=dict)
    # Paths; or AUTO, or NONE. None: it says nothing of clustering.
    clustered_by: list | str | None = None


@dataclass
class Refresh(Statement):
    name: tuple = ()


@dataclass
class Describe(Statement):
    name: tuple = ()
    history: bool = False
    detail: bool = False
