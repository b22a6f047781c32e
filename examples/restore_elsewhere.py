"""Restore a tape of the archive by way of another gateway on the same object store.

The gateway that archived the tape is not needed, and may be lost. The tape is retrieved, restored
into a folder, and exported again: it goes back to the archive.
"""

import argparse
from functools import partial
from typing import Any

from tape_host import barcode_of, client_of, gateway_arn, host_of, options, run_job, wait_until


def is_here(client: Any, arn: str) -> bool:
    """Whether the tape has been retrieved."""
    tapes = client.describe_tapes(GatewayARN=gateway_arn(client), TapeARNs=[arn])["Tapes"]
    return any(tape["TapeStatus"] == "RETRIEVED" for tape in tapes)


def arguments() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--wait", type=float, default=86400, help="seconds; %(default)s")
    parser.add_argument("tape", metavar="TAPE_ARN", help="what weekly_export.py printed")
    parser.add_argument("folder", metavar="FOLDER", help="where to restore it; made if need be")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    client, host = client_of(given), host_of(given)
    client.retrieve_tape_archive(TapeARN=given.tape, GatewayARN=gateway_arn(client))
    wait_until(f"retrieving {given.tape}", partial(is_here, client, given.tape), given.wait)
    host.load(barcode_of(given.tape))
    try:
        host.restore(given.folder)
    finally:
        host.eject()
    print(f"{barcode_of(given.tape)} is restored to {given.folder}")


if __name__ == "__main__":
    run_job(main)
