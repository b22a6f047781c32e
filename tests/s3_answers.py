"""A server that answers as Amazon S3 does where SeaweedFS cannot: regions, archives, faults."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SIGNED_FOR = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/s3/")
LISTING = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The address of a server that leaves every request to a handler."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def refusal(status: int, code: str, extra: str = "") -> web.Response:
    """An error as S3 words it."""
    text = f"<Error><Code>{code}</Code><Message>told by the test</Message>{extra}</Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


def in_region(region: str) -> Handler:
    """A bucket of one region: what is signed for others is refused."""

    async def answer(request: web.Request) -> web.Response:
        signed = SIGNED_FOR.search(request.headers["Authorization"])
        if signed is not None and signed["region"] == region:
            response = web.Response(text=LISTING, content_type="application/xml")
        else:
            name = f"<Region>{region}</Region>"
            response = refusal(400, "AuthorizationHeaderMalformed", name)
        response.headers["x-amz-bucket-region"] = region
        return response

    return answer
