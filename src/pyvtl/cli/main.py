"""The `pyvtl` command: its groups, and how it ends."""

import sys
from typing import Annotated

import typer

from pyvtl import __version__
from pyvtl.cli import (
    bandwidth,
    cache,
    chap,
    config,
    events,
    gateway,
    library,
    policy,
    pool,
    remote,
    serve,
    store,
    tape,
)
from pyvtl.cli.failure import CommandError

app = typer.Typer(
    name="pyvtl",
    help="A virtual tape library: iSCSI tape drives and a changer for any Linux host.",
    epilog="Start with `pyvtl serve`; it prints the commands that attach a host.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.add_typer(tape.app, name="tape")
app.add_typer(pool.app, name="pool")
app.add_typer(policy.app, name="policy")
app.command("events")(events.events)
app.add_typer(library.app, name="library")
app.add_typer(gateway.app, name="gateway")
app.add_typer(chap.app, name="chap")
app.add_typer(bandwidth.app, name="bandwidth")
app.add_typer(cache.app, name="cache")
app.add_typer(store.app, name="store")
app.add_typer(config.app, name="config")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pyvtl {__version__}")
        raise typer.Exit


@app.callback()
def pyvtl(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Talk to the server with its API there, instead of the one on --data-dir; with the"
            " keys that AWS's tools find.",
        ),
    ] = None,
) -> None:
    """A virtual tape library: iSCSI tape drives and a changer for any Linux host."""
    remote.ENDPOINT.set(endpoint)


def main() -> None:
    """Run the command line.  Exit status: 0 done, 1 refused or failed, 2 wrong usage."""
    try:
        app()
    except CommandError as error:
        print(f"pyvtl: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
