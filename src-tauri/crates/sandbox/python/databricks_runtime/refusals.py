"""A statement's refusal, with the error class and SQLSTATE where PySpark has them."""

from pyspark.errors import AnalysisException


class Refusal(AnalysisException):
    """As an error of the engine reaches Python: `getCondition`, `getErrorClass` and `getSqlState` tell what it is."""

    def __init__(self, condition, state, text):
        Exception.__init__(self, f"[{condition}] {text} SQLSTATE: {state}")
        self.condition = condition
        self.state = state
        self.text = text

    def getCondition(self):
        return self.condition

    def getErrorClass(self):
        return self.condition

    def getSqlState(self):
        return self.state

    def getMessage(self):
        return str(self)

    def getMessageParameters(self):
        return {}

    def getQueryContext(self):
        return []

    def __str__(self):
        return self.args[0]


def syntax(near):
    return Refusal("PARSE_SYNTAX_ERROR", "42601", f"Syntax error at or near {near[:40]!r}.")


def not_for_managed(text):
    """What a managed Iceberg table does not take."""
    return Refusal("MANAGED_ICEBERG_OPERATION_NOT_SUPPORTED", "0A000", text)


def read_only(name):
    text = f"{name} is a foreign Iceberg table, which is read and never written."
    return Refusal("UNSUPPORTED_FEATURE.TABLE_OPERATION", "0A000", text)
