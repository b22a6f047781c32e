"""`pyvtl tape cat` and `extract`: read tapes from their data folder, with or without a server."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from pyvtl.cli.client import server_runs
from pyvtl.cli.failure import CommandError
from pyvtl.cli.object_store import opened_in_store, settings
from pyvtl.cli.options import DATA_DIR_VARIABLE, ConfigFile, Json
from pyvtl.cli.output import Column, Row, print_rows, progress_bar, size, tell
from pyvtl.cli.secret import master_secret
from pyvtl.config.folder import default_data_dir

if TYPE_CHECKING:
    from pyvtl.store.contents import TapeContents, TapeFile

SIZES_SHOWN = 3
"""Record sizes that the listing names; it counts the others."""


def _sizes(file: Row) -> str:
    sizes = sorted(file["record_sizes"], key=lambda entry: -entry["records"])
    shown = [f"{entry['records']} x {entry['bytes']}" for entry in sizes[:SIZES_SHOWN]]
    more = len(sizes) - len(shown)
    return ", ".join([*shown, f"{more} more sizes"] if more else shown) or "-"


COLUMNS = (
    Column("FILE", lambda file: str(file["file"]), right=True),
    Column("SIZE", lambda file: size(file["bytes"]), right=True),
    Column("RECORDS", lambda file: str(file["records"]), right=True),
    Column("RECORD SIZES", _sizes),
    Column("PATH", lambda file: str(file["path"])),
)


def _complete_barcode(context: typer.Context, incomplete: str) -> list[str]:
    from pyvtl.media.medium import MediumError
    from pyvtl.media.rescue import barcodes

    with suppress(MediumError):
        found = barcodes(context.params.get("data_dir") or default_data_dir())
        return [barcode for barcode in found if barcode.startswith(incomplete)]
    return []


Barcode = Annotated[str, typer.Argument(help="Barcode.", autocompletion=_complete_barcode)]
Folder = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar=DATA_DIR_VARIABLE,
        default_factory=default_data_dir,
        help="Data folder that the tape lies in.",
        file_okay=False,
    ),
]

Store = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", help="Read from there instead: dir:PATH or s3://BUCKET/PREFIX."
    ),
]


def cat(
    barcode: Barcode,
    data_dir: Folder,
    number: Annotated[
        int, typer.Option("--file", min=0, help="Which file; filemarks end them, 0 is the first.")
    ] = 0,
    *,
    url: Store = None,
    config: ConfigFile = None,
) -> None:
    """Write the record bytes of one file of a tape to the standard output.

    Needs no server, and changes nothing in the data folder: `pyvtl tape cat TAPE01 | tar t`.
    With --store the tape is read from there, at its last recovery point, without a data folder.
    The key of an encrypted tape is taken from the settings, as `serve` takes it.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Who reads no more has had enough: no error.
    with _opened(data_dir, barcode, url, config) as contents:
        file = _file(contents, barcode, number)
        _, damage = _write(contents, file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        _finish([*contents.damage, *damage])


def extract(
    barcode: Barcode,
    data_dir: Folder,
    output: Annotated[Path, typer.Option(help="Folder for the files.", file_okay=False)],
    *,
    url: Store = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Write every file of a tape to a file of its own: file-0000.bin and so on.

    Needs no server, and changes nothing in the data folder.  Files that exist are not replaced.
    With --store the tape is read from there, at its last recovery point, without a data folder.
    The key of an encrypted tape is taken from the settings, as `serve` takes it.
    """
    with _opened(data_dir, barcode, url, config) as contents:
        try:
            output.mkdir(parents=True, exist_ok=True)
            rows = list(_extracted(contents, barcode, output))
        except OSError as error:
            raise CommandError(f"cannot write to {output}: {error}") from None
        print_rows(rows, COLUMNS, as_json=as_json)
        _finish([*contents.damage, *(row["damage"] for row in rows if row["damage"])])


@contextmanager
def _opened(
    data_dir: Path, barcode: str, url: str | None, config: Path | None
) -> "Iterator[TapeContents]":
    opened = (
        _opened_here(data_dir, barcode, config)
        if url is None
        else opened_in_store(barcode, settings(url, None, config))
    )
    with opened as contents:
        yield contents


@contextmanager
def _opened_here(data_dir: Path, barcode: str, config: Path | None) -> "Iterator[TapeContents]":
    from pyvtl.media.medium import MediumError
    from pyvtl.media.rescue import is_encrypted, tape_contents

    secret = master_secret(config) if is_encrypted(data_dir, barcode) else None
    if server_runs(data_dir):
        tell(f"a server runs on {data_dir}: what it has not yet committed is not read")
    try:
        contents = tape_contents(data_dir, barcode, secret)
    except MediumError as error:
        raise CommandError(str(error)) from None
    with closing(contents):
        yield contents


def _file(contents: "TapeContents", barcode: str, number: int) -> "TapeFile":
    found = 0
    for file in contents.files():
        if file.number == number:
            return file
        found += 1
    sentence = f"tape {barcode} has no file {number}: it has {found}"
    raise CommandError("; ".join([*contents.damage, sentence]))


def _extracted(contents: "TapeContents", barcode: str, output: Path) -> Iterator[dict[str, Any]]:
    with progress_bar(barcode, contents.end.bytes) as advance:
        for file in contents.files():
            path = output / f"file-{file.number:04d}.bin"
            with path.open("xb") as stream:
                written, damage = _write(contents, file, stream, advance)
            yield _row(file, path, written, damage)


def _write(
    contents: "TapeContents",
    file: "TapeFile",
    stream: BinaryIO,
    advance: Callable[[int], object] = lambda _size: None,
) -> tuple[int, list[str]]:
    """Write what can be read of a file: how many bytes, and what damage ended it early."""
    from pyvtl.store.errors import DamageError

    written = 0
    try:
        for view in contents.read(file):
            stream.write(view)
            written += len(view)
            advance(len(view))
    except DamageError as error:
        return written, [str(error)]
    return written, []


def _row(file: "TapeFile", path: Path, written: int, damage: list[str]) -> dict[str, Any]:
    sizes = sorted(file.record_sizes.items())
    return {
        "file": file.number,
        "bytes": written,
        "records": file.records,
        "record_sizes": [{"bytes": each, "records": count} for each, count in sizes],
        "path": str(path),
        "damage": damage[0] if damage else None,
    }


def _finish(damage: list[str]) -> None:
    """Tell all that is wrong; CommandError if anything is."""
    for sentence in damage[:-1]:
        tell(sentence)
    if damage:
        raise CommandError(damage[-1])
