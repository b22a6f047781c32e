"""What S3 and the way to it say, told as errors of an object store, with what to do about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import aiohttp
from botocore import exceptions

from pyvtl.cloud.errors import (
    AccessDeniedError,
    ArchivedError,
    CorruptDataError,
    MisconfiguredError,
    NotFoundError,
    ObjectStoreError,
    PreconditionFailedError,
    RefusedError,
    UnavailableError,
    UnsupportedError,
)

SERVER_ERROR = 500
BUSY_STATUSES = {408, 409, 429}


class OutOfRangeError(ObjectStoreError):
    """A span begins behind the end of an object; it stays in here."""


class AlreadyUnderWayError(ObjectStoreError):
    """An object is being restored already; it stays in here."""


ERRORS: Mapping[type[ObjectStoreError], str] = {
    NotFoundError: "404 NoSuchKey NoSuchUpload",
    PreconditionFailedError: "412 PreconditionFailed ConditionalRequestConflict",
    ArchivedError: "InvalidObjectState",
    CorruptDataError: "BadDigest InvalidDigest InvalidPart InvalidPartOrder"
    " XAmzContentChecksumMismatch XAmzContentSHA256Mismatch",
    AlreadyUnderWayError: "RestoreAlreadyInProgress",
    OutOfRangeError: "416 InvalidRange",
    UnsupportedError: "405 501 MethodNotAllowed NotImplemented",
    UnavailableError: "SlowDown RequestTimeout IncompleteBody OperationAborted InternalError"
    " ServiceUnavailable ThrottlingException TooManyRequests",
    AccessDeniedError: "401 403 AccessDenied AllAccessDisabled AccountProblem ExpiredToken"
    " InvalidAccessKeyId InvalidToken SignatureDoesNotMatch TokenRefreshRequired",
    MisconfiguredError: "301 AuthorizationHeaderMalformed IllegalLocationConstraintException"
    " InvalidBucketName InvalidStorageClass NoSuchBucket PermanentRedirect RequestTimeTooSkewed",
}
"""Error codes of the S3 API reference; a number is the status of an answer without a body."""

KINDS = {code: kind for kind, codes in ERRORS.items() for code in codes.split()}

WRONG_REGION = "the bucket is in another region: set store.region"
REMEDIES: Mapping[str, str] = {
    "301": WRONG_REGION,
    "AuthorizationHeaderMalformed": WRONG_REGION,
    "ExpiredToken": "renew the credentials",
    "IllegalLocationConstraintException": WRONG_REGION,
    "InvalidAccessKeyId": "the service does not know this access key: check the credentials",
    "NoSuchBucket": "make the bucket, or name another one in store.url",
    "PermanentRedirect": WRONG_REGION,
    "RequestTimeTooSkewed": "set the clock of this machine",
    "SignatureDoesNotMatch": "the secret key is not that of the access key: check the credentials",
}

ACTIONS: Mapping[str, str] = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteObjects": "s3:DeleteObject",
    "DeleteObjectVersions": "s3:DeleteObjectVersion",
    "GetObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject and s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "ListParts": "s3:ListMultipartUploadParts",
    "PutObject": "s3:PutObject",
    "RestoreObject": "s3:RestoreObject",
    "UploadPart": "s3:PutObject",
}
"""The permission that each operation needs (Amazon S3 user guide, required permissions)."""

NO_CREDENTIALS = (
    "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE,"
    " or give this machine a role"
)
UNTRUSTED = "the certificate is not trusted: set store.ca_bundle to that of its authority"


@contextmanager
def told_as_store_errors(subject: str) -> Iterator[None]:
    """Turn what botocore, aiohttp and the network raise into errors of an object store."""
    try:
        yield
    except exceptions.ClientError as error:
        raise explain(error, subject) from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise AccessDeniedError(f"{subject}: {NO_CREDENTIALS} ({error})") from error
    except exceptions.SSLError as error:
        raise MisconfiguredError(f"{subject}: {UNTRUSTED} ({error})") from error
    except (
        exceptions.ConnectionError,
        exceptions.HTTPClientError,
        exceptions.CredentialRetrievalError,
        exceptions.IncompleteReadError,
        aiohttp.ClientError,
        OSError,
    ) as error:
        raise UnavailableError(f"{subject}: {error or type(error).__name__}") from error
    except exceptions.BotoCoreError as error:
        raise MisconfiguredError(f"{subject}: {error}") from error


def explain(error: exceptions.ClientError, subject: str) -> ObjectStoreError:
    """The error that an answer of S3 stands for."""
    code, reason = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = KINDS.get(code) or _kind_by_status(status)
    return kind(": ".join(filter(None, (subject, code, reason, _remedy(kind, code, error)))))


def _kind_by_status(status: int) -> type[ObjectStoreError]:
    busy = status >= SERVER_ERROR or status in BUSY_STATUSES
    return UnavailableError if busy else RefusedError


def _remedy(kind: type[ObjectStoreError], code: str, error: exceptions.ClientError) -> str:
    if kind is AccessDeniedError and code not in REMEDIES:
        action = ACTIONS.get(error.operation_name, error.operation_name)
        return f"the credentials need the permission {action}"
    return REMEDIES.get(code, "")
