"""s3fs (fsspec over aiobotocore), the file system that pandas, dask, xarray and Hugging Face datasets read S3 with."""

import os
import sys

import s3fs

from line_protocol import bounds, serve, write_file

MIB = 1024 * 1024

s3fs.S3FileSystem.retries = 1
fs = s3fs.S3FileSystem(
    endpoint_url=sys.argv[1],
    use_listings_cache=False,
    skip_instance_cache=True,
    default_block_size=5 * MIB,
    config_kwargs={"signature_version": "s3v4", "s3": {"addressing_style": os.environ["HOTBUCKET_TEST_STYLE"]}, "retries": {"total_max_attempts": 1}},
)


def path(args):
    return f"{args['bucket']}/{args['key']}"


def list_objects(args):
    found = fs.find(args["bucket"], detail=True, withdirs=False)
    skip = len(args["bucket"]) + 1
    return {"listed": [{"key": name[skip:], "sizeBytes": info["size"]} for name, info in found.items()]}


def head(args):
    info = fs.info(path(args))
    return {"sizeBytes": info["size"], "etag": info["ETag"]}


def get_range(args):
    start, stop = bounds(args)
    write_file(args["file"], fs.cat_file(path(args), start=start, end=stop))


def get_multi(args):
    """Ranges that s3fs fetches at the same time, as parquet and zarr readers make it do."""
    starts = list(range(0, args["sizeBytes"], 3 * MIB))
    ends = [min(start + 3 * MIB, args["sizeBytes"]) for start in starts]
    write_file(args["file"], b"".join(fs.cat_ranges([path(args)] * len(starts), starts, ends, on_error="raise")))


def put_multipart(args):
    with open(args["file"], "rb") as source, fs.open(path(args), "wb", block_size=8 * MIB) as sink:
        while chunk := source.read(MIB):
            sink.write(chunk)


serve(
    {
        "version": lambda _: {"version": s3fs.__version__},
        "list": list_objects,
        "head": head,
        "get": lambda args: write_file(args["file"], fs.cat_file(path(args))),
        "range": get_range,
        "multi": get_multi,
        "put": lambda args: fs.pipe_file(path(args), open(args["file"], "rb").read()),
        "multipart": put_multipart,
        "copy": lambda args: fs.cp_file(f"{args['bucket']}/{args['source']}", path(args)),
        "remove": lambda args: fs.rm_file(path(args)),
        "removeMany": lambda args: fs.rm([f"{args['bucket']}/{key}" for key in args["keys"]]) and None,
        "presignGet": lambda args: {"url": fs.sign(path(args), expiration=600)},
    }
)
