"""The AWS CLI (version 1, as PyPI has it) drives every served action once; any surprise ends the program with a failed assertion."""

import contextlib
import io
import json
import pathlib
import subprocess
import sys

from awscli.clidriver import create_clidriver

AWS = pathlib.Path(sys.executable).parent / "aws"


def aws(*arguments):
    """Runs one action; the answer as data, or what was said on standard error when it was refused."""
    answer, said = io.StringIO(), io.StringIO()
    # The CLI's own entry point, called here because each start of its program takes a second.
    with contextlib.redirect_stdout(answer), contextlib.redirect_stderr(said):
        code = create_clidriver().main(["kinesis", *arguments, "--output", "json"])
    if code != 0:
        return said.getvalue()
    return json.loads(answer.getvalue()) if answer.getvalue() else None


program = subprocess.run([AWS, "kinesis", "list-streams"], capture_output=True, text=True, timeout=60, check=True)
assert "flights" in program.stdout, program.stdout
assert aws("list-streams")["StreamNames"] == ["flights"]
aws("create-stream", "--stream-name", "numbers", "--shard-count", "2")

put = aws("put-record", "--stream-name", "flights", "--partition-key", "JFK", "--data", "late")
many = aws("put-records", "--stream-name", "flights", "--records", "Data=a,PartitionKey=JFK", "Data=b,PartitionKey=JFK")
assert many["FailedRecordCount"] == 0, many
iterator = aws(
    "get-shard-iterator",
    *["--stream-name", "flights", "--shard-id", put["ShardId"]],
    *["--shard-iterator-type", "AT_SEQUENCE_NUMBER", "--starting-sequence-number", put["SequenceNumber"]],
)["ShardIterator"]
records = aws("get-records", "--shard-iterator", iterator)["Records"]
assert [record["Data"] for record in records] == ["bGF0ZQ==", "YQ==", "Yg=="], records

# Looked for only now, when it is there: the CLI would wait ten seconds before it looks again.
assert aws("wait", "stream-exists", "--stream-name", "numbers") is None
described = aws("describe-stream", "--stream-name", "numbers")["StreamDescription"]
assert described["StreamStatus"] == "ACTIVE" and len(described["Shards"]) == 2, described
summary = aws("describe-stream-summary", "--stream-name", "numbers")["StreamDescriptionSummary"]
assert summary["OpenShardCount"] == 2, summary
assert len(aws("list-shards", "--stream-name", "numbers")["Shards"]) == 2

refusal = aws("describe-stream", "--stream-name", "nowhere")
assert "(ResourceNotFoundException)" in refusal and "Stream nowhere under account 000000000000 not found." in refusal, refusal
aws("delete-stream", "--stream-name", "numbers")
print("aws: every action answered as expected")
