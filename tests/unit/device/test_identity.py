"""Who the devices of one gateway are."""

import pytest

from pyvtl.device.profile import aws_changer
from pyvtl.device.profile.identity import naa, serial_number


def test_serial_numbers_are_ten_characters() -> None:
    assert [serial_number("1fad4876", device) for device in (0, 1, 10)] == [
        "1FAD487600",
        "1FAD487601",
        "1FAD48760A",
    ]


def test_no_two_devices_share_a_designator() -> None:
    designators = {naa(gateway, n) for gateway in ("1fad4876", "1fad4877") for n in range(11)}
    assert len(designators) == 22
    assert {(len(d), d[0] >> 4) for d in designators} == {(8, 3)}


@pytest.mark.parametrize("device", [-1, 256])
def test_a_device_beyond_the_room_for_it_is_refused(device: int) -> None:
    with pytest.raises(ValueError, match="0 to 255"):
        serial_number("1fad4876", device)


def test_the_t10_designator_is_vendor_product_serial() -> None:
    assert aws_changer.identity("1fad4876").t10 == b"AWS     Gateway-VTL     1FAD487600"
