"""The sequential-access device: SSC-5 commands over a cartridge."""
