"""A server that answers for a bucket in one region as Amazon S3 does."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

SIGNED_FOR = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/s3/")
LISTING = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
REFUSAL = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>{region}</Region></Error>"


@asynccontextmanager
async def serving_another_region(region: str) -> AsyncIterator[str]:
    """The address of the server; requests signed for other regions are refused."""

    async def answer(request: web.Request) -> web.Response:
        signed = SIGNED_FOR.search(request.headers["Authorization"])
        right = signed is not None and signed["region"] == region
        return web.Response(
            status=200 if right else 400,
            text=LISTING if right else REFUSAL.format(region=region),
            headers={"x-amz-bucket-region": region},
            content_type="application/xml",
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
