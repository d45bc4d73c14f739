"""What a cluster has and a plain Python does not: /Volumes and /Workspace as paths, dbutils for secrets, and Databricks'
SQL.

Python loads this by itself at the start of every task. It reaches Python's own file functions; Java's, by which Spark
reads and writes, it does not.
"""

import base64
import builtins
import functools
import importlib.abc
import importlib.machinery
import io
import json
import os
import sys
import urllib.parse
import urllib.request

_ROOT = os.environ.get("ICEBRIDGE_SANDBOX_FOLDER", "")
_STARTS = ("/Volumes/", "/Workspace/")


def _local(path):
    """The place of a cluster's path on this machine; any other path as it is."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if isinstance(text, str):
        text = text.removeprefix("dbfs:").removeprefix("/dbfs")
        if text.startswith(_STARTS) or text in ("/Volumes", "/Workspace"):
            return _ROOT + text
    return path


def _wrapped(function, paths):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        return function(*map(_local, arguments[:paths]), *arguments[paths:], **named)

    return wrapper


def _install():
    io.open = builtins.open = _wrapped(builtins.open, 1)
    one = "open stat lstat listdir scandir mkdir remove unlink rmdir access chmod chown utime chdir truncate statvfs"
    one += " readlink listxattr getxattr setxattr removexattr"
    for names, paths in ((one, 1), ("rename replace link symlink", 2)):
        for name in names.split():
            if hasattr(os, name):
                setattr(os, name, _wrapped(getattr(os, name), paths))


class _Secrets:
    def getBytes(self, scope, key):
        query = urllib.parse.urlencode({"scope": scope, "key": key})
        request = urllib.request.Request(
            os.environ["DATABRICKS_HOST"] + "/api/2.0/secrets/get?" + query,
            headers={"Authorization": "Bearer " + os.environ["DATABRICKS_TOKEN"]},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return base64.b64decode(json.load(answer)["value"])

    def get(self, scope, key):
        return self.getBytes(scope, key).decode()


class DBUtils:
    """As `pyspark.dbutils.DBUtils(spark)` of a cluster, as far as jobs need it."""

    def __init__(self, spark=None):
        self.secrets = _Secrets()


class _SparkLoader(importlib.abc.Loader):
    """Loads Spark's SQL as ever, and puts the runtime's own over it."""

    def __init__(self, native):
        self.native = native

    def __getattr__(self, name):
        return getattr(self.native, name)

    def create_module(self, spec):
        return self.native.create_module(spec)

    def exec_module(self, module):
        self.native.exec_module(module)
        import databricks_runtime

        databricks_runtime.install(module.SparkSession)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name == "pyspark.dbutils":
            return importlib.machinery.ModuleSpec(name, self)
        if name == "pyspark.sql":
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _SparkLoader(spec.loader)
            return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.DBUtils = DBUtils


if _ROOT:
    _install()
    sys.meta_path.insert(0, _Finder())
