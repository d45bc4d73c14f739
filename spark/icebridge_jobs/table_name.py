"""Names of tables as the product writes them: parts joined by dots, with backticks round a part that needs them."""

from __future__ import annotations

from dataclasses import dataclass

from icebridge_jobs.errors import invalid


@dataclass(frozen=True)
class TableName:
    """A catalog, a namespace of one level or more, and a name."""

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read `catalog.namespace.table`."""
        parts = split(text)
        if len(parts) < 3 or not all(parts):
            raise invalid("a table is named catalog.namespace.table, with no empty part", about=text)
        return cls(tuple(parts))

    def __str__(self) -> str:
        return ".".join(_as_written(part) for part in self.parts)

    @property
    def sql(self) -> str:
        """Every part between backticks."""
        return ".".join(identifier(part) for part in self.parts)

    def metadata(self, table: str) -> str:
        """SQL of one of Iceberg's metadata tables."""
        return f"{self.sql}.{identifier(table)}"

    @property
    def schema_sql(self) -> str:
        """SQL of the schema the table is in."""
        return ".".join(identifier(part) for part in self.parts[:-1])


def identifier(name: str) -> str:
    """A name between backticks."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A string literal: Spark reads backslashes in it, and would put a variable's value in place of ${...}."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + quoted.replace("${", "\\u0024{") + "'"


def _as_written(part: str) -> str:
    plain = part and "." not in part and "`" not in part and part.strip() == part
    return part if plain else identifier(part)


def split(text: str) -> list[str]:
    """The parts of a name: at dots, but not between backticks."""
    parts: list[str] = []
    rest = text
    while True:
        if rest.startswith("`"):
            part, rest = _quoted(rest, text)
        else:
            end = rest.find(".")
            part, rest = (rest, "") if end < 0 else (rest[:end], rest[end:])
            if "`" in part:
                raise invalid("a backtick stands in the middle of a name", about=text)
        parts.append(part)
        if not rest:
            return parts
        if not rest.startswith("."):
            raise invalid("something follows a closing backtick", about=text)
        rest = rest[1:]


def _quoted(rest: str, text: str) -> tuple[str, str]:
    part = ""
    place = 1
    while place < len(rest):
        if rest.startswith("``", place):
            part += "`"
            place += 2
        elif rest[place] == "`":
            return part, rest[place + 1 :]
        else:
            part += rest[place]
            place += 1
    raise invalid("a backtick is not closed", about=text)
