"""`pyvtl store attach`, `adopt`, `collect` and `check --store`, and `tape cat --store`."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pyvtl.cloud.directory import DirectoryStore
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.rescue import running_loop
from pyvtl.media.vault import Vault
from pyvtl.store.keys import Secret
from tests.pushing import BLANK, MIB, TAPE, Gateway, noise
from tests.s3_clients import CREDENTIALS, bucket_on
from tests.seaweed import Seaweed
from tests.serving import ENVIRONMENT, PYVTL
from tests.tapes import append, contents

KEY = "0123456789abcdef" * 4
Arguments = list[str | Path]
RECORDS = [noise(MIB, seed) for seed in range(3)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / "store").mkdir()
    return f"dir:{tmp_path / 'store'}"


@pytest.fixture
def one(tmp_path: Path, url: str) -> Gateway:
    """A gateway that pushed a tape with two files, and a blank one."""
    gateway = Gateway(tmp_path / "one", 24 * MIB)
    gateway.create(TAPE, BLANK)
    gateway.write(TAPE, *RECORDS, None, b"second", None)
    (gateway.path / "format").write_text("1\n")
    done(run("store", "push", "--store", url, "--data-dir", gateway.path))
    gateway.id = json.loads((gateway.path / "gateway.json").read_text())["id"]
    return gateway


def run(
    *arguments: str | Path, settings: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = [*PYVTL, *map(str, arguments)]
    environment = ENVIRONMENT | (settings or {})
    return subprocess.run(command, capture_output=True, check=False, env=environment)


def done(process: subprocess.CompletedProcess[bytes]) -> bytes:
    assert process.returncode == 0, process.stderr.decode()
    return process.stdout


def refused(process: subprocess.CompletedProcess[bytes]) -> str:
    assert process.returncode == 1
    return process.stderr.decode()


def test_a_tape_is_read_straight_from_a_store(one: Gateway, url: str, tmp_path: Path) -> None:
    shutil.rmtree(one.path)
    cat: Arguments = ["tape", "cat", TAPE, "--store", url]
    assert done(run(*cat)) == b"".join(RECORDS)
    assert done(run(*cat, "--file", "1")) == b"second"
    assert "has no file 2: it has 2" in refused(run(*cat, "--file", "2"))
    listed = done(run("tape", "extract", TAPE, "--store", url, "--output", tmp_path / "out"))
    assert len(listed.splitlines()) == 3
    assert (tmp_path / "out" / "file-0001.bin").read_bytes() == b"second"
    assert "it is not in the store" in refused(run("tape", "cat", "DEMO99L5", "--store", url))


def test_an_encrypted_tape_is_read_from_a_store_with_its_key(tmp_path: Path, url: str) -> None:
    settings = {"PYVTL_STORE__ENCRYPTION": "on", "PYVTL_STORE__ENCRYPTION_KEY": KEY}
    gateway = Gateway(tmp_path / "one", secret=Secret(bytes.fromhex(KEY)))
    gateway.create(TAPE)
    gateway.write(TAPE, b"secret", None)
    (gateway.path / "format").write_text("1\n")
    push: Arguments = ["store", "push", "--store", url, "--data-dir", gateway.path]
    assert "no key is given" in refused(run(*push))
    done(run(*push, settings=settings))
    cat: Arguments = ["tape", "cat", TAPE, "--store", url]
    assert done(run(*cat, settings=settings)) == b"secret"
    assert "no key is given" in refused(run(*cat))


async def test_a_tape_is_read_straight_from_s3(tmp_path: Path, s3_server: Seaweed) -> None:
    async with bucket_on(s3_server) as store:
        gateway = Gateway(tmp_path / "one", 24 * MIB)
        gateway.create(TAPE)
        gateway.write(TAPE, *(noise(MIB, seed) for seed in range(20)), None)
        await gateway.push(store)
        settings = CREDENTIALS | {"PYVTL_STORE__ENDPOINT_URL": s3_server.url}
        there = f"s3://{store._bucket.name}"
        read = done(run("tape", "cat", TAPE, "--store", there, settings=settings))
    assert read == b"".join(noise(MIB, seed) for seed in range(20))


def test_a_lost_gateway_is_adopted_and_its_tapes_are_attached(
    one: Gateway, url: str, tmp_path: Path
) -> None:
    shutil.move(one.path, tmp_path / "lost")
    other: Arguments = ["--store", url, "--data-dir", tmp_path / "other"]
    assert json.loads(done(run("store", "attach", *other, "--json"))) == []
    rows = json.loads(done(run("store", "adopt", one.id, "--all", *other, "--json")))
    assert [(row["barcode"], row["packs"], row["taken_from"], row["problem"]) for row in rows] == [
        (TAPE, 1, one.id, None),
        (BLANK, 0, one.id, None),
    ]
    assert "is here already" in refused(run("store", "attach", TAPE, *other))
    assert done(run("store", "check", *other)).startswith(b"nothing is wrong")
    nothing = {"packs": 0, "pack_bytes": 0, "maps": 0, "manifests": 0, "keys": 0, "uploads": 0}
    collected = json.loads(done(run("store", "collect", *other, "--json")))
    assert collected == [{**nothing, "kept_back": []}]
    back = refused(run("store", "push", "--store", url, "--data-dir", tmp_path / "lost"))
    assert "was taken for lost and adopted by" in back


def test_a_gateway_that_lost_its_disk_attaches_its_own_tapes(
    one: Gateway, url: str, tmp_path: Path
) -> None:
    shutil.rmtree(one.path)
    mine = {"PYVTL_GATEWAY__ID": one.id}
    attach: Arguments = ["store", "attach", "--store", url, "--data-dir", one.path, "--json"]
    rows = json.loads(done(run(*attach, settings=mine)))
    assert [(row["barcode"], row["epoch"], row["taken_from"]) for row in rows] == [
        (TAPE, 0, None),
        (BLANK, 0, None),
    ]


def test_what_is_wrong_in_the_store_is_told_and_mended(one: Gateway, url: str) -> None:
    (segment,) = (one.path / "tapes" / TAPE).glob("*.segment")
    pack = segment.name.split("-")[1].removesuffix(".segment")
    there = Path(url.removeprefix("dir:")) / "packs" / one.id / pack
    there.unlink()
    check: Arguments = ["store", "check", "--store", url, "--data-dir", one.path, "--json"]
    found = run(*check)
    assert found.returncode == 1
    assert json.loads(found.stdout) == [
        {
            "tape": TAPE,
            "what": f"there is no object packs/{one.id}/{pack}",
            "pack": pack,
            "repair": "send its segment again",
            "harmless": False,
        }
    ]
    assert run(*check, "--repair", "--dry-run").returncode == 1
    assert not there.exists()
    assert json.loads(done(run(*check, "--repair", "--read-data"))) == []
    assert there.read_bytes() == segment.read_bytes()


def test_what_a_deleted_tape_left_is_collected(one: Gateway, url: str) -> None:
    with one.vault() as vault:
        vault.delete(TAPE)
    options: Arguments = ["--store", url, "--data-dir", one.path, "--json"]
    done(run("store", "push", *options))
    (would,) = json.loads(done(run("store", "collect", "--dry-run", *options)))
    (did,) = json.loads(done(run("store", "collect", *options)))
    assert would == did
    assert (did["packs"], did["maps"]) == (1, 1)
    assert json.loads(done(run("store", "collect", *options)))[0]["packs"] == 0


def test_a_catalog_that_is_lost_learns_from_the_store_what_is_there_alone(
    one: Gateway, url: str, tmp_path: Path
) -> None:
    shutil.move(one.path, tmp_path / "lost")
    other = tmp_path / "other"
    done(run("store", "adopt", one.id, "--all", "--store", url, "--data-dir", other))
    for file in other.glob("catalog.sqlite3*"):
        file.unlink()
    rebuild: Arguments = ["store", "rebuild-catalog", "--data-dir", other, "--store", url]
    assert done(run(*rebuild)).splitlines()[-1] == f"2 of them are in {url}".encode()
    vault = Vault(other)
    assert [(volume.barcode, volume.status) for volume in vault.volumes()] == [
        (TAPE, "AVAILABLE"),
        (BLANK, "AVAILABLE"),
    ]
    vault.close()


def test_another_store_than_that_of_the_tapes_is_refused_with_the_way_to_move(
    one: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    elsewhere = f"dir:{tmp_path / 'elsewhere'}"
    one.write(BLANK, b"more", None)
    reason = refused(run("store", "push", "--store", elsewhere, "--data-dir", one.path))
    assert f"belong to the store dir:{tmp_path / 'store'}" in reason
    assert "once all that is in the old store has been copied to the new one" in reason


def test_a_tape_may_be_written_on_after_it_was_attached(
    one: Gateway, url: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    options: Arguments = ["--store", url, "--data-dir", other]
    done(run("store", "attach", TAPE, *options))
    objects = DirectoryStore(tmp_path / "store")
    with running_loop() as loop:
        vault = Vault(other, source=StoreSource(objects, loop))
        tape = vault.open(TAPE)
        append(tape, b"third", None)
        assert contents(tape) == [*RECORDS, None, b"second", None, b"third", None]
        vault.close()
        asyncio.run_coroutine_threadsafe(objects.close(), loop).result()
    done(run("store", "push", *options))
    cat: Arguments = ["tape", "cat", TAPE, "--store", url]
    assert done(run(*cat, "--file", "2")) == b"third"
    assert done(run(*cat)) == b"".join(RECORDS)
