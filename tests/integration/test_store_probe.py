"""`pyvtl store probe` as a process, against a folder and a real S3 server."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvtl.cloud.objects import Page
from pyvtl.cloud.probe import TRIALS
from tests.s3_clients import bucket_on
from tests.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed, seaweed
from tests.serving import ENVIRONMENT, PYVTL

PROMISES = [*(promise for promise, _ in TRIALS), "leaves nothing of this probe"]


def probe(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One probe, with no AWS settings but these."""
    clean = {name: text for name, text in ENVIRONMENT.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [*PYVTL, "store", "probe", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=clean | {"AWS_EC2_METADATA_DISABLED": "true"} | environment,
        timeout=60,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    with seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


def to_reach(server: Seaweed) -> dict[str, str]:
    return {
        "PYVTL_STORE__ENDPOINT_URL": server.url,
        "PYVTL_STORE__ATTEMPTS": "1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }


def test_a_folder_keeps_all_promises(tmp_path: Path) -> None:
    done = probe("--store", f"dir:{tmp_path}", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [
        {"promise": promise, "works": True, "detail": ""} for promise in PROMISES
    ]
    assert [path.name for path in tmp_path.iterdir()] == [".pyvtl"]


def test_a_missing_bucket_is_named_and_nothing_else_is_tried(server: Seaweed) -> None:
    done = probe("--store", "s3://no-tapes/vtl", "--json", **to_reach(server))
    assert done.returncode == 1
    first, *others = json.loads(done.stdout)
    assert (first["promise"], first["works"]) == ("can be reached", False)
    assert "there is no bucket no-tapes" in first["detail"]
    assert all(finding["works"] is None for finding in others)
    assert "s3://no-tapes/vtl/ lacks 11 of 11: docs/object-store.md" in done.stderr


async def test_a_bucket_keeps_all_promises(server: Seaweed) -> None:
    async with bucket_on(server) as store:
        url = f"s3://{store._bucket.name}/vtl"
        done = await asyncio.to_thread(probe, "--store", url, **to_reach(server))
        assert await store.list() == Page(())
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["PROMISE", "KEPT", "DETAIL"]
    assert [line.split("  ")[0] for line in lines] == PROMISES
    assert all(line.endswith("  yes") for line in lines)


def test_the_store_may_come_from_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "pyvtl.toml"
    file.write_text(f'[store]\nurl = "dir:{tmp_path}"\n')
    assert probe("--config", str(file)).returncode == 0


def test_without_a_store_it_says_how_to_name_one() -> None:
    done = probe()
    assert done.returncode == 2
    assert done.stderr == (
        "pyvtl: no object store is set: name one with --store, or set store.url\n"
    )


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"PYVTL_STORE__URL": "tapes"}, "'tapes' is no store; write dir:PATH or s3://BUCKET"),
        ({"PYVTL_STORE__SSE_KMS_KEY_ID": "k"}, "sse_kms_key_id needs sse = aws:kms"),
        ({"PYVTL_STORE__ENDPOINT_URL": "s3.example"}, "store.endpoint_url (environment"),
    ],
)
def test_wrong_settings_are_told(setting: dict[str, str], reason: str) -> None:
    done = probe(**setting)
    assert done.returncode == 2
    assert reason in done.stderr


def test_authorities_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    done = probe("--store", "s3://tapes", PYVTL_STORE__CA_BUNDLE=str(bundle))
    assert done.returncode == 1
    assert done.stderr.startswith(f"pyvtl: store.ca_bundle {bundle} cannot be used: ")


def test_a_server_starts_without_loading_the_s3_client() -> None:
    code = (
        "import sys, pyvtl.gateway.gateway, pyvtl.cli.serve;"
        "print([m for m in ('aiobotocore', 'botocore', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run(
        [*PYVTL[:1], "-c", code], capture_output=True, check=True, text=True, env=ENVIRONMENT
    )
    assert done.stdout == "[]\n"
