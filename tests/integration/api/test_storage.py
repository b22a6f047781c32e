"""Cache, upload buffer and disks through boto3."""

import pytest

from tests.api_client import GATEWAY, Served

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
