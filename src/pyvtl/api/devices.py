"""Operations on the drives and the changer."""

from typing import Any, Final

from pyvtl.api.errors import invalid_request
from pyvtl.api.paging import page
from pyvtl.api.service import Answer, Asked, Service, of_gateway
from pyvtl.gateway.errors import DeviceNotFoundError

CHANGER, DRIVE = 0, 1
KINDS: Final = {CHANGER: "Medium Changer", DRIVE: "Tape Drive"}


async def describe_vtl_devices(service: Service, asked: Asked) -> Answer:
    """All devices, or those that are asked for."""
    devices = _devices(service)
    wanted = asked.get("VTLDeviceARNs")
    if wanted:
        devices = [devices[_number(service, arn)] for arn in dict.fromkeys(wanted)]
    told, marker = page("devices", devices, asked, lambda device: str(device["VTLDeviceARN"]))
    return of_gateway(asked) | {"VTLDevices": told, **marker}


async def update_vtl_device_type(service: Service, asked: Asked) -> Answer:
    """The changer becomes another product; drives are what they are."""
    if _number(service, asked["VTLDeviceARN"]) != CHANGER:
        raise invalid_request("NotSupported", "only the medium changer has a type to change")
    await service.gateway.change_changer(asked["DeviceType"])
    return {"VTLDeviceARN": asked["VTLDeviceARN"]}


def _devices(service: Service) -> list[dict[str, Any]]:
    """The changer, then the drives."""
    library = service.gateway.library
    units = [library.changer, *(bay.drive for bay in library.bays.values())]
    portal = service.portals[0]
    names = zip(service.gateway.target_names, units, strict=True)
    return [
        {
            "VTLDeviceARN": service.names.device(number),
            "VTLDeviceType": KINDS[min(number, DRIVE)],
            "VTLDeviceVendor": unit.identity.vendor,
            "VTLDeviceProductIdentifier": unit.identity.product,
            "DeviceiSCSIAttributes": {
                "TargetARN": service.names.target(target),
                "NetworkInterfaceId": portal.host,
                "NetworkInterfacePort": portal.port,
                "ChapEnabled": service.gateway.chap.required(target),
            },
        }
        for number, (target, unit) in enumerate(names)
    ]


def _number(service: Service, arn: str) -> int:
    count = len(service.gateway.target_names)
    for number in range(count):
        if arn == service.names.device(number):
            return number
    raise DeviceNotFoundError(f"there is no device {arn}")
