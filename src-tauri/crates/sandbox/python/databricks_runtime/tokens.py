"""SQL as words, quoted names, strings, numbers and symbols, each with its place in the text."""

import re
from dataclasses import dataclass

from databricks_runtime import refusals

_SHAPES = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*(?:.|\n)*?\*/)
    |(?P<name>`(?:[^`]|``)+`)
    |(?P<string>[rR]?'(?:[^'\\]|\\(?:.|\n)|'')*'|[rR]?"(?:[^"\\]|\\(?:.|\n))*")
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?:L|S|Y|D|F|BD)?(?!\w))
    |(?P<word>[^\W\d]\w*|\d+[^\W\d]\w*)
    |(?P<symbol><=>|<>|!=|<=|>=|=>|->|::|\|\||[-+*/%&|^~()\[\]<>=,.;:?!@$\{\}])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self):
        """A word by which the grammar goes; nothing quoted is one."""
        return self.text.upper() if self.kind in ("word", "symbol") else ""


def split(sql):
    found = []
    place = 0
    while place < len(sql):
        shape = _SHAPES.match(sql, place)
        if shape is None:
            raise refusals.syntax(sql[place:])
        kind = shape.lastgroup
        if kind != "space":
            text = shape[0][1:-1].replace("``", "`") if kind == "name" else shape[0]
            found.append(Token(kind, text, place, shape.end()))
        place = shape.end()
    while found and found[-1].upper == ";":
        found.pop()
    return [*found, Token("end", "", len(sql), len(sql))]
