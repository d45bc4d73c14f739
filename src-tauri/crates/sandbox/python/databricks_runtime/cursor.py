"""A place in a statement's tokens, and the parts that many statements have."""

from databricks_runtime import refusals, tokens
from databricks_runtime.statements import Column, Reference

_OPEN, _CLOSE = "([{", ")]}"
# What follows FROM or JOIN and is no table.
_NO_TABLE = {"LATERAL", "VALUES", "SELECT", "TABLE", "STREAM"}


class Cursor:
    def __init__(self, sql):
        self.sql = sql
        self.tokens = tokens.split(sql)
        self.place = 0

    @property
    def token(self):
        return self.tokens[self.place]

    def ahead(self, *words):
        following = self.tokens[self.place : self.place + len(words)]
        return [token.upper for token in following] == list(words)

    def accept(self, *words):
        if self.ahead(*words):
            self.place += len(words)
            return True
        return False

    def expect(self, *words):
        if not self.accept(*words):
            raise self.syntax()

    def syntax(self):
        return refusals.syntax(self.sql[self.token.start :] or "end of statement")

    @property
    def at_end(self):
        return self.token.kind == "end"

    def end(self):
        if not self.at_end:
            raise self.syntax()

    def rest(self):
        """The text from here on."""
        text = self.sql[self.token.start :].rstrip().rstrip(";")
        self.place = len(self.tokens) - 1
        return text

    def since(self, place):
        """The text from a place up to here."""
        return self.sql[self.tokens[place].start : self.tokens[self.place - 1].end]

    def part(self):
        token = self.token
        if token.kind not in ("word", "name"):
            raise self.syntax()
        self.place += 1
        return token.text

    def path(self):
        parts = [self.part()]
        while self.accept("."):
            parts.append(self.part())
        return tuple(parts)

    def string(self):
        token = self.token
        if token.kind != "string":
            raise self.syntax()
        self.place += 1
        return unquoted(token.text)

    def listed(self, one):
        """`(one, one, ...)`"""
        self.expect("(")
        found = [one()]
        while self.accept(","):
            found.append(one())
        self.expect(")")
        return found

    def skip_balanced(self):
        """Over one token, or over a bracket with all that it holds."""
        if self.at_end:
            raise self.syntax()
        depth = 0
        while True:
            upper = self.token.upper
            if self.at_end:
                raise self.syntax()
            depth += (upper in _OPEN and upper != "") - (upper in _CLOSE and upper != "")
            self.place += 1
            if depth <= 0:
                return

    def pair(self):
        """`'key' = 'value'`, where words, numbers and dotted keys do too."""
        key = self.string() if self.token.kind == "string" else ".".join(self.path())
        self.accept("=")
        token = self.token
        if token.kind == "string":
            return key, self.string()
        if token.kind not in ("number", "word"):
            raise self.syntax()
        self.place += 1
        return key, token.text.lower() if token.kind == "word" else token.text

    def kind(self):
        """A type; whether NOT NULL stands inside of it."""
        word = self.part().upper()
        if word == "ARRAY" and self.accept("<"):
            inner = self.kind()
            self._close()
            return inner
        if word == "MAP" and self.accept("<"):
            inner = self.kind()
            self.expect(",")
            inner |= self.kind()
            self._close()
            return inner
        if word == "STRUCT" and self.accept("<"):
            return self._fields()
        if self.token.upper == "(":
            self.skip_balanced()
        return False

    def _fields(self):
        required = False
        while not self._closes():
            self.part()
            self.accept(":")
            required |= self.kind()
            if self.accept("NOT", "NULL"):
                required = True
            if self.accept("COMMENT"):
                self.string()
            if not self.accept(",") and not self._closes():
                raise self.syntax()
        self._close()
        return required

    def _closes(self):
        return self.token.upper.startswith(">")

    def _close(self):
        """The lexer reads no `>>`, but `>=` after a type would be one token too long."""
        self.expect(">")

    def column(self):
        place = self.place
        name = self.part()
        kind_at = self.place
        required = self.kind()
        kind = self.since(kind_at)
        while self.token.upper not in (",", ")"):
            if self.accept("NOT", "NULL"):
                continue
            if self.accept("COMMENT"):
                self.string()
                continue
            if self.token.upper in ("DEFAULT", "GENERATED", "PRIMARY", "CONSTRAINT", "MASK", "UNIQUE", "REFERENCES"):
                what = self.token.upper
                raise refusals.not_for_managed(f"Column {name}: {what} is not supported on managed Iceberg tables.")
            raise self.syntax()
        return Column(name, kind, required, self.since(place))

    def reads(self):
        """The tables that the rest of the statement reads, and their versions. The place stays."""
        before = self.place
        found = []
        while not self.at_end:
            word = self.token.upper
            self.place += 1
            while word in ("FROM", "JOIN", "USING", ",") and self.token.kind in ("word", "name"):
                if self.token.upper in _NO_TABLE:
                    break
                reference = self.reference()
                if reference is None:
                    break
                found.append(reference)
                if word == ",":
                    break
        self.place = before
        return found

    def reference(self):
        name = self.path()
        if self.token.upper == "(":  # a function
            return None
        version = None
        if self.accept("VERSION", "AS", "OF") or self.accept("FOR", "VERSION", "AS", "OF"):
            text = unquoted(self.token.text) if self.token.kind == "string" else self.token.text
            version = int(text) if text.isdigit() else None
            if version is None:
                raise refusals.Refusal("UNSUPPORTED_FEATURE.TIME_TRAVEL", "0A000", "The version is no number.")
            self.place += 1
        elif self.ahead("TIMESTAMP", "AS", "OF"):
            raise refusals.Refusal("UNSUPPORTED_FEATURE.TIME_TRAVEL", "0A000", "By a timestamp, on a foreign table.")
        return Reference(name, version)


def unquoted(text):
    """The value of a string literal."""
    if text[0] in "rR":
        return text[2:-1]
    plain, place = "", 1
    while place < len(text) - 1:
        if text[place] == "\\" and place + 1 < len(text) - 1:
            place += 1
            plain += {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(text[place], text[place])
        elif text.startswith("''", place) and text[0] == "'":
            plain, place = plain + "'", place + 1
        else:
            plain += text[place]
        place += 1
    return plain
