"""The tables of the API: every operation of a tape gateway, and a code for every refusal."""

import json
import subprocess
import sys

from pyvtl.api import errors
from pyvtl.api.errors import CODES, refused
from pyvtl.api.model import service_model
from pyvtl.api.operations import OPERATIONS
from pyvtl.gateway import errors as gateway
from pyvtl.gateway.errors import GatewayError
from tests.api_docs import PAGE, page_with_tables
from tests.serving import ENVIRONMENT

TAPE_GATEWAY = """
ActivateGateway AddCache AddTagsToResource AddUploadBuffer AddWorkingStorage AssignTapePool
CancelArchival CancelRetrieval CreateTapePool CreateTapeWithBarcode CreateTapes
DeleteAutomaticTapeCreationPolicy DeleteBandwidthRateLimit DeleteChapCredentials DeleteGateway
DeleteTape DeleteTapeArchive DeleteTapePool DescribeAvailabilityMonitorTest
DescribeBandwidthRateLimit DescribeBandwidthRateLimitSchedule DescribeCache
DescribeChapCredentials DescribeGatewayInformation DescribeMaintenanceStartTime
DescribeTapeArchives DescribeTapeRecoveryPoints DescribeTapes DescribeUploadBuffer
DescribeVTLDevices DescribeWorkingStorage DisableGateway ListAutomaticTapeCreationPolicies
ListGateways ListLocalDisks ListTagsForResource ListTapePools ListTapes RemoveTagsFromResource
ResetCache RetrieveTapeArchive RetrieveTapeRecoveryPoint SetLocalConsolePassword ShutdownGateway
StartAvailabilityMonitorTest StartGateway UpdateAutomaticTapeCreationPolicy
UpdateBandwidthRateLimit UpdateBandwidthRateLimitSchedule UpdateChapCredentials
UpdateGatewayInformation UpdateGatewaySoftwareNow UpdateMaintenanceStartTime UpdateVTLDeviceType
"""


def test_the_table_has_the_54_operations_of_a_tape_gateway() -> None:
    names = sorted(row.name for row in OPERATIONS)
    assert len(names) == 54
    assert names == sorted(TAPE_GATEWAY.split())


def test_every_refusal_of_the_gateway_has_a_row() -> None:
    kinds = {value for value in vars(gateway).values() if isinstance(value, type)}
    refusals = {kind for kind in kinds if issubclass(kind, GatewayError)}
    inherited = {gateway.TapeRetrievedError}
    assert refusals - set(CODES) == inherited


def test_every_code_is_one_of_the_model() -> None:
    known = service_model().shape_for("ErrorCode").enum
    assert set(CODES.values()) <= set(known)


def test_a_refusal_that_is_not_in_the_table_has_the_code_of_what_it_derives_from() -> None:
    assert refused(gateway.TapeRetrievedError("no")).body == {
        "__type": errors.INVALID_REQUEST,
        "message": "no",
        "error": {"errorCode": "OperationAborted", "errorDetails": {}},
    }


def test_the_page_on_the_api_is_up_to_date() -> None:
    """When it is not: `python -m tests.api_docs`."""
    page = PAGE.read_text()
    assert page == page_with_tables(page)


def test_starting_to_serve_imports_nothing_slow() -> None:
    code = (
        "import json, sys, pyvtl.api.serving;"
        "print(json.dumps([m for m in ('aiohttp', 'botocore') if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=ENVIRONMENT
    )
    assert json.loads(done.stdout) == []
