"""AWS's own description of the service, which comes with botocore: operations, shapes, bounds."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from botocore.loaders import create_loader
from botocore.model import OperationModel, ServiceModel

TRANSLATIONS: Final[Mapping[str, str]] = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\z": r"\Z",
}
"""What Python's regular expressions lack of those in the model, or spell otherwise."""


@cache
def service_model() -> ServiceModel:
    """The model of `storagegateway`.  The first call reads files for some 50 ms."""
    description = create_loader().load_service_model("storagegateway", "service-2")
    return ServiceModel(description, "storagegateway")


def operation_model(name: str) -> OperationModel:
    """One operation; OperationNotFoundError of botocore if there is none of that name."""
    return service_model().operation_model(name)


def target_prefix() -> str:
    """What stands before the dot in X-Amz-Target."""
    return str(service_model().metadata["targetPrefix"])


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of the model; it has to match the whole of a text."""
    for theirs, ours in TRANSLATIONS.items():
        pattern = pattern.replace(theirs, ours)
    return re.compile(pattern)
