"""Operations on local disks, cache and upload buffer.

The data folder stands for two disks, one for each use that AWS knows; which folder that is stands
in the settings, so no other disk can be added.
"""

from typing import Any, Final

from pyvtl.api.service import Answer, Asked, Service, of_gateway
from pyvtl.gateway.errors import DiskInUseError, DiskNotFoundError
from pyvtl.gateway.figures import StorageFigures

CACHE_DISK, UPLOAD_BUFFER_DISK = "data-folder-cache", "data-folder-upload-buffer"
USES: Final = {CACHE_DISK: "CACHE STORAGE", UPLOAD_BUFFER_DISK: "UPLOAD BUFFER"}
ALL: Final = 100.0


async def describe_cache(service: Service, asked: Asked) -> Answer:
    """How full the cache is, and how much of it is nowhere else."""
    figures = await service.gateway.figures()
    hits = figures.cache_hit_ratio * ALL
    return of_gateway(asked) | {
        "DiskIds": [CACHE_DISK],
        "CacheAllocatedInBytes": figures.cache_allocated_bytes,
        "CacheUsedPercentage": _percentage(figures.cache_used_bytes, figures),
        "CacheDirtyPercentage": _percentage(figures.cache_dirty_bytes, figures),
        "CacheHitPercentage": hits,
        "CacheMissPercentage": ALL - hits,
    }


async def describe_upload_buffer(service: Service, asked: Asked) -> Answer:
    """What waits to be uploaded."""
    return of_gateway(asked) | await _buffer(service, "UploadBuffer")


async def describe_working_storage(service: Service, asked: Asked) -> Answer:
    """The older name of the upload buffer."""
    return of_gateway(asked) | await _buffer(service, "WorkingStorage")


async def list_local_disks(service: Service, asked: Asked) -> Answer:
    """The data folder, once for each use."""
    figures = await service.gateway.figures()
    sizes = {
        CACHE_DISK: figures.cache_allocated_bytes,
        UPLOAD_BUFFER_DISK: figures.upload_buffer_allocated_bytes,
    }
    folder = str(service.gateway.config.gateway.data_dir)
    return of_gateway(asked) | {
        "Disks": [
            {
                "DiskId": disk,
                "DiskPath": folder,
                "DiskNode": disk,
                "DiskStatus": "present",
                "DiskSizeInBytes": sizes[disk],
                "DiskAllocationType": use,
                "DiskAllocationResource": "",
            }
            for disk, use in USES.items()
        ]
    }


async def add_disks(service: Service, asked: Asked) -> Answer:
    """Refused: there is no disk that is not in use."""
    for disk in asked["DiskIds"]:
        if disk not in USES:
            raise DiskNotFoundError(
                f"there is no disk {disk}: the cache is in the data folder, and the settings say"
                " where that is"
            )
    raise DiskInUseError("the data folder is allocated: there is nothing to add")


async def _buffer(service: Service, name: str) -> dict[str, Any]:
    figures = await service.gateway.figures()
    return {
        "DiskIds": [UPLOAD_BUFFER_DISK],
        f"{name}UsedInBytes": figures.upload_buffer_used_bytes,
        f"{name}AllocatedInBytes": figures.upload_buffer_allocated_bytes,
    }


def _percentage(used: int, figures: StorageFigures) -> float:
    return min(ALL, ALL * used / max(1, figures.cache_allocated_bytes))
