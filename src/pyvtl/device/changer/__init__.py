"""The medium changer: SMC-3 over the library's inventory."""
