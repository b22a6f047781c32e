"""`pyvtl store check` and `rebuild-catalog`: check and repair what lies in the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyvtl.cli import upkeep
from pyvtl.cli.failure import CommandError
from pyvtl.cli.object_store import Url, settings
from pyvtl.cli.options import ConfigFile, DataDir, Json
from pyvtl.cli.output import Column, Row, print_rows, progress_bar, size, tell
from pyvtl.cli.secret import master_secret
from pyvtl.cli.store_check import How, check_store

if TYPE_CHECKING:
    from pyvtl.cloud.checking import StoreFinding
    from pyvtl.media.checking import Amount, Finding
    from pyvtl.store.keys import Secret


def _text(name: str) -> Column:
    return Column(name.upper(), lambda row: str(row[name] or "-"))


def _what(row: Row) -> str:
    return f"{row['what']} (harmless)" if row["harmless"] else str(row["what"])


COLUMNS = (_text("tape"), _text("pack"), Column("WHAT", _what), _text("repair"))


def rebuild(data_dir: DataDir, url: Url = None, config: ConfigFile = None) -> None:
    """Make the catalog anew from the tapes themselves.  No server may be running.

    What of them is in the object store alone is learned from there: name it with --store.  How
    much is on an encrypted tape is learned now only with the key that the settings name.
    """
    from pyvtl.media.rebuilding import rebuild_catalog

    with _alone(data_dir):
        found = rebuild_catalog(data_dir, secret=_secret(data_dir, config))
    print(f"the catalog of {data_dir} was made anew from {found} tapes")
    if url is not None:
        upkeep.restore_evicted(settings(url, data_dir, config))


def rebuild_dedup_index(
    data_dir: DataDir,
    dedup: Annotated[
        str, typer.Option(help="As the setting store.dedup: pool or tape.", metavar="SCOPE")
    ] = "pool",
) -> None:
    """Make the dedup index anew from the tapes.  No server may be running."""
    from pyvtl.store.dedup import Scope
    from pyvtl.store.files import LocalFiles
    from pyvtl.store.sharing import rebuild_index

    if dedup not in (Scope.POOL.value, Scope.TAPE.value):
        raise CommandError(f"--dedup is pool or tape, not {dedup}")
    with _alone(data_dir):
        found = rebuild_index(LocalFiles(), data_dir, Scope(dedup))
    print(f"the dedup index of {data_dir} knows {found} packs")


def check(
    *,
    data_dir: DataDir,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read every block and prove its CRC and hash.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Do what REPAIR says, then check again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what --repair would do.")
    ] = False,
    url: Url = None,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Hold catalog, labels and segments against each other.  No server may be running.

    With --store also heads, recovery points, maps, packs and keys in the object store.

    Exit status 0: nothing is wrong, or only what a crash leaves and the next start puts right.
    Encrypted tapes are proved with the key that the settings name.
    """
    from pyvtl.media.checking import amount_of
    from pyvtl.media.mending import mend, steps

    with _alone(data_dir):
        secret = _secret(data_dir, config)
        found = _findings(data_dir, secret, read_data=read_data)
        planned = steps(found) if repair or dry_run else []
        for step in planned:
            tell(str(step))
        if planned and not dry_run:
            mend(data_dir, found, secret)
            found = _findings(data_dir, secret, read_data=read_data)
        rows = [_row(finding) for finding in found]
        if url is not None:
            how = How(read_data=read_data, repair=repair, dry_run=dry_run)
            rows += map(_row, check_store(settings(url, data_dir, config), how))
        _print(rows, amount_of(data_dir), as_json=as_json)
    wrong = sum(not row["harmless"] for row in rows)
    if wrong:
        raise CommandError(f"{wrong} things are wrong" if wrong > 1 else "one thing is wrong")


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Have the folder to oneself."""
    from pyvtl.gateway.folder import DataFolder, DataFolderError
    from pyvtl.media.medium import MediumError

    try:
        with DataFolder(data_dir, make=False):
            yield
    except (DataFolderError, MediumError, OSError) as error:
        raise CommandError(str(error)) from None


def _secret(data_dir: Path, config: Path | None) -> "Secret | None":
    """The settings are read only if there are encrypted tapes."""
    return master_secret(config) if any(data_dir.glob("tapes/*/key.json")) else None


def _findings(data_dir: Path, secret: "Secret | None", *, read_data: bool) -> "list[Finding]":
    from pyvtl.media.checking import StoreCheck, amount_of

    with progress_bar("checking", amount_of(data_dir).bytes) as advance:
        check = StoreCheck(data_dir, read_data=read_data, advance=advance, secret=secret)
        return list(check.findings())


def _print(rows: list[Row], of: "Amount", *, as_json: bool) -> None:
    if rows or as_json:
        print_rows(rows, COLUMNS, as_json=as_json)
        return
    checked = f"tapes: {of.tapes}, segments: {of.segments}, size: {size(of.bytes)}"
    print(f"nothing is wrong ({checked})")


def _row(finding: "Finding | StoreFinding") -> Row:
    row = asdict(finding)
    return {"tape": row.pop("barcode"), **row}
