"""The S3 server of the bench, and the programs that upload to it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

BUCKET, REGION = "exports", "eu-central-1"
ACCESS_KEY, SECRET_KEY = "AKIABENCH00000000001", "bench-secret-0123456789"
AWS = Path(sys.executable).parent / "aws"
RCLONE = Path(os.environ.get("BENCH_RCLONE", ""))


class Bucket:
    """An empty one. What is in it are files below `objects`."""

    def __init__(self, server: str, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        self.directory = directory
        self.objects = directory / "objects" / BUCKET
        self.objects.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = "127.0.0.1:%d" % free.getsockname()[1]
        self.endpoint = f"http://{address}"
        command = [server, address, self.objects.parent, ACCESS_KEY]
        self._server = subprocess.Popen(command, env={"S3_SECRET_KEY": SECRET_KEY})
        self._wait_for(address)

    def _wait_for(self, address: str) -> None:
        host, port = address.split(":")
        for _ in range(500):
            try:
                socket.create_connection((host, int(port))).close()
                return
            except OSError:
                time.sleep(0.01)
        raise SystemExit("the S3 server does not listen")

    def memory(self) -> int:
        """Of the server, the most it ever had."""
        with open(f"/proc/{self._server.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

    def only(self) -> Path:
        """The one object that there is."""
        (found,) = (path for path in self.objects.rglob("*") if path.is_file())
        return found

    def empty(self) -> None:
        shutil.rmtree(self.objects)
        self.objects.mkdir()

    def stop(self) -> None:
        self._server.kill()
        self._server.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def aws(self, file: Path) -> list:
        """As it comes: parts of 8 MB, ten at a time."""
        copy = ["s3", "cp", "--no-progress", "--only-show-errors", file, f"s3://{BUCKET}/{file.name}"]
        return [AWS, "--endpoint-url", self.endpoint, "--region", REGION, *copy]

    def rclone(self, file: Path) -> list:
        """As it comes: parts of 5 MB, four at a time."""
        return [RCLONE, "--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", self.endpoint,
                "--s3-region", REGION, "copyto", file, f":s3:{BUCKET}/{file.name}"]  # fmt: skip


def environment() -> dict:
    """Without what this machine has set for other buckets."""
    own = ("AWS_", "RCLONE_")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(own) and not n.lower().endswith("_proxy")}
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "RCLONE_CONFIG": os.devnull}
    return {**kept, **keys, **nothing, "AWS_EC2_METADATA_DISABLED": "true"}
