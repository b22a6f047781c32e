"""Operations on custom pools; the default ones, GLACIER and DEEP_ARCHIVE, are not listed."""

from typing import Any

from pyvtl.api.paging import page
from pyvtl.api.service import Answer, Asked, Service
from pyvtl.api.tags import tags_of
from pyvtl.gateway.ledger import PoolRecord
from pyvtl.gateway.pools import DEFAULT_POOLS, RetentionLock


async def create_tape_pool(service: Service, asked: Asked) -> Answer:
    """A pool never changes afterwards."""
    pool = await service.gateway.life.pools.create(
        asked["PoolName"],
        asked["StorageClass"],
        asked.get("RetentionLockType", RetentionLock.NONE.value),
        asked.get("RetentionLockTimeInDays", 0),
        tags_of(asked),
    )
    return {"PoolARN": service.names.pool(pool.id)}


async def delete_tape_pool(service: Service, asked: Asked) -> Answer:
    """Refused while tapes or rules of automatic creation name it."""
    await service.gateway.life.pools.delete(service.names.pool_id(asked["PoolARN"]))
    return {"PoolARN": asked["PoolARN"]}


async def list_tape_pools(service: Service, asked: Asked) -> Answer:
    """All of them, the deleted too, or those asked for that there are."""
    pools = await service.gateway.life.pools.list()
    wanted = {service.names.pool_id(arn) for arn in asked.get("PoolARNs", ())}
    chosen = [
        pool for pool in pools if pool.id not in DEFAULT_POOLS and (not wanted or pool.id in wanted)
    ]
    told, marker = page("pools", chosen, asked, lambda pool: pool.id)
    return {"PoolInfos": [_pool(service, pool) for pool in told], **marker}


def _pool(service: Service, pool: PoolRecord) -> dict[str, Any]:
    return {
        "PoolARN": service.names.pool(pool.id),
        "PoolName": pool.name,
        "StorageClass": pool.storage_class,
        "RetentionLockType": pool.retention_lock,
        "RetentionLockTimeInDays": pool.lock_days,
        "PoolStatus": pool.status,
    }
