"""`pyvtl serve`: the library, until it is told to stop."""

import asyncio
import gc
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyvtl.cli.config import load
from pyvtl.cli.failure import CommandError
from pyvtl.cli.options import ConfigFile
from pyvtl.config.units import parse_size

if TYPE_CHECKING:
    from pyvtl.config.model import Config

Portals = Annotated[
    list[str] | None,
    typer.Option(
        "--portal", metavar="HOST:PORT", help="Serve iSCSI here; may be given several times."
    ),
]
Advertised = Annotated[
    list[str] | None,
    typer.Option(
        "--advertise",
        metavar="HOST:PORT",
        help="Tell initiators this address, for containers and NAT; may be given several times.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Upload tapes here: dir:PATH or s3://BUCKET/PREFIX."),
]
UploadBufferLimit = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="The most of what is written that may wait for that."),
]
CacheLimit = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="The most of what is uploaded that is kept here too."),
]
LogLevel = Annotated[
    str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")
]
LogFormat = Annotated[str | None, typer.Option(metavar="FORMAT", help="auto, console or json.")]

Api = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Serve the AWS Storage Gateway API here, or `off`."),
]


def serve(
    *,
    file: ConfigFile = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Folder of the tapes.", file_okay=False)
    ] = None,
    portal: Portals = None,
    advertise: Advertised = None,
    api: Api = None,
    store: Store = None,
    upload_buffer_limit: UploadBufferLimit = None,
    cache_limit: CacheLimit = None,
    insecure_no_auth: Annotated[
        bool | None,
        typer.Option("--insecure-no-auth", help="Serve other machines without CHAP."),
    ] = None,
    tapes: Annotated[
        int, typer.Option(min=0, help="Make so many tapes if the library has none.")
    ] = 0,
    size: Annotated[str, typer.Option(metavar="SIZE", help="Capacity of those tapes.")] = "100GiB",
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Serve the tape library until SIGTERM or Ctrl-C.

    Without options: ten drives, a changer and 3,200 slots on 127.0.0.1:3260.  Every other setting
    comes from the settings file or the environment: `pyvtl config show` lists them.
    """
    flags: dict[str, dict[str, object]] = {
        "gateway": {"data_dir": data_dir},
        "portal": {
            "listen": portal,
            "advertise": advertise,
            "insecure_no_auth": insecure_no_auth,
        },
        "api": {"listen": api},
        "store": {"url": store, "upload_buffer_limit": upload_buffer_limit},
        "cache": {"limit": cache_limit},
        "logs": {"level": log_level, "format": log_format},
    }
    settings = load(file, flags)
    try:
        size_bytes = parse_size(size)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--size") from None
    import uvloop  # here, so that no other command waits for it

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings.config, tapes, size_bytes))


async def _serve(config: "Config", tapes: int, size_bytes: int) -> None:
    from pyvtl import logs
    from pyvtl.api.serving import serve_api
    from pyvtl.cli.welcome import welcome
    from pyvtl.gateway.errors import GatewayError
    from pyvtl.gateway.gateway import Gateway

    logs.set_up(config.logs.level, config.logs.format)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with Gateway(config) as gateway, serve_api(gateway) as endpoint:
            if tapes and not await gateway.library.list_tapes():
                await gateway.library.create_tapes(
                    prefix="TAPE", count=tapes, size_bytes=size_bytes
                )
            typer.echo(welcome(gateway, endpoint))
            gc.freeze()  # a full collection would stop all drives to look at what stays anyway
            await stop.wait()
    except GatewayError as error:
        raise CommandError(str(error)) from None
