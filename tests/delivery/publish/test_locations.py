"""An object has the URL that S3 gives it in its Region."""

from __future__ import annotations

import re

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.session import Session

from quilt_cfn.delivery.publish.stores.locations import object_url

KEY = "quilt/quilt-registry/1.0.0/quilt-registry.yaml"


@pytest.mark.parametrize(
    ("bucket", "region", "url"),
    [
        ("public", "us-east-1", f"https://public.s3.us-east-1.amazonaws.com/{KEY}"),
        ("public", "us-gov-west-1", f"https://public.s3.us-gov-west-1.amazonaws.com/{KEY}"),
        ("public", "cn-north-1", f"https://public.s3.cn-north-1.amazonaws.com.cn/{KEY}"),
        ("public", "eusc-de-east-1", f"https://public.s3.eusc-de-east-1.amazonaws.eu/{KEY}"),
        ("public", "us-iso-east-1", f"https://public.s3.us-iso-east-1.c2s.ic.gov/{KEY}"),
        ("templates.example.com", "eu-west-1", f"https://s3.eu-west-1.amazonaws.com/templates.example.com/{KEY}"),
    ],
)
def test_an_object_has_the_url_of_its_region(bucket, region, url):
    assert object_url(bucket, region, KEY) == url


@pytest.mark.parametrize(
    ("key", "path"), [("a b/ü", "a%20b/%C3%BC"), ("?#", "%3F%23"), ("%41", "%2541"), ("a+b~c", "a%2Bb~c")]
)
def test_a_key_is_quoted(key, path):
    assert object_url("public", "eu-west-1", key) == f"https://public.s3.eu-west-1.amazonaws.com/{path}"


class Sent(Exception):
    """Raised instead of sending a request."""


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-east-1", "cn-north-1", "eusc-de-east-1"])
def test_the_url_is_the_one_that_botocore_uses(region):
    def stop(request, **_):
        raise Sent(request.url)

    config = Config(
        signature_version=UNSIGNED,
        ignore_configured_endpoint_urls=True,
        s3={"us_east_1_regional_endpoint": "regional"},
    )
    s3 = Session().create_client("s3", region, config=config)
    s3.meta.events.register("before-send.s3", stop)
    for bucket in ("public", "templates.example.com"):
        with pytest.raises(Sent, match=f"^{re.escape(object_url(bucket, region, KEY))}$"):
            s3.get_object(Bucket=bucket, Key=KEY)
    s3.close()
