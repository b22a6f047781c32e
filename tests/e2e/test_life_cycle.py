"""The life of a tape: the real `aws` command, a real kernel's mtx and tar, SeaweedFS as bucket.

What SeaweedFS keeps in an archive class has to be restored first, as in S3: see `Archive`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.archive_classes import Archive, Restore, archive_before
from tests.e2e.gateways import REGION, Served, gateway_on, make_bucket, s3_client
from tests.e2e.host import Host, attached
from tests.e2e.machine import Guest
from tests.seaweed import Seaweed
from tests.waiting import seen

BUCKET = "life-cycle"
RECORD = "--record-size=65536"
DOOR = 3200


@dataclass(frozen=True, slots=True)
class Cloud:
    """The `aws` command on a gateway."""

    command: Path
    served: Served

    def call(self, operation: str, *options: str) -> Any:
        """What an operation answers."""
        done = self.served.run(*self._line(operation, *options))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, operation: str, *options: str) -> str:
        """What the command says of an operation that is refused."""
        done = self.served.run(*self._line(operation, *options))
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _line(self, operation: str, *options: str) -> list[str | Path]:
        place = ("--endpoint-url", self.served.endpoint, "--region", REGION)
        return [self.command, *place, "storagegateway", operation, *options]

    @property
    def gateway(self) -> tuple[str, str]:
        """The option that names the gateway."""
        return "--gateway-arn", self.call("list-gateways")["Gateways"][0]["GatewayARN"]

    def status(self, arn: str) -> str:
        """Of a tape, in the library or in the archive."""
        found = {t["TapeARN"]: t["TapeStatus"] for t in self.call("list-tapes")["TapeInfos"]}
        return str(found[arn])

    def wait_for(self, arn: str, status: str) -> None:
        """Return once a tape has the status."""
        seen(lambda: self.status(arn), lambda found: found == status)


@pytest.fixture(scope="module")
def archive(s3_server: Seaweed) -> Iterator[Archive]:
    with archive_before(s3_server.port) as archive:
        yield archive


@pytest.fixture(scope="module")
def cloud(
    aws: Path, s3_server: Seaweed, archive: Archive, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    bucket, folder = make_bucket(s3_server, BUCKET), tmp_path_factory.mktemp("life") / "data"
    with gateway_on(bucket, archive.url, folder, PYVTL_STORE__RESTORE_POLL_SECONDS="0.2") as served:
        yield Cloud(aws, served)


@pytest.fixture(scope="module")
def arns(cloud: Cloud) -> list[str]:
    """Five tapes as AWS's users make them."""
    options = ("--tape-size-in-bytes", str(100 << 30), "--client-token", "five-tapes")
    wanted = ("--num-tapes-to-create", "5", "--tape-barcode-prefix", "DEMO")
    made: list[str] = cloud.call("create-tapes", *cloud.gateway, *options, *wanted)["TapeARNs"]
    return made


@pytest.fixture(scope="module")
def host(guest: Guest, cloud: Cloud, arns: list[str]) -> Iterator[Host]:
    with attached(guest, cloud.served.server) as logged_in:
        yield logged_in


def barcode(arn: str) -> str:
    return arn.rpartition("/")[2]


def load(host: Host, arn: str) -> None:
    """Put a tape into the first drive, rewound."""
    slot = host.places()[barcode(arn)].rpartition(" ")[2]
    host.mtx(f"load {slot} 0")
    host.guest.must(f"mt -f {host.nst(0)} rewind")


def history(cloud: Cloud, arn: str) -> list[str]:
    """Every status that a tape has had."""
    lines = cloud.served.server.run("events", "--json").splitlines()
    return [event["newStatus"] for event in map(json.loads, lines) if barcode(arn) in str(event)]


