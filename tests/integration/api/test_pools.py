"""Custom pools, policies of automatic tape creation, and tags, through boto3."""

import asyncio

import pytest

from tests.api_client import ARN, GATEWAY, GIB, Served

SIZE = 100 * GIB
RULE = {
    "TapeBarcodePrefix": "AUTO",
    "PoolId": "DEEP_ARCHIVE",
    "TapeSizeInBytes": SIZE,
    "MinimumNumTapes": 3,
    "Worm": False,
}


async def pool(api: Served, name: str = "Seven years", **more: object) -> str:
    """The ARN of a new pool."""
    told = await api.call("CreateTapePool", PoolName=name, StorageClass="DEEP_ARCHIVE", **more)
    return str(told["PoolARN"])


async def test_list_tape_pools(api: Served) -> None:
    arn = await pool(api, RetentionLockType="COMPLIANCE", RetentionLockTimeInDays=2557)
    assert arn.startswith(f"{ARN}:tapepool/pool-")
    expected = {
        "PoolARN": arn,
        "PoolName": "Seven years",
        "StorageClass": "DEEP_ARCHIVE",
        "RetentionLockType": "COMPLIANCE",
        "RetentionLockTimeInDays": 2557,
        "PoolStatus": "ACTIVE",
    }
    assert await api.call("ListTapePools") == {"PoolInfos": [expected]}
    assert await api.call("ListTapePools", PoolARNs=[arn + "X"]) == {"PoolInfos": []}
    assert await api.call("DeleteTapePool", PoolARN=arn) == {"PoolARN": arn}
    assert await api.call("ListTapePools", PoolARNs=[arn]) == {
        "PoolInfos": [expected | {"PoolStatus": "DELETED"}]
    }


async def test_pools_in_pages(api: Served) -> None:
    made = {await pool(api, f"Pool {number}") for number in range(3)}

    def through() -> list[int]:
        pages = api.client.get_paginator("list_tape_pools").paginate(
            PaginationConfig={"PageSize": 2}
        )
        told = [[row["PoolARN"] for row in page["PoolInfos"]] for page in pages]
        assert {arn for page in told for arn in page} == made
        return [len(page) for page in told]

    assert await asyncio.to_thread(through) == [2, 1]


@pytest.mark.parametrize(
    "members",
    [
        {"RetentionLockType": "COMPLIANCE"},
        {"RetentionLockTimeInDays": 5},
        {"RetentionLockType": "GOVERNANCE", "RetentionLockTimeInDays": 36_501},
        {"PoolName": "a/b"},
        {"StorageClass": "STANDARD"},
    ],
)
async def test_a_pool_that_cannot_be(api: Served, members: dict[str, object]) -> None:
    request = {"PoolName": "Pool", "StorageClass": "GLACIER"} | members
    assert (await api.refused("CreateTapePool", **request))[0] == "InvalidParameters"


async def test_a_pool_in_use_is_not_deleted(api: Served) -> None:
    arn = await pool(api)
    await api.call(
        "CreateTapeWithBarcode",
        GatewayARN=GATEWAY,
        TapeSizeInBytes=SIZE,
        TapeBarcode="TAPE0001",
        PoolId=arn.rpartition("/")[2],
    )
    refusal = await api.refused("DeleteTapePool", PoolARN=arn)
    assert refusal[0] == "OperationAborted"
    for nowhere in (f"{ARN}:tapepool/pool-nowhere", f"{ARN}:nothing/pool-nowhere"):
        refusal = await api.refused("DeleteTapePool", PoolARN=nowhere)
        assert refusal[0] == "InvalidParameters"


async def test_a_tape_of_the_library_goes_to_another_pool(api: Served) -> None:
    pool_id = (await pool(api)).rpartition("/")[2]
    made = await api.call(
        "CreateTapeWithBarcode", GatewayARN=GATEWAY, TapeSizeInBytes=SIZE, TapeBarcode="TAPE0001"
    )
    assert await api.call("AssignTapePool", PoolId=pool_id, **made) == made
    (told,) = (await api.call("DescribeTapes", GatewayARN=GATEWAY))["Tapes"]
    assert told["PoolId"] == pool_id


