"""Serial numbers and NAA designators of one gateway's devices."""

from hashlib import blake2b

LOCALLY_ASSIGNED = 0x3 << 60
LARGEST_DEVICE = 0xFF


def serial_number(gateway_id: str, device: int) -> str:
    """Ten characters, as device identifiers of changers have room for: gateway id and device.

    `gateway_id` is eight hexadecimal digits; the changer is device 0, drives count from 1.
    """
    if not 0 <= device <= LARGEST_DEVICE:
        raise ValueError(f"device {device} is not one of 0 to {LARGEST_DEVICE}")
    return f"{gateway_id.upper()}{device:02X}"


def naa(gateway_id: str, device: int) -> bytes:
    """An NAA locally assigned designator (SPC-5), made of the serial number: eight bytes."""
    digest = blake2b(serial_number(gateway_id, device).encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big") >> 4 | LOCALLY_ASSIGNED
    return number.to_bytes(8, "big")
