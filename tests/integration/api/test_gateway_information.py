"""Operations on the gateway itself, through boto3."""

from pathlib import Path

from tests.api_client import GATEWAY, Served, serving_api
from tests.initiator import Changer


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
