"""Rust's object_store by its Python binding: the client inside polars, delta-rs, DataFusion and others."""

import os
import sys

import obstore
from obstore.store import S3Store

from line_protocol import bounds, read_file, serve, write_file

MIB = 1024 * 1024
endpoint = sys.argv[1]


def store(args):
    virtual = os.environ["HOTBUCKET_TEST_STYLE"] == "virtual"
    scheme, _, authority = endpoint.partition("://")
    return S3Store(
        args["bucket"],
        endpoint=f"{scheme}://{args['bucket']}.{authority}" if virtual else endpoint,
        virtual_hosted_style_request=virtual,
        region=os.environ["AWS_REGION"],
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def get_range(args):
    start, stop = bounds(args)
    write_file(args["file"], bytes(obstore.get_range(store(args), args["key"], start=start, end=min(stop, args["sizeBytes"]))))


def get_multi(args):
    starts = list(range(0, args["sizeBytes"], 3 * MIB))
    ends = [min(start + 3 * MIB, args["sizeBytes"]) for start in starts]
    parts = obstore.get_ranges(store(args), args["key"], starts=starts, ends=ends)
    write_file(args["file"], b"".join(bytes(part) for part in parts))


def head(args):
    found = obstore.head(store(args), args["key"])
    return {"sizeBytes": found["size"], "etag": found["e_tag"]}


def put(multipart):
    def run(args):
        obstore.put(store(args), args["key"], read_file(args["file"]), use_multipart=multipart, chunk_size=8 * MIB)

    return run


def list_objects(args):
    return {"listed": [{"key": one["path"], "sizeBytes": one["size"]} for page in obstore.list(store(args)) for one in page]}


serve(
    {
        "version": lambda _: {"version": obstore.__version__ if hasattr(obstore, "__version__") else "unknown"},
        "list": list_objects,
        "head": head,
        "get": lambda args: write_file(args["file"], bytes(obstore.get(store(args), args["key"]).bytes())),
        "range": get_range,
        "multi": get_multi,
        "put": put(False),
        "multipart": put(True),
        "copy": lambda args: obstore.copy(store(args), args["source"], args["key"]),
        "remove": lambda args: obstore.delete(store(args), args["key"]),
        "removeMany": lambda args: obstore.delete(store(args), args["keys"]),
    }
)
