"""Every operation of a tape gateway: its name, what does it, and what must hold first."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag, auto
from typing import Final

from pyvtl.api import (
    archives,
    bandwidth,
    chap,
    devices,
    gateway_information,
    policies,
    pools,
    recovery,
    storage,
    tags,
    tapes,
)
from pyvtl.api.errors import ApiError, invalid_request
from pyvtl.api.model import operation_model
from pyvtl.api.service import GATEWAY_ARN, Answer, Asked, Handler, Service


class Allows(Flag):
    """What an operation does not insist on."""

    NOTHING = 0
    OTHER_GATEWAY = auto()
    """GatewayARN may name another gateway."""
    DELETED_GATEWAY = auto()
    """This gateway may be deleted."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table.  `refusal` is why it does nothing here, if so."""

    name: str
    handler: Handler
    allows: Allows
    refusal: str = ""


def operation(name: str, handler: Handler, allows: Allows = Allows.NOTHING) -> Operation:
    """An operation that works."""
    operation_model(name)
    return Operation(name, handler, allows)


def unsupported(name: str, why: str) -> Operation:
    """An operation that AWS has and that makes no sense here."""
    operation_model(name)

    async def refuse(service: Service, asked: Asked) -> Answer:
        raise invalid_request("NotSupported", f"{name} is not supported: {why}")

    return Operation(name, refuse, Allows.NOTHING, why)


class OperationTable:
    """The operations by name; a name that stands twice fails at import."""

    def __init__(self, *rows: Operation) -> None:
        self._rows = {row.name: row for row in rows}
        if len(self._rows) != len(rows):
            raise ValueError("an operation stands in the table twice")

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._rows.values())

    def find(self, name: str) -> Operation:
        """The row of that name.  ApiError: one that AWS has for other gateways, or none at all."""
        row = self._rows.get(name)
        if row is not None:
            return row
        if name in operation_model("ListTapes").service_model.operation_names:
            raise invalid_request("NotSupported", f"{name} is not for tape gateways")
        raise ApiError("UnknownOperationException", f"there is no operation {name!r}")


OPERATIONS: Final = OperationTable(
    # The gateway
    operation("ActivateGateway", gateway_information.activate_gateway, Allows.DELETED_GATEWAY),
    operation("DeleteGateway", gateway_information.delete_gateway),
    operation("DescribeGatewayInformation", gateway_information.describe_gateway_information),
    operation("DescribeMaintenanceStartTime", gateway_information.describe_maintenance_start_time),
    operation("DisableGateway", recovery.disable_gateway, Allows.OTHER_GATEWAY),
    operation("ListGateways", gateway_information.list_gateways, Allows.DELETED_GATEWAY),
    operation("ShutdownGateway", gateway_information.shutdown_gateway),
    operation("StartGateway", gateway_information.start_gateway),
    operation("UpdateGatewayInformation", gateway_information.update_gateway_information),
    operation("UpdateMaintenanceStartTime", gateway_information.update_maintenance_start_time),
    unsupported(
        "DescribeAvailabilityMonitorTest", "it tests the high availability of a VMware cluster"
    ),
    unsupported(
        "StartAvailabilityMonitorTest", "it tests the high availability of a VMware cluster"
    ),
    unsupported("SetLocalConsolePassword", "there is no local console; the host has accounts"),
    unsupported("UpdateGatewaySoftwareNow", "install another version and start that"),
    # Devices
    operation("DescribeVTLDevices", devices.describe_vtl_devices),
    operation("UpdateVTLDeviceType", devices.update_vtl_device_type),
    # CHAP
    operation("DeleteChapCredentials", chap.delete_chap_credentials),
    operation("DescribeChapCredentials", chap.describe_chap_credentials),
    operation("UpdateChapCredentials", chap.update_chap_credentials),
    # Bandwidth
    operation("DeleteBandwidthRateLimit", bandwidth.delete_bandwidth_rate_limit),
    operation("DescribeBandwidthRateLimit", bandwidth.describe_bandwidth_rate_limit),
    operation(
        "DescribeBandwidthRateLimitSchedule", bandwidth.describe_bandwidth_rate_limit_schedule
    ),
    operation("UpdateBandwidthRateLimit", bandwidth.update_bandwidth_rate_limit),
    operation("UpdateBandwidthRateLimitSchedule", bandwidth.update_bandwidth_rate_limit_schedule),
    # Local storage
    operation("AddCache", storage.add_disks),
    operation("AddUploadBuffer", storage.add_disks),
    operation("AddWorkingStorage", storage.add_disks),
    operation("DescribeCache", storage.describe_cache),
    operation("DescribeUploadBuffer", storage.describe_upload_buffer),
    operation("DescribeWorkingStorage", storage.describe_working_storage),
    operation("ListLocalDisks", storage.list_local_disks),
    unsupported("ResetCache", "it would throw away what only this machine has"),
    # Tapes
    operation("CreateTapeWithBarcode", tapes.create_tape_with_barcode),
    operation("CreateTapes", tapes.create_tapes),
    operation("AssignTapePool", tapes.assign_tape_pool, Allows.DELETED_GATEWAY),
    operation("CancelArchival", tapes.cancel_archival),
    operation("CancelRetrieval", tapes.cancel_retrieval),
    operation("DeleteTape", tapes.delete_tape),
    operation("DescribeTapes", tapes.describe_tapes),
    operation("ListTapes", tapes.list_tapes, Allows.DELETED_GATEWAY),
    # The archive
    operation("DeleteTapeArchive", archives.delete_tape_archive, Allows.DELETED_GATEWAY),
    operation("DescribeTapeArchives", archives.describe_tape_archives, Allows.DELETED_GATEWAY),
    operation(
        "RetrieveTapeArchive",
        archives.retrieve_tape_archive,
        Allows.OTHER_GATEWAY | Allows.DELETED_GATEWAY,
    ),
    # Lost gateways
    operation(
        "DescribeTapeRecoveryPoints", recovery.describe_tape_recovery_points, Allows.OTHER_GATEWAY
    ),
    operation("RetrieveTapeRecoveryPoint", recovery.retrieve_tape_recovery_point),
    # Pools
    operation("CreateTapePool", pools.create_tape_pool, Allows.DELETED_GATEWAY),
    operation("DeleteTapePool", pools.delete_tape_pool, Allows.DELETED_GATEWAY),
    operation("ListTapePools", pools.list_tape_pools, Allows.DELETED_GATEWAY),
    # Automatic tape creation
    operation("DeleteAutomaticTapeCreationPolicy", policies.delete_automatic_tape_creation_policy),
    operation("ListAutomaticTapeCreationPolicies", policies.list_automatic_tape_creation_policies),
    operation("UpdateAutomaticTapeCreationPolicy", policies.update_automatic_tape_creation_policy),
    # Tags
    operation("AddTagsToResource", tags.add_tags_to_resource, Allows.DELETED_GATEWAY),
    operation("ListTagsForResource", tags.list_tags_for_resource, Allows.DELETED_GATEWAY),
    operation("RemoveTagsFromResource", tags.remove_tags_from_resource, Allows.DELETED_GATEWAY),
)


async def run(row: Operation, service: Service, asked: Asked) -> Answer:
    """One operation, once what its row insists on is checked."""
    if Allows.DELETED_GATEWAY not in row.allows:
        service.gateway.about.check_active()
    if GATEWAY_ARN in asked and Allows.OTHER_GATEWAY not in row.allows:
        service.check_gateway(asked[GATEWAY_ARN])
    return await row.handler(service, asked)
