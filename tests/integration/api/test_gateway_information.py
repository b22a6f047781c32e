"""Operations on the gateway itself, through boto3."""

import asyncio
from pathlib import Path

import pytest

from pyvtl.cloud.documents import GatewayDocument
from pyvtl.cloud.heads import read_document
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import gateway_key
from pyvtl.config.model import Config
from pyvtl.gateway.information import Maintenance
from tests.api_client import ARN, GATEWAY, GATEWAY_ID, GIB, REGION, Served, serving_api
from tests.initiator import Changer
from tests.sites import TAPE, Site


def log_in(api: Served) -> None:
    """A host logs in to the changer, and out again."""
    Changer("127.0.0.1", api.gateway.portals[0].port, api.gateway.changer_name).close()


async def test_list_gateways(api: Served) -> None:
    assert await api.call("ListGateways") == {
        "Gateways": [
            {
                "GatewayId": "sgw-12A3456B",
                "GatewayARN": GATEWAY,
                "GatewayName": "pyvtl-12a3456b",
                "GatewayType": "VTL",
                "GatewayOperationalState": "ACTIVE",
                "HostEnvironment": "OTHER",
                "SoftwareVersion": "0.1.0",
            }
        ]
    }


async def test_describe_gateway_information(api: Served) -> None:
    assert await api.call("DescribeGatewayInformation", GatewayARN=GATEWAY) == {
        "GatewayId": "sgw-12A3456B",
        "GatewayARN": GATEWAY,
        "GatewayName": "pyvtl-12a3456b",
        "GatewayTimezone": "GMT",
        "GatewayState": "RUNNING",
        "GatewayType": "VTL",
        "GatewayNetworkInterfaces": [{"Ipv4Address": "127.0.0.1"}],
        "HostEnvironment": "OTHER",
        "EndpointType": "STANDARD",
        "SoftwareVersion": "0.1.0",
        "Tags": [],
    }


async def test_update_gateway_information_lasts(tmp_path: Path) -> None:
    async with serving_api(tmp_path) as api:
        group = "arn:aws:logs:eu-test-1:123456789012:log-group:tapes"
        wanted = {"GatewayName": "Basement", "GatewayTimezone": "GMT-4:00"}
        assert await api.call(
            "UpdateGatewayInformation", GatewayARN=GATEWAY, CloudWatchLogGroupARN=group, **wanted
        ) == {"GatewayARN": GATEWAY, "GatewayName": "Basement"}
    async with serving_api(tmp_path) as api:
        told = await api.call("DescribeGatewayInformation", GatewayARN=GATEWAY)
        assert {name: told[name] for name in wanted} == wanted
        assert told["CloudWatchLogGroupARN"] == group


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"GatewayTimezone": "Mars"}, "InvalidParameters", "write GMT, or like GMT-4:00"),
        ({"GatewayTimezone": "GMT+15:00"}, "InvalidParameters", "is no time zone"),
        ({"GatewayName": " "}, "InvalidParameters", "length greater than or equal to 2"),
        ({"GatewayCapacity": "Small"}, "ParametersNotImplemented", "for file gateways"),
    ],
)
async def test_information_that_cannot_be(
    api: Served, members: dict[str, str], code: str, message: str
) -> None:
    refusal = await api.refused("UpdateGatewayInformation", GatewayARN=GATEWAY, **members)
    assert (refusal[0], message in refusal[1]) == (code, True)


async def test_the_maintenance_window_lasts(tmp_path: Path) -> None:
    async with serving_api(tmp_path) as api:
        assert await api.call("DescribeMaintenanceStartTime", GatewayARN=GATEWAY) == {
            "GatewayARN": GATEWAY,
            "HourOfDay": 3,
            "MinuteOfHour": 0,
            "DayOfWeek": 0,
            "Timezone": "GMT",
            "SoftwareUpdatePreferences": {"AutomaticUpdatePolicy": "ALL_VERSIONS"},
        }
        monthly = {"HourOfDay": 23, "MinuteOfHour": 59, "DayOfMonth": 28}
        policy = {"SoftwareUpdatePreferences": {"AutomaticUpdatePolicy": "EMERGENCY_VERSIONS_ONLY"}}
        told = await api.call("UpdateMaintenanceStartTime", GatewayARN=GATEWAY, **monthly, **policy)
        assert told == {"GatewayARN": GATEWAY}
    async with serving_api(tmp_path) as api:
        told = await api.call("DescribeMaintenanceStartTime", GatewayARN=GATEWAY)
        assert told == {"GatewayARN": GATEWAY, "Timezone": "GMT", **monthly, **policy}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"HourOfDay": 3, "MinuteOfHour": 0},
        {"HourOfDay": 3, "DayOfWeek": 1},
        {"DayOfMonth": 1},
        {"HourOfDay": 3, "MinuteOfHour": 0, "DayOfWeek": 1, "DayOfMonth": 1},
    ],
)
async def test_a_maintenance_window_has_a_time_and_one_day(
    api: Served, members: dict[str, int]
) -> None:
    refusal = await api.refused("UpdateMaintenanceStartTime", GatewayARN=GATEWAY, **members)
    assert refusal[0] == "InvalidParameters"
    assert api.gateway.about.information.maintenance == Maintenance()


