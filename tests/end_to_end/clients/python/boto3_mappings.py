"""boto3 makes, changes, tags, lists and deletes an event source mapping, and is refused in AWS's words."""

import boto3
from botocore.exceptions import ClientError

STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/in"
client = boto3.client("lambda")


def refused(call, code, text, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
        return
    raise AssertionError(f"{code} was expected")


created = client.create_event_source_mapping(
    EventSourceArn=STREAM,
    FunctionName="echo",
    StartingPosition="TRIM_HORIZON",
    BatchSize=10,
    MaximumRetryAttempts=2,
    FilterCriteria={"Filters": [{"Pattern": '{"data":{"kind":["late"]}}'}]},
    Tags={"team": "ops"},
)
uuid, arn = created["UUID"], created["EventSourceMappingArn"]
assert created["State"] == "Creating", created
assert created["LastModified"].year > 2000

got = client.get_event_source_mapping(UUID=uuid)
assert got["State"] == "Enabled" and got["BatchSize"] == 10, got

changed = client.update_event_source_mapping(UUID=uuid, Enabled=False, FilterCriteria={})
assert changed["State"] == "Disabling" and "FilterCriteria" not in changed, changed
assert client.list_tags(Resource=arn)["Tags"] == {"team": "ops"}
client.tag_resource(Resource=arn, Tags={"stage": "test"})
client.untag_resource(Resource=arn, TagKeys=["team"])
assert client.list_tags(Resource=arn)["Tags"] == {"stage": "test"}

pages = client.get_paginator("list_event_source_mappings").paginate(FunctionName="echo")
assert uuid in [mapping["UUID"] for page in pages for mapping in page["EventSourceMappings"]]

refused(
    client.create_event_source_mapping,
    "ResourceConflictException",
    f"existing mapping with UUID {uuid}",
    EventSourceArn=STREAM,
    FunctionName="echo",
    StartingPosition="LATEST",
)
refused(
    client.create_event_source_mapping,
    "InvalidParameterValueException",
    "Function does not exist",
    EventSourceArn=STREAM,
    FunctionName="nobody",
    StartingPosition="LATEST",
)
deleted = client.delete_event_source_mapping(UUID=uuid)
assert deleted["State"] == "Deleting", deleted
refused(
    client.get_event_source_mapping,
    "ResourceNotFoundException",
    "The resource you requested does not exist.",
    UUID=uuid,
)
