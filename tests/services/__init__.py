"""Real third-party servers and awkward places, started for one test and gone after it.

A migration tool that is only tested against its own stand-ins proves that it agrees with itself. So everything here is
somebody else's program (Iceberg's REST catalog, moto, PostgreSQL, GNOME's keyring, the kernel's own full disk), bound
to 127.0.0.1, waited for with a time limit and killed at the end, also when the test run itself is killed.
"""
