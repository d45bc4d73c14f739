"""A warehouse's query on Spark: the statement's file, the answer's file."""

import json
import sys

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
# A warehouse knows parameters, and puts nothing of its machine in place of ${...}; Spark does, and so does a cluster.
spark.conf.set("spark.sql.variable.substitute", "false")
with open(sys.argv[1], encoding="utf-8") as statement:
    frame = spark.sql(statement.read())
rows = [[None if value is None else str(value) for value in row] for row in frame.collect()]
with open(sys.argv[2], "w", encoding="utf-8") as answer:
    json.dump({"columns": frame.columns, "rows": rows}, answer)
