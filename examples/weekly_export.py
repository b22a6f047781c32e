"""Back up folders to a new set of tapes and export it to the archive, once a week.

Each folder goes to a tape of its own. Nobody has to be there: run it from cron. It ends when the
archive has all tapes, and prints the ARN of each.
"""

import argparse
from functools import partial
from typing import Any

from tape_host import (
    Host,
    barcode_of,
    client_of,
    gateway_arn,
    host_of,
    options,
    run_job,
    wait_until,
)

GIB = 1 << 30


def make_set(client: Any, given: argparse.Namespace) -> list[str]:
    """A tape for each folder; the week is a tag of all."""
    made = client.create_tapes(
        GatewayARN=gateway_arn(client),
        TapeSizeInBytes=given.size * GIB,
        ClientToken=f"weekly-export-{given.prefix}-{given.week}",
        NumTapesToCreate=len(given.folders),
        TapeBarcodePrefix=given.prefix,
        PoolId=given.pool,
        Tags=[{"Key": "week", "Value": given.week}],
    )
    return list(made["TapeARNs"])


def back_up(host: Host, barcode: str, folder: str) -> None:
    """Write to a tape in a storage slot, and leave it there."""
    home = host.put_away(barcode)
    host.load(barcode)
    try:
        host.save(folder)
    finally:
        host.unload(home)


def export(host: Host, barcode: str) -> None:
    """Move a tape out of the library."""
    host.load(barcode)
    host.eject()


def is_archived(client: Any, arn: str) -> bool:
    pages = client.get_paginator("describe_tape_archives").paginate()
    tapes = (tape for page in pages for tape in page["TapeArchives"])
    return any((tape["TapeARN"], tape["TapeStatus"]) == (arn, "ARCHIVED") for tape in tapes)


def arguments() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--week", required=True, help="what names this set, such as 2030-W48")
    parser.add_argument("--prefix", default="WEEK", help="of the barcodes; %(default)s")
    parser.add_argument("--size", type=int, default=100, help="GiB of a tape; %(default)s")
    parser.add_argument("--pool", default="GLACIER", help="or DEEP_ARCHIVE or an own one")
    parser.add_argument("--wait", type=float, default=86400, help="seconds; %(default)s")
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="what to back up, up to ten")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    client, host = client_of(given), host_of(given)
    arns = make_set(client, given)
    for arn, folder in zip(arns, given.folders, strict=True):
        back_up(host, barcode_of(arn), folder)
    for arn in arns:
        export(host, barcode_of(arn))
    for arn in arns:
        wait_until(f"archiving {arn}", partial(is_archived, client, arn), given.wait)
        print(arn)


if __name__ == "__main__":
    run_job(main)
