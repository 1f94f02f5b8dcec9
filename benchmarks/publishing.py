"""The time of publishing to ten Regions' buckets, and to one.

It is the real command line against moto's S3 over HTTP, with 50 ms added to each request as in a network. Each round
publishes a version as large as ours to prefixes of its own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from quilt_cfn.delivery.release.artifact import RELEASES
from tests.delivery.publish.artifacts import artifact, write_folder
from tests.delivery.publish.proxy import Delay, serve_proxy
from tests.delivery.publish.servers import aws_variables, client, serve_s3

ROUNDS = 5
DELAY = 0.05
"""Seconds added to each request."""
# fmt: off
REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1",
    "eu-central-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1",
)
# fmt: on


def measure() -> tuple[float, float]:
    """Median seconds of publishing to one Region, and to ten, one after the other in each round."""
    command = [str(Path(sys.executable).with_name("quilt-cfn")), "publish"]
    times: dict[int, list[float]] = {1: [], len(REGIONS): []}
    with (
        tempfile.TemporaryDirectory() as checkout,
        serve_s3() as server,
        serve_proxy(server, Delay(DELAY)) as proxy,
    ):
        write_folder(artifact("1.2.3"), Path(checkout) / RELEASES / "1.2.3")
        _make_buckets(server)
        environment = os.environ | aws_variables(proxy.url)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for round_number in range(ROUNDS + 1):
            for count, measured in times.items():
                locations = [f"s3://artifacts-{region}/{count}-{round_number}" for region in REGIONS[:count]]
                start = time.perf_counter()
                subprocess.run(
                    [*command, *locations], cwd=checkout, env=environment, stdout=subprocess.DEVNULL, check=True
                )
                if round_number:
                    measured.append(time.perf_counter() - start)
    one, ten = (statistics.median(measured) for measured in times.values())
    return one, ten


def _make_buckets(server: str) -> None:
    s3 = client("s3", server)
    for region in REGIONS:
        elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=f"artifacts-{region}", **elsewhere)
    s3.close()
