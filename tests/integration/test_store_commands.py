"""`pyvtl store push` and `pull`, each a process of its own."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.pushing import BLANK, MIB, TAPE, Gateway, check_promises, noise
from tests.s3_clients import CREDENTIALS, bucket_on
from tests.seaweed import Seaweed
from tests.serving import ENVIRONMENT, PYVTL, serving


@pytest.fixture
def one(tmp_path: Path) -> Gateway:
    """A gateway with a tape that holds one file, and a blank one; and an empty store beside it."""
    gateway = Gateway(tmp_path / "one", 24 * MIB)
    gateway.create(TAPE, BLANK)
    gateway.write(TAPE, b"first", None)
    (gateway.path / "format").write_text("1\n")
    (tmp_path / "store").mkdir()
    return gateway


def command(*arguments: str | Path) -> list[str]:
    return [*PYVTL, "store", *map(str, arguments)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, env=ENVIRONMENT
    )


def test_tapes_go_to_a_folder_and_come_back_elsewhere(one: Gateway, tmp_path: Path) -> None:
    url, there = f"dir:{tmp_path / 'store'}", tmp_path / "there"
    pushed = run("push", "--store", url, "--data-dir", one.path, "--json")
    assert pushed.returncode == 0, pushed.stderr
    size = sum(len(data) for name, data in one.files().items() if name != "tape.json")
    nothing = {"packs": 0, "sent_packs": 0, "sent_bytes": 0, "problem": None, "shredded": False}
    assert json.loads(pushed.stdout) == [
        {**nothing, "barcode": TAPE, "packs": 1, "sent_packs": 1, "sent_bytes": size},
        {**nothing, "barcode": BLANK},
    ]
    pulled = run("pull", TAPE, "--store", url, "--data-dir", there)
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout.splitlines()[1].split()[0] == TAPE
    files = {path.name: path.read_bytes() for path in (there / "tapes" / TAPE).iterdir()}
    assert files == one.files()
    cat = [*PYVTL, "tape", "cat", TAPE, "--data-dir", str(there)]
    assert subprocess.run(cat, capture_output=True, check=True, env=ENVIRONMENT).stdout == b"first"


def test_a_push_of_a_tape_that_was_taken_over_is_refused_with_status_1(
    one: Gateway, tmp_path: Path
) -> None:
    url = f"dir:{tmp_path / 'store'}"
    run("push", "--store", url, "--data-dir", one.path)
    run("pull", TAPE, "--store", url, "--data-dir", tmp_path / "there")
    refused = run("push", "--store", url, "--data-dir", one.path)
    assert refused.returncode == 1
    assert f"pyvtl: tape {TAPE}: it belongs to gateway" in refused.stderr
    assert "all that is here stays here" in refused.stderr
    assert [line.split()[0] for line in refused.stdout.splitlines()] == ["TAPE", TAPE, BLANK]


def test_what_cannot_be_pushed_at_all_says_why(one: Gateway, tmp_path: Path) -> None:
    nowhere = run("push", "--data-dir", one.path)
    assert (nowhere.returncode, "no object store is set" in nowhere.stderr) == (2, True)
    missing = run("push", "--store", f"dir:{tmp_path / 'missing'}", "--data-dir", one.path)
    assert (missing.returncode, "there is no folder" in missing.stderr) == (1, True)
    empty = run("pull", "--store", f"dir:{tmp_path / 'store'}", "--data-dir", tmp_path / "there")
    assert (empty.returncode, "holds no tapes" in empty.stderr) == (1, True)


def test_a_folder_that_a_server_uses_is_neither_pushed_nor_pulled_into(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "data") as server:
        refused = run("push", "--store", f"dir:{tmp_path / 'store'}", "--data-dir", server.folder)
    assert refused.returncode == 1
    assert "stop that server first" in refused.stderr


def push_killed_again_and_again(options: list[str], settings: dict[str, str]) -> None:
    """Kill a push in different places, then let one come to its end."""
    for step in range(5):
        process = subprocess.Popen(command("push", *options), env=settings)
        try:
            process.wait(0.9 + step / 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    subprocess.run(command("push", *options), env=settings, check=True, capture_output=True)


async def test_a_push_that_is_killed_goes_on_where_it_was(
    one: Gateway, tmp_path: Path, s3_server: Seaweed
) -> None:
    one.write(TAPE, *(noise(MIB, seed) for seed in range(60)), None)
    async with bucket_on(s3_server) as store:
        options = ["--store", f"s3://{store._bucket.name}", "--data-dir", str(one.path)]
        settings = ENVIRONMENT | CREDENTIALS | {"PYVTL_STORE__ENDPOINT_URL": s3_server.url}
        await asyncio.to_thread(push_killed_again_and_again, options, settings)
        await check_promises(store, TAPE, BLANK)
        other = Gateway(tmp_path / "other")
        await other.pull(store)
    assert other.files() == one.files()
