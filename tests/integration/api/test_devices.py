"""Drives and changer through boto3, and what a host finds of them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api_client import GATEWAY, GIB, Served, serving_api
from tests.initiator import Changer

DEVICES = f"{GATEWAY}/device/AMZN_SGW-12A3456B"
CHANGER = f"{DEVICES}_MEDIACHANGER_00001"


def device(api: Served, arn: str, target: str, **more: object) -> dict[str, Any]:
    return {
        "VTLDeviceARN": f"{DEVICES}_{arn}",
        "DeviceiSCSIAttributes": {
            "TargetARN": f"{GATEWAY}/target/iqn.1997-05.com.amazon:sgw-12a3456b-{target}",
            "NetworkInterfaceId": "127.0.0.1",
            "NetworkInterfacePort": api.gateway.portals[0].port,
            "ChapEnabled": False,
        },
        **more,
    }


DRIVE = {
    "VTLDeviceType": "Tape Drive",
    "VTLDeviceVendor": "IBM",
    "VTLDeviceProductIdentifier": "ULT3580-TD5",
}


async def test_describe_vtl_devices(api: Served) -> None:
    assert await api.call("DescribeVTLDevices", GatewayARN=GATEWAY) == {
        "GatewayARN": GATEWAY,
        "VTLDevices": [
            device(
                api,
                "MEDIACHANGER_00001",
                "mediachanger",
                VTLDeviceType="Medium Changer",
                VTLDeviceVendor="AWS",
                VTLDeviceProductIdentifier="Gateway-VTL",
            ),
            device(api, "TAPEDRIVE_00001", "tapedrive-01", **DRIVE),
            device(api, "TAPEDRIVE_00002", "tapedrive-02", **DRIVE),
        ],
    }


async def test_devices_in_pages_and_by_name(api: Served) -> None:
    arns: list[str] = []
    marker: dict[str, str] = {}
    while True:
        told = await api.call("DescribeVTLDevices", GatewayARN=GATEWAY, Limit=1, **marker)
        arns += [row["VTLDeviceARN"] for row in told["VTLDevices"]]
        if "Marker" not in told:
            break
        marker = {"Marker": told["Marker"]}
    assert arns == [CHANGER, f"{DEVICES}_TAPEDRIVE_00001", f"{DEVICES}_TAPEDRIVE_00002"]
    told = await api.call("DescribeVTLDevices", GatewayARN=GATEWAY, VTLDeviceARNs=[arns[2]])
    assert [row["VTLDeviceARN"] for row in told["VTLDevices"]] == [arns[2]]
    unknown = f"{DEVICES}_TAPEDRIVE_00003"
    refusal = await api.refused("DescribeVTLDevices", GatewayARN=GATEWAY, VTLDeviceARNs=[unknown])
    assert refusal == ("InvalidParameters", f"there is no device {unknown}")


async def seen(api: Served) -> tuple[bytes, dict[str, int]]:
    """What a host finds: vendor, product and revision, and where tapes lie."""

    def as_host() -> tuple[bytes, dict[str, int]]:
        port, name = api.gateway.portals[0].port, api.gateway.changer_name
        with Changer("127.0.0.1", port, name) as changer:
            changer.command(bytes(6))
            names = changer.good(bytes.fromhex("120000002400"), read_length=36)[8:]
            return names, {e.barcode: e.address for e in changer.elements() if e.full}

    return await asyncio.to_thread(as_host)


async def move(api: Served, source: int, destination: int) -> None:
    def as_host() -> None:
        port, name = api.gateway.portals[0].port, api.gateway.changer_name
        with Changer("127.0.0.1", port, name) as changer:
            changer.command(bytes(6))
            changer.must_move(source, destination)

    await asyncio.to_thread(as_host)


async def test_the_changer_becomes_another_product_with_every_tape_where_it_was(
    tmp_path: Path,
) -> None:
    async with serving_api(tmp_path) as api:
        for barcode in ("DOOR0001", "SLOT0001", "DRIVE001"):
            await api.gateway.library.create_tapes(barcode=barcode, size_bytes=GIB)
        await move(api, 30001, 20003)
        await move(api, 30002, 10001)
        told = await api.call("UpdateVTLDeviceType", VTLDeviceARN=CHANGER, DeviceType="STK-L700")
        assert told == {"VTLDeviceARN": CHANGER}
        stk = b"STK     L700            0104"
        places = {"DOOR0001": 10, "SLOT0001": 1003, "DRIVE001": 501}
        assert await seen(api) == (stk, places)
        (changer,) = (
            await api.call("DescribeVTLDevices", GatewayARN=GATEWAY, VTLDeviceARNs=[CHANGER])
        )["VTLDevices"]
        assert changer["VTLDeviceVendor"] == "STK"
        assert changer["VTLDeviceProductIdentifier"] == "L700"
    async with serving_api(tmp_path) as api:
        assert await seen(api) == (stk, places)
        await move(api, 501, 1000)
        tape = await api.gateway.library.show_tape("SLOT0001")
        assert (tape.element_address, tape.slot) == (1003, 4)
        ibm = {"VTLDeviceARN": CHANGER, "DeviceType": "IBM-03584L32-0402"}
        await api.call("UpdateVTLDeviceType", **ibm)
        places = {"DOOR0001": 0x300, "SLOT0001": 0x403, "DRIVE001": 0x400}
        assert await seen(api) == (b"IBM     03584L32        0402", places)
        await api.call("UpdateVTLDeviceType", VTLDeviceARN=CHANGER, DeviceType="AWS-Gateway-VTL")
        places = {"DOOR0001": 30000, "SLOT0001": 20003, "DRIVE001": 20000}
        assert await seen(api) == (b"AWS     Gateway-VTL     0100", places)


async def test_the_changer_stays_what_it_is_while_an_initiator_is_logged_in(api: Served) -> None:
    port, name = api.gateway.portals[0].port, api.gateway.changer_name
    session = await asyncio.to_thread(Changer, "127.0.0.1", port, name)
    refusal = await api.refused("UpdateVTLDeviceType", VTLDeviceARN=CHANGER, DeviceType="STK-L700")
    assert refusal == (
        "OperationAborted",
        "the changer has 1 initiators logged in: log them out first",
    )
    await asyncio.to_thread(session.close)
    assert (await seen(api))[0].startswith(b"AWS")


@pytest.mark.parametrize(
    ("arn", "kind", "code"),
    [
        (CHANGER, "STK-L701", "InvalidParameters"),
        (f"{DEVICES}_TAPEDRIVE_00001", "STK-L700", "NotSupported"),
        (f"{DEVICES}_TAPEDRIVE_00009", "STK-L700", "InvalidParameters"),
    ],
)
async def test_a_change_that_cannot_be(api: Served, arn: str, kind: str, code: str) -> None:
    refusal = await api.refused("UpdateVTLDeviceType", VTLDeviceARN=arn, DeviceType=kind)
    assert refusal[0] == code
