"""Fixed-width ASCII fields, as INQUIRY data, volume tags and VPD pages have them."""


def left_aligned(text: str, width: int) -> bytes:
    """`text` padded with spaces to `width` bytes; what does not fit or print: ValueError."""
    data = text.encode("ascii")
    if len(data) > width or not text.isprintable():
        raise ValueError(f"{text!r} is not {width} printable ASCII characters")
    return data.ljust(width)
