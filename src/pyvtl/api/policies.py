"""Operations on automatic tape creation: one policy for the gateway, of up to ten rules."""

from typing import Any

from pyvtl.api.service import Answer, Asked, Service, of_gateway
from pyvtl.api.tapes import check_size
from pyvtl.gateway.ledger import Rule


async def update_automatic_tape_creation_policy(service: Service, asked: Asked) -> Answer:
    """All rules anew."""
    rules = asked["AutomaticTapeCreationRules"]
    for rule in rules:
        check_size(rule["TapeSizeInBytes"])
    await service.gateway.life.policies.set([_rule(rule) for rule in rules])
    return of_gateway(asked)


async def list_automatic_tape_creation_policies(service: Service, asked: Asked) -> Answer:
    """The policy of this gateway, if there is one."""
    rules = await service.gateway.life.policies.show()
    if not rules:
        return {"AutomaticTapeCreationPolicyInfos": []}
    policy = {
        "AutomaticTapeCreationRules": [_told(rule) for rule in rules],
        "GatewayARN": service.names.gateway,
    }
    return {"AutomaticTapeCreationPolicyInfos": [policy]}


async def delete_automatic_tape_creation_policy(service: Service, asked: Asked) -> Answer:
    """No more tapes are made by themselves."""
    await service.gateway.life.policies.delete()
    return of_gateway(asked)


def _rule(rule: dict[str, Any]) -> Rule:
    return Rule(
        rule["TapeBarcodePrefix"],
        rule["PoolId"],
        rule["TapeSizeInBytes"],
        rule["MinimumNumTapes"],
        rule.get("Worm", False),
    )


def _told(rule: Rule) -> dict[str, Any]:
    return {
        "TapeBarcodePrefix": rule.prefix,
        "PoolId": rule.pool,
        "TapeSizeInBytes": rule.size_bytes,
        "MinimumNumTapes": rule.minimum,
        "Worm": rule.worm,
    }
