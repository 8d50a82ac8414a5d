"""smart_open: files on S3 as Python streams, over boto3."""

import os
import sys

import boto3
import smart_open
from botocore.config import Config
from smart_open.s3 import iter_bucket  # noqa: F401  (part of what a user imports)

from line_protocol import bounds, serve, write_file

MIB = 1024 * 1024

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    config=Config(signature_version="s3v4", s3={"addressing_style": os.environ["HOTBUCKET_TEST_STYLE"]}, retries={"total_max_attempts": 1}),
)


def stream(args, mode, **more):
    return smart_open.open(f"s3://{args['bucket']}/{args['key']}", mode, compression="disable", transport_params={"client": s3, **more})


def get(args):
    with stream(args, "rb") as source, open(args["file"], "wb") as sink:
        while chunk := source.read(MIB):
            sink.write(chunk)


def get_range(args):
    start, stop = bounds(args)
    with stream(args, "rb", defer_seek=True) as source:
        source.seek(start)
        write_file(args["file"], source.read(stop - start))


def put(multipart):
    def run(args):
        with open(args["file"], "rb") as source, stream(args, "wb", multipart_upload=multipart, min_part_size=8 * MIB) as sink:
            while chunk := source.read(MIB):
                sink.write(chunk)

    return run


serve(
    {
        "version": lambda _: {"version": smart_open.__version__},
        "get": get,
        "range": get_range,
        "put": put(multipart=False),
        "multipart": put(multipart=True),
    }
)