async def test_a_gateway_that_is_shut_down_takes_no_logins_until_it_is_started(
    tmp_path: Path,
) -> None:
    async with serving_api(tmp_path) as api:
        await asyncio.to_thread(log_in, api)
        assert await api.call("ShutdownGateway", GatewayARN=GATEWAY) == {"GatewayARN": GATEWAY}
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(log_in, api)
        (gateway,) = (await api.call("ListGateways"))["Gateways"]
        assert gateway["GatewayOperationalState"] == "ACTIVE"
    async with serving_api(tmp_path) as api:
        told = await api.call("DescribeGatewayInformation", GatewayARN=GATEWAY)
        assert told["GatewayState"] == "SHUTDOWN"
        assert await api.call("StartGateway", GatewayARN=GATEWAY) == {"GatewayARN": GATEWAY}
        await asyncio.to_thread(log_in, api)


async def test_a_gateway_with_tapes_is_not_deleted(api: Served) -> None:
    await api.gateway.library.create_tapes(barcode="LEFT0001", size_bytes=GIB)
    code, message = await api.refused("DeleteGateway", GatewayARN=GATEWAY)
    assert (code, message[:17]) == ("OperationAborted", "1 tapes are left ")
    await asyncio.to_thread(log_in, api)


async def test_a_deleted_gateway_is_gone_until_it_is_activated_again(tmp_path: Path) -> None:
    async with serving_api(tmp_path) as api:
        await api.call("UpdateGatewayInformation", GatewayARN=GATEWAY, GatewayName="Basement")
        assert await api.call("DeleteGateway", GatewayARN=GATEWAY) == {"GatewayARN": GATEWAY}
        with pytest.raises(ConnectionError):
            await asyncio.to_thread(log_in, api)
    async with serving_api(tmp_path) as api:
        assert await api.call("ListGateways") == {"Gateways": []}
        for operation in ("DescribeGatewayInformation", "StartGateway", "DescribeVTLDevices"):
            assert (await api.refused(operation, GatewayARN=GATEWAY))[0] == "GatewayNotFound"
        new = {"GatewayName": "Attic", "GatewayTimezone": "GMT+5:30", "GatewayRegion": REGION}
        wrong = await api.refused("ActivateGateway", ActivationKey="AAAAA-BBBBB", **new)
        assert wrong[0] == "ActivationKeyInvalid"
        told = await api.call(
            "ActivateGateway",
            ActivationKey=api.gateway.about.activation_key,
            GatewayType="VTL",
            TapeDriveType="IBM-ULT3580-TD5",
            MediumChangerType="STK-L700",
            **new,
        )
        assert told == {"GatewayARN": GATEWAY}
        assert api.gateway.changer_types.name == "STK-L700"
        assert api.gateway.about.information.name == "Attic"
        await asyncio.to_thread(log_in, api)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Tags": [{"Key": f"k{number}", "Value": ""} for number in range(51)]},
        {"GatewayTimezone": "Mars"},
        {"MediumChangerType": "STK-L800"},
    ],
)
async def test_an_activation_that_is_refused_leaves_the_gateway_deleted(
    api: Served, wrong: dict[str, object]
) -> None:
    await api.call("DeleteGateway", GatewayARN=GATEWAY)
    key = api.gateway.about.activation_key
    new = {"ActivationKey": key, "GatewayName": "Attic", "GatewayTimezone": "GMT"}
    refusal = await api.refused("ActivateGateway", **new | {"GatewayRegion": REGION} | wrong)
    assert refusal[0] == "InvalidParameters"
    assert await api.call("ListGateways") == {"Gateways": []}


async def test_other_gateways_know_of_a_deletion_and_of_its_end(tmp_path: Path) -> None:
    store = MemoryStore()

    async def deleted() -> bool:
        document = await read_document(store, GatewayDocument, gateway_key(GATEWAY_ID))
        return document is not None and document.deleted

    async with serving_api(tmp_path, objects=store) as api:
        await api.call("DeleteGateway", GatewayARN=GATEWAY)
        assert await deleted()
        await api.call(
            "ActivateGateway",
            ActivationKey=api.gateway.about.activation_key,
            GatewayName="Attic",
            GatewayTimezone="GMT",
            GatewayRegion=REGION,
        )
        assert not await deleted()


