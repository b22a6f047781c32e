"""RFC 7143 without I/O: bytes in, events out, bytes back.  Never says tape."""
