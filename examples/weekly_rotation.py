"""Back up folders to one of four sets of ten tapes, another one each week.

Week 1 uses the tapes AA…, week 2 BB…, then CC… and DD…; week 5 overwrites those of week 1. A set is
created when its first week comes. Each folder goes to a tape of its own.
"""

import argparse
from typing import Any

from tape_host import Host, barcode_of, client_of, gateway_arn, host_of, options, run_job

SETS = ("AA", "BB", "CC", "DD")
TAPES = 10
GIB = 1 << 30


def tapes_of(client: Any, prefix: str) -> list[str]:
    """The barcodes of a set, in order."""
    pages = client.get_paginator("list_tapes").paginate()
    codes = (tape["TapeBarcode"] for page in pages for tape in page["TapeInfos"])
    return sorted(code for code in codes if code.startswith(prefix))


def make_set(client: Any, prefix: str, gib: int) -> list[str]:
    """Create ten tapes; asking twice with one token creates them once."""
    made = client.create_tapes(
        GatewayARN=gateway_arn(client),
        TapeSizeInBytes=gib * GIB,
        ClientToken=f"weekly-rotation-{prefix}",
        NumTapesToCreate=TAPES,
        TapeBarcodePrefix=prefix,
    )
    return sorted(barcode_of(arn) for arn in made["TapeARNs"])


def back_up(host: Host, barcode: str, folder: str) -> None:
    home = host.load(barcode)
    try:
        host.save(folder)
    finally:
        host.unload(home)
    print(f"{folder} is on {barcode}")


def arguments() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--week", type=int, required=True, help="the number of the week, from 1")
    parser.add_argument("--size", type=int, default=100, help="GiB of a new tape; %(default)s")
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help=f"up to {TAPES} to back up")
    given: argparse.Namespace = parser.parse_args()
    if given.week < 1 or len(given.folders) > TAPES:
        parser.error(f"weeks count from 1, and a set has {TAPES} tapes, one for each folder")
    return given


def main() -> None:
    given = arguments()
    client, host = client_of(given), host_of(given)
    prefix = SETS[(given.week - 1) % len(SETS)]
    barcodes = tapes_of(client, prefix) or make_set(client, prefix, given.size)
    for barcode in barcodes:
        host.put_away(barcode)
    for barcode, folder in zip(barcodes, given.folders, strict=False):
        back_up(host, barcode, folder)


if __name__ == "__main__":
    run_job(main)
