"""Credentials planted in the tests, and the search for them in whatever is left behind."""
