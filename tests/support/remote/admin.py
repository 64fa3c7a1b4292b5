"""Asks an S3 server by boto3 what tests want to know: a line of JSON in, a line of JSON out (tests/support/remote/admin.rs)."""
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

about = json.loads(sys.stdin.readline())


def client_of(access_key, secret):
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 5})
    return boto3.session.Session(access_key, secret, region_name="eu-central-1").client(
        "s3", endpoint_url=about["endpoint"], verify=about["ca"] or False, config=config
    )


s3 = client_of(about["id"], about["secret"])


def pages(operation, name, bucket):
    found = s3.get_paginator(operation).paginate(Bucket=bucket)
    return [one for page in found for one in page.get(name, [])]


def make_bucket(bucket):
    s3.create_bucket(Bucket=bucket)


def drop_bucket(bucket):
    for key in keys(bucket):
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)


def keys(bucket):
    return [found["Key"] for found in pages("list_objects_v2", "Contents", bucket)]


def uploads(bucket):
    return [[found["Key"], found["UploadId"]] for found in pages("list_multipart_uploads", "Uploads", bucket)]


def put(bucket, key, file):
    with open(file, "rb") as body:
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def get(bucket, key, file):
    with open(file, "wb") as body:
        for chunk in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
            body.write(chunk)


def delete(bucket, key):
    s3.delete_object(Bucket=bucket, Key=key)


def head(bucket, key):
    try:
        return {"headers": s3.head_object(Bucket=bucket, Key=key)["ResponseMetadata"]["HTTPHeaders"]}
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return {}
        raise


def begin(bucket, key, file):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    with open(file, "rb") as body:
        s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=body)
    return upload


def call(id, secret, name, arguments):
    try:
        answer = getattr(client_of(id, secret), name)(**arguments)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"error": {"status": status, "code": error.response["Error"]["Code"]}}
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().decode()
    return {"answer": answer}


def presign(secret, name, arguments, seconds):
    return client_of(about["id"], secret).generate_presigned_url(name, Params=arguments, ExpiresIn=seconds)


def reply(answer):
    print(json.dumps(answer, default=str), flush=True)


reply({"said": None})
for line in sys.stdin:
    asked = json.loads(line)
    try:
        reply({"said": globals()[asked.pop("do")](**asked)})
    except Exception as error:  # noqa: BLE001 - it is what the test is told
        reply({"failed": f"{type(error).__name__}: {error}"})