async def test_a_policy_of_automatic_tape_creation(api: Served) -> None:
    assert await api.call("ListAutomaticTapeCreationPolicies") == {
        "AutomaticTapeCreationPolicyInfos": []
    }
    asked = {"GatewayARN": GATEWAY, "AutomaticTapeCreationRules": [RULE]}
    told = await api.call("UpdateAutomaticTapeCreationPolicy", **asked)
    assert told == {"GatewayARN": GATEWAY}
    for members in ({}, {"GatewayARN": GATEWAY}):
        assert await api.call("ListAutomaticTapeCreationPolicies", **members) == {
            "AutomaticTapeCreationPolicyInfos": [asked]
        }
    deleting = {"GatewayARN": GATEWAY}
    assert await api.call("DeleteAutomaticTapeCreationPolicy", **deleting) == deleting
    refusal = await api.refused("DeleteAutomaticTapeCreationPolicy", **deleting)
    assert refusal[0] == "InvalidParameters"


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [RULE] * 2,
        [RULE | {"MinimumNumTapes": 11}],
        [RULE | {"TapeSizeInBytes": SIZE + 1}],
        [RULE | {"PoolId": "pool-nowhere"}],
        [RULE | {"TapeBarcodePrefix": "TOOLONG"}],
    ],
)
async def test_a_policy_that_cannot_be(api: Served, rules: list[dict[str, object]]) -> None:
    refusal = await api.refused(
        "UpdateAutomaticTapeCreationPolicy", GatewayARN=GATEWAY, AutomaticTapeCreationRules=rules
    )
    assert refusal[0] == "InvalidParameters"


async def test_tags_of_gateway_tapes_and_pools(api: Served) -> None:
    tags = [{"Key": "Größe", "Value": "100 GiB"}, {"Key": "owner", "Value": ""}]
    tape = await api.call(
        "CreateTapeWithBarcode",
        GatewayARN=GATEWAY,
        TapeSizeInBytes=SIZE,
        TapeBarcode="TAPE0001",
        Tags=tags,
    )
    resources = (tape["TapeARN"], await pool(api, Tags=tags), GATEWAY)
    added = {"ResourceARN": GATEWAY, "Tags": tags}
    assert await api.call("AddTagsToResource", **added) == {"ResourceARN": GATEWAY}
    for arn in resources:
        told = await api.call("ListTagsForResource", ResourceARN=arn)
        assert told == {"ResourceARN": arn, "Tags": tags}
        removed = {"ResourceARN": arn, "TagKeys": ["Größe", "nothing"]}
        assert await api.call("RemoveTagsFromResource", **removed) == {"ResourceARN": arn}
        told = await api.call("ListTagsForResource", ResourceARN=arn)
        assert told == {"ResourceARN": arn, "Tags": tags[1:]}
    told = await api.call("DescribeGatewayInformation", GatewayARN=GATEWAY)
    assert told["Tags"] == tags[1:]


async def test_tags_in_pages(api: Served) -> None:
    tags = [{"Key": f"key{number}", "Value": "x"} for number in range(5)]
    await api.call("AddTagsToResource", ResourceARN=GATEWAY, Tags=tags)

    def through() -> list[int]:
        pages = api.client.get_paginator("list_tags_for_resource").paginate(
            ResourceARN=GATEWAY, PaginationConfig={"PageSize": 2}
        )
        return [len(page["Tags"]) for page in pages]

    assert await asyncio.to_thread(through) == [2, 2, 1]


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "aws:mine", "Value": "x"}],
        [{"Key": "twice", "Value": "1"}, {"Key": "twice", "Value": "2"}],
        [{"Key": f"key{number}", "Value": "x"} for number in range(51)],
        [{"Key": "tab\t", "Value": "x"}],
    ],
)
async def test_tags_that_cannot_be(api: Served, tags: list[dict[str, str]]) -> None:
    refusal = await api.refused("AddTagsToResource", ResourceARN=GATEWAY, Tags=tags)
    assert refusal[0] == "InvalidParameters"


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{ARN}:tape/NOTHERE1", "TapeCartridgeNotFound"),
        (f"{ARN}:tapepool/pool-nowhere", "InvalidParameters"),
        (GATEWAY + "X", "InvalidParameters"),
        ("x" * 60, "InvalidParameters"),
    ],
)
async def test_what_is_not_there_has_no_tags(api: Served, arn: str, code: str) -> None:
    refusal = await api.refused("ListTagsForResource", ResourceARN=arn)
    assert refusal[0] == code
