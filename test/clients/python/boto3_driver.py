"""boto3 as it comes: default integrity checksums, the managed transfers for several connections and for multipart."""

import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from line_protocol import range_field, serve

MIB = 1024 * 1024
MULTI = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=3 * MIB, max_concurrency=6)
MULTIPART = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=4)

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    config=Config(signature_version="s3v4", s3={"addressing_style": os.environ["HOTBUCKET_TEST_STYLE"]}, retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=60),
)

seen = []
s3.meta.events.register("after-call.s3", lambda http_response, **_: seen.append(http_response.headers.get("Cache-Status", "")))


def observed(action):
    """Adds what the responses of the action said of the cache."""

    def run(args):
        seen.clear()
        answer = action(args) or {}
        return {**answer, "cacheStatus": list(seen)}

    return run


def target(args):
    return {"Bucket": args["bucket"], "Key": args["key"]}


def save(response, path):
    with open(path, "wb") as file:
        for chunk in response["Body"].iter_chunks(256 * 1024):
            file.write(chunk)
    return {"sizeBytes": response["ContentLength"], "etag": response["ETag"]}


def list_objects(args):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=args["bucket"], PaginationConfig={"PageSize": 7})
    return {"listed": [{"key": o["Key"], "sizeBytes": o["Size"]} for page in pages for o in page.get("Contents", [])]}


def head(args):
    response = s3.head_object(**target(args))
    return {"sizeBytes": response["ContentLength"], "etag": response["ETag"]}


def conditional(args):
    conditions = {name: args[given] for name, given in (("IfMatch", "ifMatch"), ("IfNoneMatch", "ifNoneMatch")) if given in args}
    try:
        response = s3.get_object(**target(args), **conditions)
        return {"status": response["ResponseMetadata"]["HTTPStatusCode"], **save(response, args["file"])}
    except ClientError as error:
        return {"status": error.response["ResponseMetadata"]["HTTPStatusCode"]}


def put(args):
    with open(args["file"], "rb") as body:
        s3.put_object(**target(args), Body=body)


def copy(args):
    s3.copy({"Bucket": args["bucket"], "Key": args["source"]}, args["bucket"], args["key"], Config=MULTIPART)


def remove_many(args):
    response = s3.delete_objects(Bucket=args["bucket"], Delete={"Objects": [{"Key": key} for key in args["keys"]]})
    if response.get("Errors"):
        raise RuntimeError(response["Errors"])


def presign(operation):
    return lambda args: {"url": s3.generate_presigned_url(operation, Params=target(args), ExpiresIn=600)}


serve(
    {
        "version": lambda _: {"version": boto3.__version__},
        "list": list_objects,
        "head": observed(head),
        "get": observed(lambda args: save(s3.get_object(**target(args)), args["file"])),
        "range": observed(lambda args: save(s3.get_object(**target(args), Range=range_field(args)), args["file"])),
        "multi": observed(lambda args: s3.download_file(args["bucket"], args["key"], args["file"], Config=MULTI)),
        "conditional": conditional,
        "put": put,
        "multipart": lambda args: s3.upload_file(args["file"], args["bucket"], args["key"], Config=MULTIPART),
        "copy": copy,
        "remove": lambda args: s3.delete_object(**target(args)) and None,
        "removeMany": remove_many,
        "presignGet": presign("get_object"),
        "presignPut": presign("put_object"),
    }
)
