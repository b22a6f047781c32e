"""A server elsewhere: the control requests, signed, at the address of its AWS API."""

from contextvars import ContextVar
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from pyvtl.cli.failure import CommandError, UsageError

ENDPOINT: ContextVar[str | None] = ContextVar("endpoint", default=None)
"""Where the server is, when it is not to be found by its data folder."""

CONTROL = "/control"
SERVICE = "storagegateway"
USUAL_REGION = "us-east-1"


def connect(endpoint: str, timeout_seconds: float | None) -> HTTPConnection:
    """A connection yet to be made."""
    url = urlsplit(endpoint)
    kinds: dict[str, type[HTTPConnection]] = {"http": HTTPConnection, "https": HTTPSConnection}
    if url.scheme not in kinds or not url.hostname or url.path not in ("", "/"):
        raise UsageError(f"{endpoint!r} is no endpoint; write like http://HOST:3261")
    return kinds[url.scheme](url.netloc, timeout=timeout_seconds)


def signed_headers(endpoint: str, method: str, path: str, body: str | None) -> dict[str, str]:
    """The headers that prove who asks, by the keys that AWS's tools find.  CommandError."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import get_session

    session = get_session()
    credentials = session.get_credentials()
    if credentials is None:
        raise CommandError(
            "there are no keys for the endpoint: set AWS_SHARED_CREDENTIALS_FILE to a copy of the"
            " server's aws-credentials, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    region = session.get_config_variable("region") or USUAL_REGION
    request = AWSRequest(method, endpoint.rstrip("/") + path, data=body or "")
    SigV4Auth(credentials.get_frozen_credentials(), SERVICE, region).add_auth(request)
    return dict(request.headers.items())
