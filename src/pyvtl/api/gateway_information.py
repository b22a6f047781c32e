"""Operations on the gateway itself: its information, its maintenance window, its life."""

from typing import Any, Final

from pyvtl import __version__
from pyvtl.api.errors import invalid_parameter, invalid_request
from pyvtl.api.paging import page
from pyvtl.api.service import Answer, Asked, Service, of_gateway, present
from pyvtl.api.tags import as_list, tags_of
from pyvtl.gateway.changer_type import KINDS
from pyvtl.gateway.tags import GATEWAY

DRIVE_TYPE: Final = "IBM-ULT3580-TD5"
GATEWAY_TYPE: Final = "VTL"
ACTIVE: Final = "ACTIVE"
"""The only operational state here; the other one of AWS's is DISABLED, by DisableGateway."""


async def activate_gateway(service: Service, asked: Asked) -> Answer:
    """A gateway that was deleted is there again; the changer is of the type asked for."""
    known: dict[str, tuple[str, ...]] = {
        "GatewayType": (GATEWAY_TYPE,),
        "TapeDriveType": (DRIVE_TYPE,),
        "MediumChangerType": tuple(KINDS),
    }
    for name, values in known.items():
        if name in asked and asked[name] not in values:
            raise invalid_parameter(f"{name} {asked[name]!r} is none of {', '.join(values)}")
    if (region := asked["GatewayRegion"]) != service.names.region:
        raise invalid_request(
            "RegionInvalid", f"GatewayRegion {region!r}: this gateway is in {service.names.region}"
        )
    await service.gateway.activate(
        asked["ActivationKey"],
        asked["GatewayName"],
        asked["GatewayTimezone"],
        changer=asked.get("MediumChangerType"),
        tags=tags_of(asked),
    )
    return {"GatewayARN": service.names.gateway}


async def describe_gateway_information(service: Service, asked: Asked) -> Answer:
    """Its name, its state, its portals, its tags."""
    information = service.gateway.about.information
    return _common(service) | {
        "GatewayTimezone": information.time_zone,
        "GatewayState": information.state.value,
        "GatewayNetworkInterfaces": [
            {"Ipv6Address" if ":" in portal.host else "Ipv4Address": portal.host}
            for portal in service.portals
        ],
        "EndpointType": "STANDARD",
        "Tags": as_list(await service.gateway.life.tags.list(GATEWAY)),
        **present(CloudWatchLogGroupARN=information.log_group or None),
    }


async def list_gateways(service: Service, asked: Asked) -> Answer:
    """This gateway, unless it is deleted."""
    if service.gateway.about.is_deleted:
        return {"Gateways": []}
    row = _common(service) | {"GatewayOperationalState": ACTIVE}
    gateways, marker = page("gateways", [row], asked, lambda gateway: str(gateway["GatewayARN"]))
    return {"Gateways": gateways, **marker}


async def update_gateway_information(service: Service, asked: Asked) -> Answer:
    """The name and the time zone; a log group is only remembered."""
    if "GatewayCapacity" in asked:
        raise invalid_request(
            "ParametersNotImplemented", "GatewayCapacity is for file gateways; leave it out"
        )
    information = await service.gateway.about.update(
        name=asked.get("GatewayName"),
        zone=asked.get("GatewayTimezone"),
        log_group=asked.get("CloudWatchLogGroupARN"),
    )
    return of_gateway(asked) | {"GatewayName": information.name}


async def delete_gateway(service: Service, asked: Asked) -> Answer:
    """Refused while tapes are left."""
    await service.gateway.delete()
    return of_gateway(asked)


async def shutdown_gateway(service: Service, asked: Asked) -> Answer:
    """Initiators are logged out, and none gets in."""
    await service.gateway.shut_down()
    return of_gateway(asked)


async def start_gateway(service: Service, asked: Asked) -> Answer:
    """Initiators are let in again."""
    await service.gateway.open_up()
    return of_gateway(asked)


async def describe_maintenance_start_time(service: Service, asked: Asked) -> Answer:
    """When software may be updated."""
    information = service.gateway.about.information
    maintenance = information.maintenance
    return of_gateway(asked) | present(
        HourOfDay=maintenance.hour,
        MinuteOfHour=maintenance.minute,
        DayOfWeek=maintenance.day_of_week,
        DayOfMonth=maintenance.day_of_month,
        Timezone=information.time_zone,
        SoftwareUpdatePreferences={"AutomaticUpdatePolicy": maintenance.policy},
    )


async def update_maintenance_start_time(service: Service, asked: Asked) -> Answer:
    """A time of the day and a day of the week or of the month, or when to update, or both."""
    times, days = ("HourOfDay", "MinuteOfHour"), ("DayOfWeek", "DayOfMonth")
    given = [name for name in (*times, *days) if name in asked]
    if given and not (set(times) <= set(given) and len(given) == len(times) + 1):
        raise invalid_parameter(
            f"{', '.join(given)}: a maintenance window takes HourOfDay, MinuteOfHour and either"
            " DayOfWeek or DayOfMonth"
        )
    await service.gateway.about.update_maintenance(
        hour=asked.get("HourOfDay"),
        minute=asked.get("MinuteOfHour"),
        day_of_week=asked.get("DayOfWeek"),
        day_of_month=asked.get("DayOfMonth"),
        policy=asked.get("SoftwareUpdatePreferences", {}).get("AutomaticUpdatePolicy"),
    )
    return of_gateway(asked)


def _common(service: Service) -> dict[str, Any]:
    """What a list of gateways and the description of one share."""
    return {
        "GatewayARN": service.names.gateway,
        "GatewayId": service.names.gateway_name,
        "GatewayName": service.gateway.about.information.name,
        "GatewayType": GATEWAY_TYPE,
        "HostEnvironment": "OTHER",
        "SoftwareVersion": __version__,
    }
