"""The calls that Terraform's provider for AWS makes for aws_lambda_function, _permission, _alias, _function_url,
_function_event_invoke_config and _event_source_mapping: create, read, refresh, update, destroy. It asks for much that a function
here does not have; every answer must have the shape of AWS's, or the provider stops."""

import io
import json
import sys
import zipfile

import boto3
from botocore.exceptions import ClientError

client = boto3.client("lambda")
kinesis = boto3.client("kinesis")
NAME = "planned"
ROLE = "arn:aws:iam::000000000000:role/r"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"


def missing(call, code="ResourceNotFoundException", **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise AssertionError(f"{code} was expected")


def package(name):
    """As cargo-lambda, SAM and Terraform's archive_file write it: one file, executable, deflated."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        file = zipfile.ZipInfo(name)
        file.external_attr = 0o100755 << 16
        file.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(file, open(sys.argv[1], "rb").read())
    return packed.getvalue()


def read():
    """What a refresh asks for."""
    function = client.get_function(FunctionName=NAME)
    configuration = function["Configuration"]
    assert configuration["State"] == "Active" and configuration["LastUpdateStatus"] == "Successful", configuration
    for member in ["FunctionArn", "Role", "Handler", "Runtime", "Timeout", "MemorySize", "CodeSha256", "CodeSize", "Description",
                   "LastModified", "PackageType", "Architectures", "EphemeralStorage", "TracingConfig", "Version", "RevisionId"]:
        assert member in configuration, member
    assert function["Code"]["RepositoryType"] == "S3" and function["Code"]["Location"], function["Code"]
    signing = client.get_function_code_signing_config(FunctionName=NAME)
    assert "CodeSigningConfigArn" not in signing and signing["FunctionName"] == NAME, signing
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=NAME, PaginationConfig={"PageSize": 10000})
    versions = [it["Version"] for page in pages for it in page["Versions"]]
    assert versions[0] == "$LATEST", versions
    assert client.get_runtime_management_config(FunctionName=NAME)["UpdateRuntimeOn"] == "Auto"
    assert client.get_function_recursion_config(FunctionName=NAME)["RecursiveLoop"] == "Terminate"
    return function, versions


missing(client.get_function, FunctionName=NAME)
client.create_function(
    FunctionName=NAME, Role=ROLE, Handler="bootstrap", Runtime="provided.al2023", Code={"ZipFile": package("bootstrap")}, Timeout=3,
    MemorySize=128, Publish=True, PackageType="Zip", Architectures=["x86_64"], EphemeralStorage={"Size": 512}, Description="",
    TracingConfig={"Mode": "PassThrough"}, LoggingConfig={"LogFormat": "Text", "LogGroup": f"/aws/lambda/{NAME}"},
    Environment={"Variables": {"STAGE": "test"}}, Tags={"team": "x"},
)
client.get_waiter("function_active_v2").wait(FunctionName=NAME)
function, versions = read()
assert versions == ["$LATEST", "1"] and function["Tags"] == {"team": "x"}, (versions, function)

client.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=5)
assert client.get_function(FunctionName=NAME)["Concurrency"]["ReservedConcurrentExecutions"] == 5
client.delete_function_concurrency(FunctionName=NAME)
client.update_function_configuration(FunctionName=NAME, Timeout=9, Description="changed")
client.get_waiter("function_updated_v2").wait(FunctionName=NAME)
client.update_function_code(FunctionName=NAME, ZipFile=package("bootstrap"), Architectures=["x86_64"], Publish=False)
client.get_waiter("function_updated_v2").wait(FunctionName=NAME)
assert client.publish_version(FunctionName=NAME)["Version"] == "2"
client.tag_resource(Resource=ARN, Tags={"stage": "test"})
client.untag_resource(Resource=ARN, TagKeys=["team"])
assert client.list_tags(Resource=ARN)["Tags"] == {"stage": "test"}
assert read()[0]["Configuration"]["Timeout"] == 9

missing(client.get_policy, FunctionName=NAME)
for sid, more in [("url", {"FunctionUrlAuthType": "NONE"}), ("via", {"InvokedViaFunctionUrl": True}),
                  ("bucket", {"SourceArn": "arn:aws:s3:::b", "SourceAccount": "000000000000"})]:
    action = "lambda:InvokeFunctionUrl" if sid == "url" else "lambda:InvokeFunction"
    client.add_permission(FunctionName=NAME, StatementId=sid, Action=action, Principal="s3.amazonaws.com" if sid == "bucket" else "*", **more)
statements = json.loads(client.get_policy(FunctionName=NAME)["Policy"])["Statement"]
assert [it["Sid"] for it in statements] == ["url", "via", "bucket"], statements
assert statements[1]["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}, statements
for sid in ["url", "via", "bucket"]:
    client.remove_permission(FunctionName=NAME, StatementId=sid)
missing(client.get_policy, FunctionName=NAME)

client.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1", Description="")
assert client.get_alias(FunctionName=NAME, Name="live")["FunctionVersion"] == "1"
client.update_alias(FunctionName=NAME, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}})
client.create_function_url_config(FunctionName=NAME, Qualifier="live", AuthType="NONE", InvokeMode="BUFFERED")
assert client.get_function_url_config(FunctionName=NAME, Qualifier="live")["AuthType"] == "NONE"
client.delete_function_url_config(FunctionName=NAME, Qualifier="live")
client.put_function_event_invoke_config(FunctionName=NAME, Qualifier="live", MaximumRetryAttempts=1, DestinationConfig={})
assert client.get_function_event_invoke_config(FunctionName=NAME, Qualifier="live")["MaximumRetryAttempts"] == 1
client.delete_function_event_invoke_config(FunctionName=NAME, Qualifier="live")
missing(client.get_provisioned_concurrency_config, "ProvisionedConcurrencyConfigNotFoundException", FunctionName=NAME, Qualifier="live")
missing(client.put_provisioned_concurrency_config, "InvalidParameterValueException", FunctionName=NAME, Qualifier="live",
        ProvisionedConcurrentExecutions=1)

kinesis.create_stream(StreamName="planned", ShardCount=1)
stream = kinesis.describe_stream_summary(StreamName="planned")["StreamDescriptionSummary"]["StreamARN"]
mapping = client.create_event_source_mapping(
    FunctionName=ARN, EventSourceArn=stream, StartingPosition="LATEST", BatchSize=100, Enabled=True,
    FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=3, BisectBatchOnFunctionError=True, Tags={"team": "x"},
)
uuid = mapping["UUID"]
shown = client.get_event_source_mapping(UUID=uuid)
for member in ["State", "StateTransitionReason", "LastModified", "LastProcessingResult", "EventSourceMappingArn", "FunctionArn", "BatchSize",
               "MaximumBatchingWindowInSeconds", "ParallelizationFactor", "MaximumRecordAgeInSeconds", "TumblingWindowInSeconds",
               "DestinationConfig", "StartingPosition"]:
    assert member in shown, (member, shown)
assert client.list_tags(Resource=shown["EventSourceMappingArn"])["Tags"] == {"team": "x"}
client.update_event_source_mapping(UUID=uuid, FunctionName=NAME, BatchSize=50, Enabled=True)
assert client.get_event_source_mapping(UUID=uuid)["BatchSize"] == 50
client.delete_event_source_mapping(UUID=uuid)
for _ in range(200):
    try:
        assert client.get_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException", error
        break
else:
    raise AssertionError("the mapping is still there")

# What is not here has AWS's shapes all the same.
assert client.list_layers()["Layers"] == [] and client.list_layer_versions(LayerName="l")["LayerVersions"] == []
missing(client.get_layer_version, LayerName="l", VersionNumber=1)
missing(client.publish_layer_version, "InvalidParameterValueException", LayerName="l", Content={"ZipFile": b"x"})
assert client.list_code_signing_configs()["CodeSigningConfigs"] == []
client.delete_function_code_signing_config(FunctionName=NAME)
missing(client.put_function_code_signing_config, "CodeSigningConfigNotFoundException", FunctionName=NAME,
        CodeSigningConfigArn="arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0")
client.put_function_recursion_config(FunctionName=NAME, RecursiveLoop="Allow")
assert client.get_function_recursion_config(FunctionName=NAME)["RecursiveLoop"] == "Allow"
client.put_runtime_management_config(FunctionName=NAME, UpdateRuntimeOn="FunctionUpdate")
assert client.get_runtime_management_config(FunctionName=NAME)["UpdateRuntimeOn"] == "FunctionUpdate"
assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000

client.delete_alias(FunctionName=NAME, Name="live")
client.delete_function(FunctionName=NAME)
missing(client.get_function, FunctionName=NAME)
