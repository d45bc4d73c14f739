"""Makes open-source Spark with Iceberg behave as a Databricks runtime, as far as its SQL goes.

`SparkSession.sql` takes the statements that the vendor documents for managed and foreign Iceberg tables, refuses the
others with the error classes of life, and carries the rest out on Spark. It is written from the vendor's documents, and
knows nothing of the jobs that are run with it.
"""

import functools

from databricks_runtime import switches
from databricks_runtime.engine import Engine
from databricks_runtime.refusals import Refusal

_ACTIONS = ("collect", "count", "toPandas", "toLocalIterator", "foreach", "foreachPartition", "isEmpty", "show")


def install(session_class):
    """Replace `sql` of a class of sessions; what undoes it is returned."""
    native = session_class.sql
    engine = Engine(native)
    undo = [functools.partial(setattr, session_class, "sql", native)]
    watched = set()

    @functools.wraps(native)
    def sql(self, sqlQuery, *arguments, **named):
        if not switches.is_on() or arguments or named:
            return native(self, sqlQuery, *arguments, **named)
        frame = engine.sql(self, sqlQuery)
        if type(frame) not in watched:
            watched.add(type(frame))
            undo.extend(_watch(type(frame), engine))
        return frame

    session_class.sql = sql

    def uninstall():
        for one in reversed(undo):
            one()

    return uninstall


def _watch(frames, engine):
    """Notice what is read, and refuse what serverless compute refuses."""
    undo = []

    def action(native):
        @functools.wraps(native)
        def wrapper(self, *arguments, **named):
            answer = native(self, *arguments, **named)
            if switches.is_on():
                engine.ran(lambda: self._jdf.queryExecution().analyzed().toString())
            return answer

        return wrapper

    def kept(native):
        @functools.wraps(native)
        def wrapper(self, *arguments, **named):
            if switches.is_on() and switches.is_serverless():
                raise Refusal("NOT_SUPPORTED_WITH_SERVERLESS", "0A000", "PERSIST TABLE is not supported on serverless.")
            return native(self, *arguments, **named)

        return wrapper

    for names, wrapped in ((_ACTIONS, action), (("persist", "cache"), kept)):
        for name in names:
            native = getattr(frames, name)
            undo.append(functools.partial(setattr, frames, name, native))
            setattr(frames, name, wrapped(native))
    return undo
