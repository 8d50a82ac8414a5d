"""Points pyarrow's own S3 tests at the server under test, and writes what came of each test.

The tests come with fixtures that start a MinIO server; their values are given here instead, so that the tests stay as they are.
"""

import json
import os
import urllib.parse

import pytest


def _connection():
    endpoint = urllib.parse.urlsplit(os.environ["CONFORM_ENDPOINT"])
    return endpoint.hostname, endpoint.port, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    if fixturedef.argname == "s3_connection":
        value = _connection()
    elif fixturedef.argname == "s3_server":
        value = {"connection": _connection(), "process": None, "tempdir": os.environ["CONFORM_WORK"]}
    else:
        return None
    fixturedef.cached_result = (value, fixturedef.cache_key(request), None)
    return value


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """One line for each phase that says something; a test that passed its call and failed its teardown has two."""
    if report.when != "call" and report.passed:
        return
    detail = "" if report.passed else str(report.longrepr)[-1500:]
    line = {"name": report.nodeid, "outcome": report.outcome, "detail": detail}
    with open(os.environ["CONFORM_RESULTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
