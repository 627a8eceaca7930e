"""As much of S3 as a game day needs, signed with AWS Signature Version 4: list, get, put, delete, head."""

import hashlib
import hmac
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Listed:
    """Describes one object of a listing."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class S3:
    """Accesses a bucket with its credentials."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """Returns the environment variables by which a process finds the store, at this endpoint or another."""
        return {
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def get(self, key: str) -> bytes:
        """Reads the bytes of an object."""
        return self._call("GET", key)

    def put(self, key: str, body: bytes) -> None:
        """Writes an object, and replaces an existing one."""
        self._call("PUT", key, body=body)

    def delete(self, key: str) -> None:
        """Deletes an object; S3 reports no error for an absent one."""
        self._call("DELETE", key)

    def exists(self, key: str) -> bool:
        """Tells whether an object exists."""
        try:
            self._call("HEAD", key)
        except FileNotFoundError:
            return False
        return True

    def make_bucket(self) -> None:
        """Creates the bucket unless it exists."""
        self._call("PUT", "")

    def list(self, prefix: str) -> list[Listed]:
        """Lists the objects below a prefix, in order of their keys."""
        found: list[Listed] = []
        query = {"list-type": "2", "prefix": prefix}
        while True:
            page = xml.fromstring(self._call("GET", "", query))
            space = page.tag.partition("}")[0] + "}" if page.tag.startswith("{") else ""
            for entry in page.iter(f"{space}Contents"):
                text = {child.tag.removeprefix(space): child.text or "" for child in entry}
                found.append(Listed(text["Key"], int(text["Size"]), text.get("ETag", "").strip('"')))
            token = page.findtext(f"{space}NextContinuationToken")
            if not token:
                return found
            query["continuation-token"] = token

    def uploads(self, prefix: str) -> int:
        """Counts the multipart uploads that were begun but not finished."""
        page = xml.fromstring(self._call("GET", "", {"uploads": "", "prefix": prefix}))
        return sum(entry.tag.endswith("Upload") for entry in page)

    def _call(self, method: str, key: str, query: dict[str, str] | None = None, body: bytes = b"") -> bytes:
        path = "/" + urllib.parse.quote(f"{self.bucket}/{key}".rstrip("/"))
        pairs = sorted((query or {}).items())
        text = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="-_.~")
        request = urllib.request.Request(
            f"{self.endpoint}{path}{'?' + text if text else ''}", data=body or None, method=method
        )
        for name, value in self._signed(method, path, text, body).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(f"s3://{self.bucket}/{key}") from None
            raise OSError(f"{method} s3://{self.bucket}/{key}: {error.code} {error.read()[:300]!r}") from None

    def _signed(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        host = self.endpoint.partition("://")[2]
        names = "host;x-amz-content-sha256;x-amz-date"
        headers = f"host:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{now}\n"
        canonical = f"{method}\n{path}\n{query}\n{headers}\n{names}\n{digest}"
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for step in (now[:8], self.region, "s3", "aws4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return {"x-amz-date": now, "x-amz-content-sha256": digest, "Authorization": authorization}
