"""Lines of JSON between the test harness and a client library.

One request a line on stdin, {"action": ..., "args": {...}}; one answer a line on what was stdout at the start,
{"answer": {...}} or {"error": "..."}. Whatever the library prints goes to stderr.
"""

import json
import os
import sys
import traceback


def serve(actions):
    """Answers requests until stdin ends. `actions` maps an action to a function that takes the args and returns a dict."""
    out = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {"answer": actions[request["action"]](request["args"]) or {}}
        except Exception as error:  # every failure of the library is an answer
            trace = "".join(traceback.format_tb(error.__traceback__)[-3:])
            reply = {"error": f"{type(error).__name__}: {error}\n{trace}"}
        out.write(json.dumps(reply) + "\n")


def range_field(args):
    """The Range field of HTTP; a negative `first` is a suffix."""
    first = args["first"]
    return f"bytes={first}" if first < 0 else f"bytes={first}-{args.get('last', '')}"


def bounds(args):
    """First byte and the one after the last, for libraries that want the numbers."""
    first, size = args["first"], args["sizeBytes"]
    start = size + first if first < 0 else first
    return start, args.get("last", size - 1) + 1


def write_file(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read_file(path):
    with open(path, "rb") as file:
        return file.read()
