"""Why a tape is not pushed or pulled; the message says what to do."""


class RefusedTapeError(Exception):
    """Nothing was changed that anybody relies on."""


class FencedError(RefusedTapeError):
    """Another gateway owns the tape now."""


class DivergedError(RefusedTapeError):
    """The store holds another tape, or a later state of it, under this barcode."""


class ForeignRepositoryError(RefusedTapeError):
    """The store and the data folder belong to different repositories."""


class DocumentError(RefusedTapeError):
    """A document in the store cannot be used: damaged, or of a later version."""


class NoGatewayError(RefusedTapeError):
    """The store knows no such gateway, or it is lost or deleted."""


class NotArchivedError(RefusedTapeError):
    """The tape is not in the archive, or on its way from there to a gateway."""
