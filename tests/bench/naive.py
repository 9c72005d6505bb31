"""The yardsticks: the same work as a good engineer writes it by default."""

from typing import Any

import boto3
import urllib3


class Streamed:
    """A link's bytes put to S3 as they come, with a trailing checksum; looked at by nobody."""

    def __init__(self, checksum: str) -> None:
        self._http = urllib3.PoolManager()
        self._s3: Any = boto3.client("s3")
        self._checksum = checksum

    def keep(self, link: str) -> None:
        """One image."""
        answer = self._http.request("GET", link, preload_content=False)
        length = int(answer.headers["content-length"])
        self._s3.put_object(
            Bucket="images", Key="images/1.png", Body=answer, ContentLength=length,
            ContentType="image/png", ChecksumAlgorithm=self._checksum,
        )  # fmt: skip
        answer.release_conn()
