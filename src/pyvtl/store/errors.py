"""What can go wrong below a tape."""


class StoreError(Exception):
    """Base of the errors of the store; the message says what is wrong with what."""


class DamageError(StoreError):
    """What is stored is not what was written."""


class NoSpaceError(StoreError):
    """The disk has no room; nothing was changed."""


class WriteFailedError(StoreError):
    """The disk failed; the tape ends at its last sync and takes no more until opened again."""


class LockedError(StoreError):
    """A tape is encrypted, and the key that it takes is not there; nothing was changed."""


class ShreddedError(LockedError):
    """The key of an encrypted tape was destroyed on purpose."""


class CatalogError(StoreError):
    """The catalog cannot be read or written; it can be made anew from the tapes."""
