"""pyarrow's own S3 file system: the AWS SDK for C++, unsigned trailers and Expect: 100-continue on every write."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pyarrow
from pyarrow import fs as arrow_fs

from line_protocol import bounds, read_file, serve, write_file

MIB = 1024 * 1024

scheme, _, authority = sys.argv[1].partition("://")
fs = arrow_fs.S3FileSystem(
    access_key=os.environ["AWS_ACCESS_KEY_ID"],
    secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    region=os.environ["AWS_REGION"],
    endpoint_override=authority,
    scheme=scheme,
    background_writes=False,
    force_virtual_addressing=os.environ["HOTBUCKET_TEST_STYLE"] == "virtual",
    tls_ca_file_path=os.environ.get("HOTBUCKET_TEST_CA_FILE"),
    retry_strategy=arrow_fs.AwsStandardS3RetryStrategy(max_attempts=1),
)


def path(args):
    return f"{args['bucket']}/{args['key']}"


def list_objects(args):
    skip = len(args["bucket"]) + 1
    found = fs.get_file_info(arrow_fs.FileSelector(args["bucket"], recursive=True))
    return {"listed": [{"key": info.path[skip:], "sizeBytes": info.size} for info in found if info.is_file]}


def head(args):
    info = fs.get_file_info(path(args))
    if not info.is_file:
        raise FileNotFoundError(f"404: {path(args)} is {info.type}")
    return {"sizeBytes": info.size}


def get(args):
    with fs.open_input_stream(path(args)) as stream:
        write_file(args["file"], stream.read())


def get_range(args):
    start, stop = bounds(args)
    with fs.open_input_file(path(args)) as file:
        write_file(args["file"], file.read_at(stop - start, start))


def get_multi(args):
    starts = range(0, args["sizeBytes"], 3 * MIB)
    with fs.open_input_file(path(args)) as file, ThreadPoolExecutor(6) as pool:
        parts = pool.map(lambda start: file.read_at(min(3 * MIB, args["sizeBytes"] - start), start), starts)
        write_file(args["file"], b"".join(parts))


def put(args):
    with fs.open_output_stream(path(args)) as stream:
        stream.write(read_file(args["file"]))


serve(
    {
        "version": lambda _: {"version": pyarrow.__version__},
        "list": list_objects,
        "head": head,
        "get": get,
        "range": get_range,
        "multi": get_multi,
        "put": put,
        "multipart": put,
        "copy": lambda args: fs.copy_file(f"{args['bucket']}/{args['source']}", path(args)),
        "remove": lambda args: fs.delete_file(path(args)),
    }
)
