"""Reads a published version from a web server: by https only, and no file beyond a size limit."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import NamedTuple

from quilt_cfn.delivery.publish.stores.protocols import Stored
from quilt_cfn.delivery.release.artifact import sha256
from quilt_cfn.errors import UserError

TIMEOUT = 30
"""Seconds without a byte after which a request fails."""
LIMIT = 16 * 1024 * 1024
"""The most bytes that are read of a file. S3 takes templates of 1 MB, and a diagram has less."""


class Web(NamedTuple):
    """Keys are paths under a URL.

    The certificate authorities are those of the system, or of ``SSL_CERT_FILE``.
    """

    url: str

    @property
    def name(self) -> str:
        return self.url

    def read(self, key: str) -> Stored | None:
        url = f"{self.url}/{key}"
        opener = urllib.request.build_opener(_Redirects)
        try:
            with opener.open(url, timeout=TIMEOUT) as answer:
                content = answer.read(LIMIT + 1)
                missing = answer.length  # of the Content-Length
        except urllib.error.HTTPError as error:
            with error:
                # S3 answers 403 for a missing key to everybody who may not list the bucket.
                if error.code in (403, 404, 410):
                    return None
                reason = f"it answered {error.code}"
        except urllib.error.URLError as error:
            reason = str(error.reason)
        except (OSError, HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
        else:
            if len(content) > LIMIT:
                reason = f"it is larger than {LIMIT:,} bytes"
            elif missing:
                reason = "the connection ended before the file did"
            else:
                return Stored(content, sha256(content))
        raise UserError(f"{url} could not be read: {reason}.", "Check the URL, and try again in a minute.")

    def names(self, folder: str) -> Sequence[str] | None:
        return None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection to https, and to nothing else."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if not newurl.startswith("https://"):
            raise ValueError("it redirects to something else than https")
        return super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)

    # Python 3.10 doesn't know 308, which is like 307.
    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302
