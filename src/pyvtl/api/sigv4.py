"""Signature Version 4, verified: who asks, that nothing was changed on the way, and how old it is.

What is signed is put together again by botocore's own signer, from what has arrived.
"""

import hmac
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Final, NoReturn

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from pyvtl.api.errors import ApiError

SERVICE: Final = "storagegateway"
ALGORITHM: Final = "AWS4-HMAC-SHA256"
TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
TOLERANCE: Final = timedelta(minutes=5)
AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)"
    r"\s*,\s*Signature=(?P<signature>[0-9a-f]{64})"
)
SCOPE_PARTS: Final = 5
CONTENT_HASH: Final = "x-amz-content-sha256"


@dataclass(frozen=True, slots=True)
class Keys:
    """What clients sign with, and the region that they have to name."""

    access_key_id: str
    secret_access_key: str
    region: str

    def __repr__(self) -> str:
        return f"Keys({self.access_key_id}, {self.region})"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature; all but the signature itself is checked."""

    credential_id: str
    signed_headers: frozenset[str]
    signature: str
    time: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request; `url` has path and query as they came."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class _Signer(SigV4Auth):  # type: ignore[misc]  # botocore carries no types
    """Signs those headers that the client signed, and the body that has arrived."""

    def __init__(self, keys: Keys, signed_headers: frozenset[str]) -> None:
        credentials = Credentials(keys.access_key_id, keys.secret_access_key)
        super().__init__(credentials, SERVICE, keys.region)
        self._signed_headers = signed_headers

    def headers_to_sign(self, request: Any) -> HTTPHeaders:
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            if name.lower() in self._signed_headers:
                headers.add_header(name.lower(), value)
        return headers


def claimed(keys: Keys, headers: Mapping[str, str], now: datetime) -> Claim:
    """What can be checked before the body is there: the key, the scope and the time.

    Raises ApiError.  `now` is in UTC.
    """
    _check_text(headers)
    match = _authorization(headers)
    time = _time(headers)
    key, date, *scope = (match["credential"].split("/") + [""] * SCOPE_PARTS)[:SCOPE_PARTS]
    if not hmac.compare_digest(key.encode(), keys.access_key_id.encode()):
        raise ApiError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    _check_scope(keys, date, scope, time)
    _check_time(time, now)
    signed = frozenset(match["headers"].split(";"))
    _check_signed(headers, signed)
    return Claim(key, signed, match["signature"], time)


def verify(keys: Keys, claim: Claim, arrived: Arrived) -> None:
    """Raise ApiError unless the signature is that of what has arrived."""
    given, body = arrived.headers.get(CONTENT_HASH), arrived.body
    if given is not None and not hmac.compare_digest(
        given.encode(), sha256(body).hexdigest().encode()
    ):
        _wrong("The value passed in x-amz-content-sha256 does not match the body.")
    request = AWSRequest(arrived.method, arrived.url, arrived.headers, body)
    if not hmac.compare_digest(_signature(keys, claim, request), claim.signature):
        _wrong(
            "The request signature we calculated does not match the signature you provided. Check"
            " your AWS Secret Access Key and signing method."
        )


def _signature(keys: Keys, claim: Claim, request: Any) -> str:
    """What the signature has to be; none for what nobody signs, as a Host that is no host."""
    request.context["timestamp"] = claim.time
    signer = _Signer(keys, claim.signed_headers)
    try:
        text = signer.string_to_sign(request, signer.canonical_request(request))
    except ValueError:
        return ""
    return str(signer.signature(text, request))


def _authorization(headers: Mapping[str, str]) -> re.Match[str]:
    text = headers.get("Authorization")
    if text is None:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = AUTHORIZATION.fullmatch(text.strip())
    if match is None:
        _incomplete(
            f"Authorization header requires {ALGORITHM} with 'Credential', 'SignedHeaders' and"
            " 'Signature' parameters."
        )
    return match


def _time(headers: Mapping[str, str]) -> str:
    """When a request was signed, as X-Amz-Date has it; Date counts where that is missing."""
    if (time := headers.get("X-Amz-Date")) is not None:
        return time
    date = headers.get("Date")
    if date is None:
        _incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    with suppress(ValueError, OverflowError):
        signed_at = parsedate_to_datetime(date)
        if signed_at.tzinfo is not None:  # None stands for -0000, which is UTC too.
            signed_at = signed_at.astimezone(UTC)
        return signed_at.strftime(TIME_FORMAT)
    return date


def _check_text(headers: Mapping[str, str]) -> None:
    """aiohttp lets bytes through that are not UTF-8, as lone surrogates."""
    for value in headers.values():
        try:
            value.encode()
        except UnicodeEncodeError:
            _incomplete("a header is not UTF-8.")


def _check_scope(keys: Keys, date: str, scope: list[str], time: str) -> None:
    region, service, ending = scope
    if region != keys.region:
        _wrong(f"Credential should be scoped to a valid region, not '{region}': {keys.region}.")
    if service != SERVICE:
        _wrong(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if ending != "aws4_request":
        _wrong(
            f"Credential should be scoped with a valid terminator: 'aws4_request', not '{ending}'."
        )
    if date != time[:8]:
        _wrong(f"Date in Credential scope does not match YYYYMMDD from X-Amz-Date: '{date}'.")


def _check_time(time: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(time, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        _incomplete("Date must be in ISO-8601 'basic format': YYYYMMDD'T'HHMMSS'Z'.")
    earliest, latest = now - TOLERANCE, now + TOLERANCE
    if signed_at < earliest:
        _wrong(
            f"Signature expired: {time} is now earlier than {earliest:{TIME_FORMAT}}"
            f" ({now:{TIME_FORMAT}} - 5 min.)"
        )
    if signed_at > latest:
        _wrong(
            f"Signature not yet current: {time} is still later than {latest:{TIME_FORMAT}}"
            f" ({now:{TIME_FORMAT}} + 5 min.)"
        )


def _check_signed(headers: Mapping[str, str], signed: frozenset[str]) -> None:
    """What decides on the meaning of a request has to be signed."""
    when = () if "X-Amz-Date" in headers else ("date",)
    must = {"host", *when} | {name.lower() for name in headers if name.lower().startswith("x-amz-")}
    if left_out := sorted(must - signed):
        _wrong(f"'{left_out[0]}' must be a 'SignedHeader' in the AWS Authorization.")
    if missing := sorted(signed - {name.lower() for name in headers}):
        _wrong(f"the signed header '{missing[0]}' did not arrive.")


def _incomplete(message: str) -> NoReturn:
    raise ApiError("IncompleteSignatureException", message)


def _wrong(message: str) -> NoReturn:
    raise ApiError("InvalidSignatureException", message)
