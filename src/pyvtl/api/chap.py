"""Operations on CHAP credentials."""

from typing import Any

from pyvtl.api.service import Answer, Asked, Service, present
from pyvtl.gateway.chap import Credentials


async def update_chap_credentials(service: Service, asked: Asked) -> Answer:
    """They hold from the next login on; who is logged in to the target is logged out."""
    await service.gateway.chap.put(
        service.names.target_name(asked["TargetARN"]),
        asked["InitiatorName"],
        asked["SecretToAuthenticateInitiator"],
        asked.get("SecretToAuthenticateTarget"),
    )
    return _of_pair(asked)


async def delete_chap_credentials(service: Service, asked: Asked) -> Answer:
    """Who is logged in to the target is logged out."""
    target = service.names.target_name(asked["TargetARN"])
    await service.gateway.chap.delete(target, asked["InitiatorName"])
    return _of_pair(asked)


async def describe_chap_credentials(service: Service, asked: Asked) -> Answer:
    """With the secrets, as AWS tells them."""
    target = service.names.target_name(asked["TargetARN"])
    service.gateway.chap.check_target(target)
    rows = service.gateway.chap.of(target)
    return {"ChapCredentials": [_chap_info(service, row) for row in rows]}


def _chap_info(service: Service, row: Credentials) -> dict[str, Any]:
    return present(
        TargetARN=service.names.target(row.target),
        InitiatorName=row.initiator,
        SecretToAuthenticateInitiator=row.secret,
        SecretToAuthenticateTarget=row.target_secret,
    )


def _of_pair(asked: Asked) -> dict[str, Any]:
    return {name: asked[name] for name in ("TargetARN", "InitiatorName")}
