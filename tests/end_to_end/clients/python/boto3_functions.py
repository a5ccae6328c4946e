"""boto3 makes a function of a zip, changes, publishes, aliases, invokes and deletes it, and is refused in AWS's words."""

import base64
import io
import json
import sys
import urllib.request
import zipfile

import boto3
from botocore.exceptions import ClientError

client = boto3.client("lambda")
ROLE = "arn:aws:iam::000000000000:role/r"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:made"


def refused(call, code, text, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
        return error.response
    raise AssertionError(f"{code} was expected")


def zipped(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in files.items():
            archive.writestr(name, contents)
    return packed.getvalue()


def by_cargo_lambda(function):
    """As `cargo lambda build --output-format zip` lays it out: what its `include` names, then the function, with their modes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, mode, contents in [("data/", 0o40755, b""), ("data/a.txt", 0o100644, b"x"), ("bootstrap", 0o100755, function)]:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith("/") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents)
    return packed.getvalue()


component = open(sys.argv[1], "rb").read()
package = zipped(bootstrap=component)
made = client.create_function(
    FunctionName="made", Runtime="provided.al2023", Handler="bootstrap", Role=ROLE,
    Code={"ZipFile": package}, Timeout=5, Tags={"team": "x"},
)
assert made["FunctionArn"] == ARN and made["State"] == "Active", made
assert made["CodeSize"] == len(package), made
client.get_waiter("function_active_v2").wait(FunctionName="made")
refused(client.create_function, "ResourceConflictException", "Function already exist: made",
        FunctionName="made", Runtime="provided.al2023", Handler="bootstrap", Role=ROLE, Code={"ZipFile": package})

answer = client.invoke(FunctionName="made", Payload=b'{"a": 1}', LogType="Tail")
assert answer["ExecutedVersion"] == "$LATEST" and "FunctionError" not in answer, answer
assert json.loads(answer["Payload"].read()) == {"echo": {"a": 1}}
log = base64.b64decode(answer["LogResult"]).decode()
assert log.startswith("START RequestId: ") and "REPORT RequestId: " in log, log
assert "Init Duration: " in log and log.count("REPORT ") == 1, log
streamed = list(client.invoke_with_response_stream(FunctionName="made", Payload=b'{"a": 1}', LogType="Tail")["EventStream"])
assert json.loads(streamed[0]["PayloadChunk"]["Payload"]) == {"echo": {"a": 1}}, streamed
assert b"REPORT " in base64.b64decode(streamed[1]["InvokeComplete"]["LogResult"]) and len(streamed) == 2, streamed
assert client.invoke(FunctionName="made", InvocationType="DryRun")["StatusCode"] == 204
assert client.invoke(FunctionName="made", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202

first = client.publish_version(FunctionName="made")
assert first["Version"] == "1" and client.publish_version(FunctionName="made")["Version"] == "1"
changed = client.update_function_configuration(FunctionName="made", Timeout=9)
assert changed["Timeout"] == 9 and changed["CodeSha256"] == made["CodeSha256"], changed
assert client.publish_version(FunctionName="made")["Version"] == "2"
assert [it["Version"] for it in client.list_versions_by_function(FunctionName="made")["Versions"]] == ["$LATEST", "1", "2"]
pages = client.get_paginator("list_versions_by_function").paginate(FunctionName="made", PaginationConfig={"PageSize": 1})
assert [[it["Version"] for it in page["Versions"]] for page in pages] == [["$LATEST"], ["1"], ["2"]]
pages = client.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 1})
listed = [it["FunctionArn"].rsplit("function:")[1] for page in pages for it in page["Functions"]]
assert listed == ["echo:$LATEST", "echo:1", "made:$LATEST", "made:1", "made:2"], listed
client.create_alias(FunctionName="made", Name="live", FunctionVersion="1",
                    RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
ran = {client.invoke(FunctionName="made", Qualifier="live", Payload=b"1")["ExecutedVersion"] for _ in range(64)}
assert ran == {"1", "2"}, ran
client.update_alias(FunctionName="made", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {}})
assert client.invoke(FunctionName="made:live", Payload=b"1")["ExecutedVersion"] == "1"
refused(client.get_alias, "ResourceNotFoundException", "Cannot find alias arn", FunctionName="made", Name="none")

client.put_function_concurrency(FunctionName="made", ReservedConcurrentExecutions=0)
busy = refused(client.invoke, "TooManyRequestsException", "Rate Exceeded.", FunctionName="made")
assert busy["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded", busy
client.delete_function_concurrency(FunctionName="made")

client.put_function_event_invoke_config(FunctionName="made", MaximumRetryAttempts=0)
assert client.get_function_event_invoke_config(FunctionName="made")["MaximumRetryAttempts"] == 0
client.add_permission(FunctionName="made", StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
assert "s3.amazonaws.com" in client.get_policy(FunctionName="made")["Policy"]
client.tag_resource(Resource=ARN, Tags={"stage": "test"})
assert client.list_tags(Resource=ARN)["Tags"] == {"team": "x", "stage": "test"}

only = "This operation is permitted on Lambda functions only."
for call, arguments in [
    (client.update_function_configuration, {"FunctionName": "made:1", "Timeout": 1}),
    (client.update_function_code, {"FunctionName": "made:1", "ZipFile": package}),
    (client.put_function_concurrency, {"FunctionName": "made:live", "ReservedConcurrentExecutions": 1}),
    (client.publish_version, {"FunctionName": "made:1"}),
]:
    refused(call, "InvalidParameterValueException", only, **arguments)
refused(client.tag_resource, "InvalidParameterValueException", "Please specify a function ARN.", Resource=f"{ARN}:1", Tags={"a": "b"})
refused(client.remove_permission, "PreconditionFailedException", "Revision Id", FunctionName="made", StatementId="s", RevisionId="zz")
refused(client.add_permission, "InvalidParameterValueException", "The provided principal was invalid.",
        FunctionName="made", StatementId="t", Action="lambda:InvokeFunction", Principal="foo.bar")
url = {"FunctionName": "made", "Qualifier": "live"}
client.create_function_url_config(AuthType="NONE", **url)
client.delete_alias(FunctionName="made", Name="live")
assert client.list_function_url_configs(FunctionName="made")["FunctionUrlConfigs"] == []
client.create_alias(FunctionName="made", Name="live", FunctionVersion="1")
refused(client.get_function_url_config, "ResourceNotFoundException", "does not exist", **url)
large = client.update_function_configuration(FunctionName="made", MemorySize=2048)
assert "1024 MB of memory" in large["ResponseMetadata"]["HTTPHeaders"]["x-shardmill-hint"], large

for code, text in [
    (b"no zip", "Could not unzip uploaded file"),
    (zipped(bootstrap=b"\x7fELF"), "program for one machine"),
    (zipped(bootstrap=b"\0asm\x01\0\0\0"), "does not run here"),
    (zipped(**{"../out": b""}), "Could not unzip uploaded file"),
    (zipped(zeros=b"\0" * 270_000_000), "Unzipped size must be smaller than 262144000 bytes"),
]:
    refused(client.create_function, "InvalidParameterValueException", text,
            FunctionName="bad", Runtime="provided.al2023", Handler="bootstrap", Role=ROLE, Code={"ZipFile": code})
refused(client.update_function_code, "ResourceConflictException", "triggers.yaml", FunctionName="echo", ZipFile=package)
assert client.invoke(FunctionName="echo", Payload=b"2")["ExecutedVersion"] == "1"
of_file = client.get_function(FunctionName="echo")
assert of_file["Configuration"]["Version"] == "$LATEST", of_file
assert urllib.request.urlopen(of_file["Code"]["Location"]).read() == component

refused(client.create_function, "InvalidParameterValueException", "program for one machine",
        FunctionName="crate", Runtime="provided.al2023", Handler="bootstrap", Role=ROLE, Code={"ZipFile": by_cargo_lambda(b"\x7fELF")})
client.create_function(FunctionName="crate", Runtime="provided.al2023", Handler="bootstrap", Role=ROLE, Architectures=["arm64"],
                       Code={"ZipFile": by_cargo_lambda(component)})
assert json.loads(client.invoke(FunctionName="crate", Payload=b"3")["Payload"].read()) == {"echo": 3}
client.delete_function(FunctionName="crate")

names = [it["FunctionName"] for it in client.list_functions()["Functions"]]
assert names == ["echo", "made"], names
client.delete_function(FunctionName="made", Qualifier="2")
client.delete_function(FunctionName="made")
refused(client.get_function, "ResourceNotFoundException", f"Function not found: {ARN}", FunctionName="made")
again = client.create_function(FunctionName="made", Runtime="provided.al2023", Handler="bootstrap", Role=ROLE,
                               Code={"ZipFile": package}, Publish=True)
assert again["Version"] == "3", again
client.delete_function(FunctionName="made")
