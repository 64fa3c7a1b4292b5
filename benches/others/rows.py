"""What the Python programs have in common: NAME SESSION QUERY FILE as arguments, rows as they arrive from a server-side cursor."""

import json
import sys
from contextlib import contextmanager

import psycopg

SESSION, QUERY, FILE = sys.argv[1:]


@contextmanager
def rows():
    with psycopg.connect() as connection:
        connection.execute(SESSION)
        with connection.cursor("accounts") as cursor:
            cursor.itersize = 2000
            cursor.execute(QUERY)
            yield cursor


def flat(value: object) -> object:
    """A cell's value: lists and JSON as text, moments without their zone, which is UTC."""
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if hasattr(value, "hour"):
        return value.replace(tzinfo=None)
    return value
