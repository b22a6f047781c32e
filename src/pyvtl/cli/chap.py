"""`pyvtl chap`: CHAP credentials for single targets and initiators."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.failure import UsageError
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, print_rows

app = typer.Typer(help="CHAP credentials by target and initiator.", no_args_is_help=True)

COLUMNS = (
    Column("TARGET", lambda row: str(row["target"])),
    Column("INITIATOR", lambda row: str(row["initiator"])),
    Column("MUTUAL", lambda row: "yes" if row["mutual"] else "no"),
)
Target = Annotated[str, typer.Argument(help="iSCSI name of the target; `library status` has all.")]
Initiator = Annotated[str, typer.Argument(help="iSCSI name of the initiator, its CHAP name too.")]
SecretFile = Annotated[
    Path,
    typer.Option(
        "--secret-file", help="File with the initiator's secret, 12 to 16 bytes; - is stdin."
    ),
]
TargetSecretFile = Annotated[
    Path | None,
    typer.Option(help="File with the target's secret, for initiators that want a proof."),
]


@app.command("list")
def list_(data_dir: DataDir, as_json: Json = False) -> None:
    """List who has credentials for what; secrets are not told."""
    print_rows(Client(data_dir).get("/chap"), COLUMNS, as_json=as_json)


@app.command("set")
def set_(
    target: Target,
    initiator: Initiator,
    secret_file: SecretFile,
    data_dir: DataDir,
    *,
    target_secret_file: TargetSecretFile = None,
    as_json: Json = False,
) -> None:
    """Set credentials; whoever is logged in to the target is logged out."""
    body = {
        "target": target,
        "initiator": initiator,
        "secret": _secret(secret_file),
        "target_secret": None if target_secret_file is None else _secret(target_secret_file),
    }
    print_rows(Client(data_dir).post("/chap", body), COLUMNS, as_json=as_json)


@app.command()
def delete(target: Target, initiator: Initiator, data_dir: DataDir) -> None:
    """Delete credentials; whoever is logged in to the target is logged out."""
    Client(data_dir).post("/chap/delete", {"target": target, "initiator": initiator})


def _secret(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the secret cannot be read from {file}: {error}") from None
    return text.rstrip("\r\n")
