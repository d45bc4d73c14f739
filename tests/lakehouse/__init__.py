"""Generators of foreign Iceberg tables as real writers leave them, with what Spark reads in them as the judge."""
