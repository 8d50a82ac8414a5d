"""tensorstore's S3 key-value store, the C++ reader of large arrays."""

import importlib.metadata
import os
import sys

import tensorstore as ts

from line_protocol import bounds, read_file, serve, write_file

endpoint = sys.argv[1]


def store(args):
    # It puts the bucket into the path of every endpoint that it is given, so there is no virtual host to be tried.
    spec = {
        "driver": "s3",
        "bucket": args["bucket"],
        "endpoint": endpoint,
        "aws_region": os.environ["AWS_REGION"],
        "aws_credentials": {"type": "environment"},
    }
    return ts.KvStore.open({**spec, "context": {"s3_request_retries": {"max_retries": 1}}}).result()


def get(args):
    found = store(args).read(args["key"]).result()
    if found.state != "value":
        raise FileNotFoundError(f"404: {found.state}")
    write_file(args["file"], found.value)


def get_range(args):
    start, stop = bounds(args)
    found = store(args).read(args["key"], byte_range=slice(start, min(stop, args["sizeBytes"]))).result()
    write_file(args["file"], found.value)


def list_objects(args):
    keys = store(args).list().result()
    return {"listed": [{"key": key.decode("utf-8"), "sizeBytes": -1} for key in keys]}


serve(
    {
        "version": lambda _: {"version": importlib.metadata.version("tensorstore")},
        "get": get,
        "range": get_range,
        "put": lambda args: store(args).write(args["key"], read_file(args["file"])).result() and None,
        "remove": lambda args: store(args).delete_range(ts.KvStore.KeyRange(args["key"], args["key"] + "\0")).result(),
    }
)
