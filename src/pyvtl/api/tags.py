"""Operations on tags: of the gateway, of tapes and of custom pools."""

from typing import Final

from pyvtl.api.errors import invalid_parameter
from pyvtl.api.paging import page
from pyvtl.api.service import Answer, Asked, Service

RESERVED: Final = "aws:"
"""No key may begin so."""


async def add_tags_to_resource(service: Service, asked: Asked) -> Answer:
    """New values take the place of old ones."""
    resource = service.resource(asked["ResourceARN"])
    await service.gateway.life.tags.add(resource, tags_of(asked))
    return {"ResourceARN": asked["ResourceARN"]}


async def remove_tags_from_resource(service: Service, asked: Asked) -> Answer:
    """Keys that are not there are passed over."""
    resource = service.resource(asked["ResourceARN"])
    await service.gateway.life.tags.remove(resource, asked["TagKeys"])
    return {"ResourceARN": asked["ResourceARN"]}


async def list_tags_for_resource(service: Service, asked: Asked) -> Answer:
    """All of them, by key."""
    tags = await service.gateway.life.tags.list(service.resource(asked["ResourceARN"]))
    told, marker = page("tags", as_list(tags), asked, lambda tag: tag["Key"])
    return {"ResourceARN": asked["ResourceARN"], "Tags": told, **marker}


def tags_of(asked: Asked) -> dict[str, str]:
    """The tags of a request; a key that stands twice, or that is AWS's own, is refused."""
    tags: dict[str, str] = {}
    for tag in asked.get("Tags", ()):
        if tag["Key"].startswith(RESERVED) or tag["Key"] in tags:
            raise invalid_parameter(
                f"the tag {tag['Key']!r}: a key stands once, and does not begin with {RESERVED}"
            )
        tags[tag["Key"]] = tag["Value"]
    return tags


def as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