def storage_classes(s3: Seaweed, code: str) -> set[str]:
    """Those of the packs of an archived tape."""
    client = s3_client(s3)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = (entry["Key"] for page in pages for entry in page.get("Contents", ()))
    data = [key for key in keys if f"archive/{code}/packs/" in key]
    return {client.head_object(Bucket=BUCKET, Key=key).get("StorageClass", "") for key in data}


def test_05_five_tapes_turn_up_in_import_export_slots(host: Host, arns: list[str]) -> None:
    """aws storagegateway create-tapes: slots 1601 to 1605, DEMO and six hex digits."""
    places = host.places()
    assert sorted(places) == sorted(map(barcode, arns))
    assert all(re.fullmatch("DEMO[0-9A-F]{6}", code) for code in places)
    assert sorted(places.values()) == [f"Storage Element {n}" for n in range(1601, 1606)]


def test_16_to_19_archived_retrieved_restored_refused_and_deleted(
    host: Host, cloud: Cloud, arns: list[str], s3_server: Seaweed, archive: Archive
) -> None:
    """Unloaded to 3200 it is archived; it comes back read-only; deleting says what comes first."""
    guest, (arn, *others) = host.guest, arns
    load(host, arn)
    guest.must(f"tar -cf {host.tape(0)} {RECORD} -C /input part", 120)
    in_drive = cloud.refused("delete-tape", *cloud.gateway, "--tape-arn", arn)
    told = host.mtx(f"unload {DOOR} 0")
    assert told.strip() == f"Unloading drive 0 into Storage Element {DOOR}...done"
    assert barcode(arn) not in host.places()
    cloud.wait_for(arn, "ARCHIVED")
    assert history(cloud, arn)[-4:] == ["AVAILABLE", "IN TRANSIT TO VTS", "ARCHIVING", "ARCHIVED"]
    assert storage_classes(s3_server, barcode(arn)) == {"GLACIER"}

    cloud.call("retrieve-tape-archive", *cloud.gateway, "--tape-arn", arn)
    seen(lambda: archive.states, lambda states: states == {Restore.ONGOING})
    assert cloud.status(arn) == "RETRIEVING"
    assert barcode(arn) not in host.places()
    cloud.call("cancel-retrieval", *cloud.gateway, "--tape-arn", arn)
    cloud.wait_for(arn, "ARCHIVED")
    cloud.call("retrieve-tape-archive", *cloud.gateway, "--tape-arn", arn)
    archive.thaw()
    cloud.wait_for(arn, "RETRIEVED")
    assert int(host.places()[barcode(arn)].rpartition(" ")[2]) > 1600
    load(host, arn)
    guest.must(f"mkdir /tmp/back; tar -xf {host.tape(0)} {RECORD} -C /tmp/back", 120)
    guest.must("diff -r /input/part /tmp/back/part", 120)
    written = guest.run(f"tar -cf {host.tape(0)} {RECORD} /etc/passwd")
    assert "Cannot open: Read-only file system" in written.output
    guest.must(f"tar -df {host.tape(0)} {RECORD} -C /input", 120)

    host.mtx("unload 1 0")
    retrieved = cloud.refused("delete-tape", *cloud.gateway, "--tape-arn", arn)
    gateway_kept = cloud.refused("delete-gateway", *cloud.gateway)
    host.mtx(f"transfer 1 {DOOR}")
    cloud.wait_for(arn, "ARCHIVED")
    cloud.call("delete-tape-archive", "--tape-arn", arn)
    for other in others:
        cloud.call("delete-tape", *cloud.gateway, "--tape-arn", other)
    assert host.places() == {}
    assert "is in drive 0: unload it first" in in_drive
    assert "is retrieved from the archive: move it to an import/export slot first" in retrieved
    assert "5 tapes are left in the gateway: unload and export or delete them" in gateway_kept


def test_19_the_gateway_goes_when_no_tape_is_left(cloud: Cloud, host: Host) -> None:
    """aws storagegateway delete-gateway: it is listed no more."""
    cloud.call("delete-gateway", *cloud.gateway)
    assert cloud.call("list-gateways")["Gateways"] == []
