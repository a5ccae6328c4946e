"""A KCL 3 application reads a stream through a split, as `POLLING` or as `FANOUT`; every record put must be handled.

Arguments: the way of reading, the folder of the KCL's wheel, the folder of DynamoDB Local, a folder for notes. The KCL
promises each record at least once; a record that was handled twice is counted, one that was not is a failure.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import boto3

WAY, WHEEL, TABLE = sys.argv[1:4]
NOTES = pathlib.Path(sys.argv[4]) / "notes.ndjson"
PROCESSOR = pathlib.Path(__file__).parent / "processor.py"
STREAM = "flights"
PATIENCE = 240

kinesis = boto3.client("kinesis")
NOTES.touch()
put = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(count):
    """Puts so many further records, each under a key of its own."""
    data = [f"record {len(put) + number}" for number in range(count)]
    answer = kinesis.put_records(StreamName=STREAM, Records=[{"PartitionKey": text, "Data": text.encode()} for text in data])
    assert answer["FailedRecordCount"] == 0, answer
    put.extend(data)


def notes():
    """What was noted so far; a line that is being written is read the next time."""
    whole = [line for line in NOTES.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole]


def wait_for(what, application, done):
    end = time.monotonic() + PATIENCE
    while not done(notes()):
        assert application.poll() is None, f"the application ended before {what}"
        assert time.monotonic() < end, f"{what} did not come: {len(put)} put, {len(notes())} notes"
        time.sleep(0.2)


def all_handled(found):
    return set(put) == {note["data"] for note in found if "data" in note}


def split_was_followed(found):
    ended = {note.get("ended") for note in found}
    begun = {note.get("begun") for note in found}
    return "shardId-000000000000" in ended and {"shardId-000000000002", "shardId-000000000003"} <= begun and all_handled(found)


def configured(table_port):
    """The file that a user of the KCL writes."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    settings = {
        "executableName": f"{sys.executable} {PROCESSOR}",
        "processingLanguage": "python/3",
        "streamName": STREAM,
        "applicationName": f"board-{WAY.lower()}",
        "AwsCredentialsProvider": "DefaultCredentialsProvider",
        "initialPositionInStream": "TRIM_HORIZON",
        "regionName": "us-east-1",
        "kinesisEndpoint": endpoint,
        "dynamoDBEndpoint": f"http://127.0.0.1:{table_port}",
        "metricsLevel": "NONE",
        "retrievalMode": WAY,
        "idleTimeBetweenReadsInMillis": 250,
        "shardSyncIntervalMillis": 1000,
        "parentShardPollIntervalMillis": 500,
        "failoverTimeMillis": 3000,
        "leasesRecoveryAuditorExecutionFrequencyMillis": 2000,
    }
    file = NOTES.with_name("board.properties")
    file.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    return file


def main():
    port = free_port()
    log = NOTES.with_name("log")
    environment = dict(os.environ, KCL_NOTES=str(NOTES), PYTHONPATH=WHEEL)
    table = ["java", f"-Djava.library.path={TABLE}", "-cp", f"{TABLE}/*"]
    table += ["com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-port", str(port)]
    daemon = ["java", "-cp", f"{WHEEL}/amazon_kclpy/jars/*", "software.amazon.kinesis.multilang.MultiLangDaemon"]
    daemon += ["--properties-file", str(configured(port))]
    kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    send(300)
    with log.open("w") as output:
        leases = subprocess.Popen(table, cwd=NOTES.parent, stdout=output, stderr=subprocess.STDOUT)
        application = subprocess.Popen(daemon, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for("the first records", application, all_handled)
            kinesis.split_shard(StreamName=STREAM, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**125))
            for _ in range(20):
                send(20)
            wait_for("the split and what was put through it", application, split_was_followed)
        except AssertionError:
            output.flush()
            print(log.read_text()[-8000:], file=sys.stderr)
            raise
        finally:
            application.kill()
            leases.kill()
    handled = [note["data"] for note in notes() if "data" in note]
    print(f"KCL, {WAY}: {len(put)} records put, {len(handled)} handled, none lost")


main()
