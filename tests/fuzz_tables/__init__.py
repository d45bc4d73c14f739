"""Random tables by random histories, read by three engines and copied by us: every disagreement is a finding.

Run `python -m tests.fuzz_tables --help`; a table is known by its seed and its index, and comes out the same each time.
"""
