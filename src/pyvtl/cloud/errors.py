"""What can stand in the way of an object store, told apart by what a caller does about it."""


class ObjectStoreError(Exception):
    """The message names the object or the bucket, and says what is wrong."""


class NotFoundError(ObjectStoreError):
    """There is no such object or upload."""


class PreconditionFailedError(ObjectStoreError):
    """The object is not as the condition wants it, or another write to it was under way.

    A lost answer may have been a success, so the holder may be this caller: re-read and compare.
    """


class UnavailableError(ObjectStoreError):
    """The store gave no answer, or told to come again: what was asked may have happened or not."""


class CorruptDataError(ObjectStoreError):
    """What arrived is not what was sent: a checksum or a length differs."""


class ArchivedError(ObjectStoreError):
    """The object lies in an archive class: `restore` it, then wait, then read."""


class UnsupportedError(ObjectStoreError):
    """This store cannot do that, now or later."""


class RefusedError(ObjectStoreError):
    """The store will not do it until a person changes something; trying again is of no use."""


class AccessDeniedError(RefusedError):
    """The credentials are wrong, or lack a permission."""


class MisconfiguredError(RefusedError):
    """A setting is wrong: address, bucket, region, certificate authority, key."""
