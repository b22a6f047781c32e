"""A store in a bucket of Amazon S3, or of a service that speaks its protocol."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import ClientError

from pyvtl.cloud.errors import (
    ArchivedError,
    CorruptDataError,
    MisconfiguredError,
    NotFoundError,
    PreconditionFailedError,
    UnavailableError,
    UnsupportedError,
)
from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import (
    Condition,
    Content,
    Listed,
    ObjectInfo,
    Page,
    Part,
    Tier,
    Unchanged,
    Upload,
    check_key,
    check_parts,
    check_span,
)
from pyvtl.cloud.s3_body import body_of
from pyvtl.cloud.s3_errors import (
    AlreadyUnderWayError,
    OutOfRangeError,
    explain,
    told_as_store_errors,
)
from pyvtl.cloud.s3_options import S3Options
from pyvtl.cloud.s3_values import (
    checksum_field,
    condition,
    crc32c_of,
    etag_of,
    info_of,
    part_of,
    range_field,
)
from pyvtl.wire.checksum import crc32c as checksum
from pyvtl.wire.layout import Buffer

DEFAULT_REGION = "us-east-1"
CONNECTIONS = 32
DELETED_AT_A_TIME = 1000
"""The most that one DeleteObjects takes."""
SLOWEST_BYTES_PER_SECOND = 64 * 1024
"""A call that moves bytes slower than this is given up: a dead line must not hold it for ever."""
MOST_READ_BYTES = 4 << 30
"""Stands in for the length of an object that is not known yet."""
WHOLE = {"ChecksumType": "FULL_OBJECT"}


class S3Store:
    """Keeps the promises of `ObjectStore` in a bucket, under a prefix.

    Payloads are not signed but carry a CRC32C: SHA-256 of every byte would take more time than all
    the rest.  botocore's own retries are off.
    """

    def __init__(
        self, client: Any, bucket: Bucket, options: S3Options, stack: AsyncExitStack
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._options = options
        self._stack = stack

    @classmethod
    async def open(cls, bucket: Bucket, options: S3Options) -> Self:
        """Ready to use; nothing is asked of the service yet.  Raises MisconfiguredError."""
        async with AsyncExitStack() as stack:
            with told_as_store_errors(str(bucket)):
                _check_authority(options.ca_bundle)
                client = await _enter_client(stack, get_session(), options)
            return cls(client, bucket, options, stack.pop_all())

    @asynccontextmanager
    async def _told(self, subject: str, moved: int = 0) -> AsyncIterator[None]:
        """Calls in here end in time, for so many bytes to move, with errors of ours."""
        seconds = self._options.connect_seconds + self._options.read_seconds
        with told_as_store_errors(f"{self._bucket}{subject}"):
            async with asyncio.timeout(seconds + moved / SLOWEST_BYTES_PER_SECOND):
                yield

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": self._bucket.prefix + check_key(key)}

    def _kept(self, storage_class: str | None) -> dict[str, str]:
        """How a new object is kept."""
        fields = {
            "StorageClass": storage_class or self._options.storage_class,
            "ServerSideEncryption": self._options.sse,
            "SSEKMSKeyId": self._options.sse_kms_key_id,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _key(self, found: str) -> str:
        return found.removeprefix(self._bucket.prefix)

    async def check(self) -> None:
        """Listing comes first: its refusals have a body that says why."""
        name, prefix = self._bucket.name, self._bucket.prefix
        async with self._told(""):
            try:
                await self._client.list_objects_v2(Bucket=name, Prefix=prefix, MaxKeys=1)
                answer = await self._client.head_bucket(Bucket=name)
            except self._client.exceptions.NoSuchBucket as error:
                raise explain(error, f"there is no bucket {name}") from error
            except ClientError as error:
                if (
                    error.operation_name == "HeadBucket"
                    and error.response["Error"]["Code"] == "404"
                ):
                    raise MisconfiguredError(f"there is no bucket {name}: make it") from error
                raise
        self._check_region(answer.get("BucketRegion"))

    def _check_region(self, told: str | None) -> None:
        region = self._client.meta.region_name
        if told not in (None, region):
            raise MisconfiguredError(
                f"the bucket {self._bucket.name} is in {told}, not in {region}:"
                f' set store.region = "{told}"'
            )

    async def put(
        self, key: str, data: Buffer, when: Condition = None, *, storage_class: str | None = None
    ) -> ObjectInfo:
        crc = checksum(data)
        fields = condition(when) | checksum_field(crc) | self._kept(storage_class)
        async with self._told(key, len(data)):
            answer = await self._conditional(
                self._client.put_object(**self._at(key), Body=body_of(data), **fields), when
            )
        return info_of(key, {**fields, **answer, **checksum_field(crc)}, len(data))

    async def _conditional(self, request: Any, when: Condition) -> Any:
        """Where nothing is, nothing is unchanged: S3 says 404, others 412."""
        try:
            return await request
        except self._client.exceptions.NoSuchKey as error:
            if isinstance(when, Unchanged):
                raise PreconditionFailedError(str(explain(error, str(self._bucket)))) from error
            raise

    async def adopt(self, key: str, path: Path, when: Condition = None) -> ObjectInfo:
        raise UnsupportedError(f"{path} cannot become {key} without being sent")

    async def get(self, key: str, start: int = 0, length: int | None = None) -> Content:
        check_span(start, length)
        span = range_field(start, length) or {"ChecksumMode": "ENABLED"}
        try:
            async with self._told(key, MOST_READ_BYTES if length is None else length):
                answer = await self._client.get_object(**self._at(key), **span)
                async with answer["Body"] as body:
                    data = await body.read()
        except OutOfRangeError:
            return Content(await self.head(key), b"")
        return _checked(Content(info_of(key, answer), data), answer)

    async def head(self, key: str) -> ObjectInfo:
        async with self._told(key):
            answer = await self._client.head_object(**self._at(key), ChecksumMode="ENABLED")
        return info_of(key, answer)

    async def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Page:
        place = {"Bucket": self._bucket.name, "Prefix": self._bucket.prefix + prefix}
        start = {} if cursor is None else {"ContinuationToken": cursor}
        async with self._told(prefix):
            answer = await self._client.list_objects_v2(**place, MaxKeys=limit, **start)
        found = answer.get("Contents", [])
        entries = tuple(Listed(self._key(entry["Key"]), entry["Size"]) for entry in found)
        return Page(entries, answer.get("NextContinuationToken"))

    async def delete(self, keys: Sequence[str]) -> None:
        await self._delete([{"Key": self._at(key)["Key"]} for key in keys], "DeleteObjects")

    async def _delete(self, names: Sequence[dict[str, str]], operation: str) -> None:
        for first in range(0, len(names), DELETED_AT_A_TIME):
            batch = names[first : first + DELETED_AT_A_TIME]
            async with self._told(self._key(batch[0]["Key"])):
                answer = await self._client.delete_objects(
                    Bucket=self._bucket.name, Delete={"Objects": batch, "Quiet": True}
                )
            for error in answer.get("Errors", []):
                subject = f"{self._bucket}{self._key(error['Key'])}"
                raise explain(ClientError({"Error": error}, operation), subject)

    async def erase(self, prefix: str) -> None:
        if versions := await self._versions(prefix):
            await self._delete(versions, "DeleteObjectVersions")
        if await self._versions(prefix):
            raise UnsupportedError(f"{self._bucket}{prefix}: a version is left of what was removed")

    async def _versions(self, prefix: str) -> Sequence[dict[str, str]]:
        """All versions below a prefix, and the marks of those that were deleted."""
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket.name, Prefix=self._bucket.prefix + prefix
        )
        async with self._told(prefix):
            found = [
                entry
                async for page in pages
                for kind in ("Versions", "DeleteMarkers")
                for entry in page.get(kind, [])
            ]
        return [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in found]

    async def copy(
        self, source: ObjectInfo, key: str, *, storage_class: str | None = None
    ) -> ObjectInfo:
        async with self._told(f"{source.key} to {key}", source.size):
            await self._client.copy_object(
                **self._at(key),
                CopySource=self._at(source.key),
                CopySourceIfMatch=f'"{source.etag}"',
                **self._kept(storage_class),
            )
        return await self.head(key)

    async def restore(self, key: str, days: int, tier: Tier = Tier.STANDARD) -> None:
        request = {"Days": days, "GlacierJobParameters": {"Tier": tier.value}}
        try:
            async with self._told(key):
                await self._client.restore_object(**self._at(key), RestoreRequest=request)
        except AlreadyUnderWayError:
            return
        except ArchivedError as error:  # InvalidObjectState: the class is none to restore from
            raise UnsupportedError(str(error)) from error

    async def begin_upload(self, key: str, *, storage_class: str | None = None) -> Upload:
        kept = self._kept(storage_class)
        async with self._told(key):
            answer = await self._client.create_multipart_upload(
                **self._at(key), ChecksumAlgorithm="CRC32C", **WHOLE, **kept
            )
        return Upload(key, answer["UploadId"])

    async def send_part(self, upload: Upload, number: int, data: Buffer) -> Part:
        crc = checksum(data)
        async with self._told(upload.key, len(data)):
            answer = await self._client.upload_part(
                **self._of(upload), PartNumber=number, Body=body_of(data), **checksum_field(crc)
            )
        return Part(number, len(data), etag_of(answer), crc)

    def _of(self, upload: Upload) -> dict[str, str]:
        return {**self._at(upload.key), "UploadId": upload.id}

    async def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        pages = self._client.get_paginator("list_parts").paginate(**self._of(upload))
        async with self._told(upload.key):
            found = [part async for page in pages for part in page.get("Parts", [])]
        return tuple(part_of(part) for part in found)

    async def list_uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket.name, Prefix=self._bucket.prefix + prefix
        )
        async with self._told(prefix):
            found = [upload async for page in pages for upload in page.get("Uploads", [])]
        return tuple(Upload(self._key(upload["Key"]), upload["UploadId"]) for upload in found)

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        when: Condition = None,
        *,
        crc32c: int | None = None,
    ) -> ObjectInfo:
        check_parts(parts)
        told = [
            {"PartNumber": part.number, "ETag": f'"{part.etag}"', **checksum_field(part.crc32c)}
            for part in parts
        ]
        fields = condition(when) | checksum_field(crc32c) | WHOLE
        async with self._told(upload.key, sum(part.size for part in parts)):
            answer = await self._conditional(
                self._client.complete_multipart_upload(
                    **self._of(upload), MultipartUpload={"Parts": told}, **fields
                ),
                when,
            )
        if None not in (crc32c, crc32c_of(answer)) and crc32c != crc32c_of(answer):
            raise CorruptDataError(f"{self._bucket}{upload.key}: the whole is not as told")
        return await self.head(upload.key)

    async def abort_upload(self, upload: Upload) -> None:
        try:
            async with self._told(upload.key):
                await self._client.abort_multipart_upload(**self._of(upload))
        except NotFoundError:
            return

    async def close(self) -> None:
        await self._stack.aclose()


def _check_authority(ca_bundle: Path | None) -> None:
    """MisconfiguredError unless the file can be used; botocore tells only when it connects."""
    try:
        if ca_bundle is not None:
            ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:  # ssl.SSLError is one
        raise MisconfiguredError(f"store.ca_bundle {ca_bundle} cannot be used: {error}") from error


async def _enter_client(stack: AsyncExitStack, session: AioSession, options: S3Options) -> Any:
    config = AioConfig(
        s3={"addressing_style": options.addressing_style, "payload_signing_enabled": False},
        retries={"total_max_attempts": 1, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=options.connect_seconds,
        read_timeout=options.read_seconds,
        max_pool_connections=CONNECTIONS,
    )
    creating = session.create_client(
        "s3",
        region_name=options.region or session.get_config_variable("region") or DEFAULT_REGION,
        endpoint_url=options.endpoint_url,
        verify=str(options.ca_bundle) if options.ca_bundle else None,
        config=config,
    )
    try:
        return await stack.enter_async_context(creating)
    except ValueError as error:  # of an address that is none
        raise MisconfiguredError(f"store.endpoint_url: {error}") from error


def _checked(content: Content, answer: Mapping[str, Any]) -> Content:
    """Raise unless all bytes came, and unchanged as far as the store tells."""
    got, key = len(content.data), content.info.key
    if got != answer["ContentLength"]:
        raise UnavailableError(f"{key}: {got} of {answer['ContentLength']} bytes came")
    is_whole = "ContentRange" not in answer
    if is_whole and content.info.crc32c not in (None, checksum(content.data)):
        raise CorruptDataError(f"{key}: the bytes that came do not match their CRC32C")
    return content
