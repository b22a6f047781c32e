"""Cache, upload buffer and disks through boto3."""

from pathlib import Path

import pytest

from pyvtl.cloud.memory import MemoryStore
from pyvtl.gateway.figures import StoreFigures
from pyvtl.store.pack_cache import CacheFigures
from tests.api_client import GATEWAY, Served, serving_api

DISK = "data-folder-cache"


async def test_the_cache_has_all_bytes_and_nobody_else_has_them(api: Served) -> None:
    told = await api.call("DescribeCache", GatewayARN=GATEWAY)
    used = told.pop("CacheUsedPercentage")
    assert 0 <= used <= 100
    assert told.pop("CacheAllocatedInBytes") > 0
    assert told == {
        "GatewayARN": GATEWAY,
        "DiskIds": [DISK],
        "CacheDirtyPercentage": used,
        "CacheHitPercentage": 100.0,
        "CacheMissPercentage": 0.0,
    }


async def test_with_a_store_the_upload_buffer_has_its_limit(tmp_path: Path) -> None:
    async with serving_api(tmp_path, objects=MemoryStore()) as api:
        limit = api.gateway.config.store.upload_buffer_limit
        assert await api.call("DescribeUploadBuffer", GatewayARN=GATEWAY) == {
            "GatewayARN": GATEWAY,
            "DiskIds": ["data-folder-upload-buffer"],
            "UploadBufferAllocatedInBytes": limit,
            "UploadBufferUsedInBytes": 0,
        }
        told = await api.call("DescribeCache", GatewayARN=GATEWAY)
        assert (told["CacheUsedPercentage"], told["CacheDirtyPercentage"]) == (0.0, 0.0)


def test_the_figures_of_a_cache_with_a_limit() -> None:
    figures = StoreFigures(CacheFigures(1000, 300, 50, 3, 1), 100, 400, 9999)
    assert (figures.cache_allocated_bytes, figures.cache_used_bytes) == (1400, 400)
    assert (figures.cache_hit_ratio, figures.upload_buffer_used_bytes) == (0.75, 100)


@pytest.mark.parametrize(
    ("operation", "prefix"),
    [("DescribeUploadBuffer", "UploadBuffer"), ("DescribeWorkingStorage", "WorkingStorage")],
)
async def test_the_upload_buffer(api: Served, operation: str, prefix: str) -> None:
    told = await api.call(operation, GatewayARN=GATEWAY)
    assert 0 <= told[f"{prefix}UsedInBytes"] < told[f"{prefix}AllocatedInBytes"]
    assert told["DiskIds"] == ["data-folder-upload-buffer"]


async def test_list_local_disks(api: Served) -> None:
    told = await api.call("ListLocalDisks", GatewayARN=GATEWAY)
    assert [(d["DiskId"], d["DiskAllocationType"], d["DiskPath"]) for d in told["Disks"]] == [
        (DISK, "CACHE STORAGE", str(api.gateway.config.gateway.data_dir)),
        (
            "data-folder-upload-buffer",
            "UPLOAD BUFFER",
            str(api.gateway.config.gateway.data_dir),
        ),
    ]


@pytest.mark.parametrize("operation", ["AddCache", "AddUploadBuffer", "AddWorkingStorage"])
async def test_no_disk_can_be_added(api: Served, operation: str) -> None:
    taken = await api.refused(operation, GatewayARN=GATEWAY, DiskIds=[DISK])
    assert taken[0] == "DiskAlreadyAllocated"
    unknown = await api.refused(operation, GatewayARN=GATEWAY, DiskIds=["pci-0000:03:00.0"])
    assert unknown[0] == "DiskDoesNotExist"
