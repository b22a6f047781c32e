"""The probe names what a store lacks."""

from pathlib import Path

from pyvtl.cloud.directory import DirectoryStore
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import Page
from pyvtl.cloud.probe import TRIALS, Finding, probe
from tests.careless_store import ForgetsChecksums, IgnoresConditions


def broken(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if not finding.works]


async def test_a_store_that_ignores_conditions() -> None:
    store = IgnoresConditions()
    assert broken(await probe(store)) == [
        Finding(
            "creates an object only once (If-None-Match)",
            works=False,
            detail="4 of 4 created the same object: If-None-Match",
        ),
        Finding(
            "replaces only a known object (If-Match)",
            works=False,
            detail="4 of 4 replaced the same object: If-Match",
        ),
        Finding(
            "completes an upload only once",
            works=False,
            detail="an upload replaced an object in spite of If-None-Match",
        ),
    ]
    assert await store.list() == Page(())


async def test_a_store_that_forgets_checksums() -> None:
    (finding,) = broken(await probe(ForgetsChecksums()))
    assert finding.promise == "keeps CRC32C checksums"
    assert finding.detail == "no CRC32C is told of what was written with one"


async def test_where_nothing_can_be_reached_nothing_else_is_tried(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "none")
    findings = await probe(store)
    await store.close()
    assert findings == (
        Finding(
            "can be reached",
            works=False,
            detail=f"there is no folder {tmp_path}/none: make it, or mount what belongs there",
        ),
        *(Finding(promise, None, "not tried") for promise, _ in TRIALS[1:]),
    )


async def test_objects_beside_the_probe_are_left_alone() -> None:
    store = MemoryStore()
    await store.put("probe/mine", b"")
    await probe(store)
    assert [entry.key for entry in (await store.list()).entries] == ["probe/mine"]