async def test_while_a_gateway_is_deleted_what_all_gateways_share_can_be_managed(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    other = Site(tmp_path / "other", store)
    arn = f"{ARN}:tape/{TAPE}"
    async with serving_api(tmp_path / "data", objects=store) as api, other.running():
        await other.create(TAPE)
        await other.export()
        await other.settled()
        await api.call("DeleteGateway", GatewayARN=GATEWAY)
        (tape,) = (await api.call("ListTapes"))["TapeInfos"]
        (archived,) = (await api.call("DescribeTapeArchives"))["TapeArchives"]
        assert (tape["TapeARN"], archived["TapeARN"]) == (arn, arn)
        pool = await api.call("CreateTapePool", PoolName="p", StorageClass="GLACIER")
        assert len((await api.call("ListTapePools"))["PoolInfos"]) == 1
        await api.call("DeleteTapePool", **pool)
        await api.call("AssignTapePool", TapeARN=arn, PoolId="DEEP_ARCHIVE")
        await api.call("AddTagsToResource", ResourceARN=arn, Tags=[{"Key": "k", "Value": "v"}])
        await api.call("RemoveTagsFromResource", ResourceARN=arn, TagKeys=["k"])
        assert (await api.call("ListTagsForResource", ResourceARN=arn))["Tags"] == []
        refused = await api.refused("ListTagsForResource", ResourceARN=GATEWAY)
        assert refused[0] == "GatewayNotFound"
        refused = await api.refused("RetrieveTapeArchive", TapeARN=arn, GatewayARN=GATEWAY)
        assert refused[0] == "GatewayNotFound"
        there = GATEWAY.replace("12A3456B", other.id.upper())
        await api.call("RetrieveTapeArchive", TapeARN=arn, GatewayARN=there)
        await other.life.look_for_requests()
        await other.settled()
        assert other.status() == "RETRIEVED"
        await other.export()
        await other.settled()
        await api.call("DeleteTapeArchive", TapeARN=arn)


@pytest.mark.parametrize(
    ("portal", "told"),
    [
        ({"listen": ["0.0.0.0:0"]}, ("127.0.0.1", None)),
        ({"listen": ["127.0.0.1:0"], "advertise": ["192.0.2.7:13260"]}, ("192.0.2.7", 13260)),
    ],
)
async def test_hosts_are_told_addresses_that_they_can_reach(
    tmp_path: Path, portal: dict[str, list[str]], told: tuple[str, int | None]
) -> None:
    def adjust(config: Config) -> Config:
        chap = {"user": "backup", "secret": "opensesame-123"}
        return Config.model_validate(config.model_dump() | {"portal": portal, "chap": chap})

    host, port = told
    async with serving_api(tmp_path, adjust) as api:
        about = await api.call("DescribeGatewayInformation", GatewayARN=GATEWAY)
        assert about["GatewayNetworkInterfaces"] == [{"Ipv4Address": host}]
        devices = (await api.call("DescribeVTLDevices", GatewayARN=GATEWAY))["VTLDevices"]
        attributes = devices[0]["DeviceiSCSIAttributes"]
        assert (attributes["NetworkInterfaceId"], attributes["NetworkInterfacePort"]) == (
            host,
            port or api.gateway.portals[0].port,
        )


async def test_an_active_gateway_is_not_activated(api: Served) -> None:
    new = {"GatewayName": "Attic", "GatewayTimezone": "GMT", "GatewayRegion": REGION}
    key = api.gateway.about.activation_key
    refusal = await api.refused("ActivateGateway", ActivationKey=key, **new)
    assert refusal[0] == "ActivationKeyInvalid"
    kind = await api.refused("ActivateGateway", ActivationKey=key, GatewayType="CACHED", **new)
    assert kind == ("InvalidParameters", "GatewayType 'CACHED' is none of VTL")
    elsewhere = new | {"GatewayRegion": "eu-west-1"}
    assert await api.refused("ActivateGateway", ActivationKey=key, **elsewhere) == (
        "RegionInvalid",
        f"GatewayRegion 'eu-west-1': this gateway is in {REGION}",
    )


async def test_a_gateway_that_answers_is_not_disabled(api: Served) -> None:
    code, message = await api.refused("DisableGateway", GatewayARN=GATEWAY)
    assert (code, message[:24]) == ("OperationAborted", "the gateway is connected")


async def test_other_gateways_are_not_found(api: Served) -> None:
    other = GATEWAY.replace("12A3456B", "00000000")
    code, message = await api.refused("DescribeGatewayInformation", GatewayARN=other)
    assert (code, message) == ("GatewayNotFound", f"there is no gateway {other} here")
    assert GATEWAY_ID not in message


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeAvailabilityMonitorTest",
        "StartAvailabilityMonitorTest",
        "UpdateGatewaySoftwareNow",
        "ResetCache",
    ],
)
async def test_what_makes_no_sense_here_is_not_supported(api: Served, operation: str) -> None:
    code, message = await api.refused(operation, GatewayARN=GATEWAY)
    assert (code, message.startswith(f"{operation} is not supported: ")) == ("NotSupported", True)


async def test_set_local_console_password_is_not_supported(api: Served) -> None:
    code, message = await api.refused(
        "SetLocalConsolePassword", GatewayARN=GATEWAY, LocalConsolePassword="opensesame"
    )
    assert (code, "opensesame" in message) == ("NotSupported", False)


async def test_operations_of_other_kinds_of_gateways_are_not_supported(api: Served) -> None:
    refusal = await api.refused("ListFileShares")
    assert refusal == ("NotSupported", "ListFileShares is not for tape gateways")
