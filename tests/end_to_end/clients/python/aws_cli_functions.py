"""The AWS CLI (version 1) makes functions of zips, invokes them with their log, publishes, aliases and gives addresses, as a
person would by hand; handler files run as they are. Any surprise ends the program with a failed assertion."""

import base64
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import urllib.request
import zipfile

from awscli.clidriver import create_clidriver

ROLE = "arn:aws:iam::000000000000:role/r"
PYTHON = """
import json, os, urllib.request

def handler(event, context):
    print("told", event)
    with open("/tmp/n", "w") as file:
        file.write("kept in memory")
    if event.get("ask"):
        urllib.request.urlopen("http://no.example/")
    if event.get("boom"):
        raise ValueError("too much")
    return {"twice": 2 * event["n"], "name": context.function_name, "own": os.environ["OWN"], "arn": context.invoked_function_arn}
"""
JAVASCRIPT = """
const fs = require("fs");
exports.handler = async (event, context) => {
  console.log("told", JSON.stringify(event));
  fs.writeFileSync("/tmp/n", "kept in memory");
  if (event.boom) throw new RangeError("too much");
  return { twice: 2 * event.n, name: context.functionName, own: process.env.OWN, arn: context.invokedFunctionArn };
};
"""
work = pathlib.Path(tempfile.mkdtemp())


def aws(*arguments):
    """Runs one action; the answer as data, or what was said on standard error when it was refused."""
    answer, said = io.StringIO(), io.StringIO()
    # The CLI's own entry point, called here because each start of its program takes a second.
    with contextlib.redirect_stdout(answer), contextlib.redirect_stderr(said):
        code = create_clidriver().main(["lambda", *arguments, "--output", "json"])
    if code != 0:
        return said.getvalue()
    return json.loads(answer.getvalue()) if answer.getvalue() else None


def package(name, **files):
    path = work / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, contents in files.items():
            archive.writestr(file.replace("__", "."), contents)
    return f"fileb://{path}"


def create(name, runtime, handler, code, *more):
    made = aws("create-function", "--function-name", name, "--runtime", runtime, "--handler", handler, "--role", ROLE,
               "--zip-file", code, "--timeout", "20", *more)
    assert isinstance(made, dict), made
    assert made["State"] == "Active" and made["Handler"] == handler, made
    assert aws("wait", "function-active-v2", "--function-name", name) is None
    return made


def invoke(name, event, *more):
    out = work / "answer.json"
    said = aws("invoke", "--function-name", name, "--payload", json.dumps(event), "--log-type", "Tail", *more, str(out))
    assert isinstance(said, dict), said
    log = base64.b64decode(said["LogResult"]).decode()
    return json.loads(out.read_text()), log, said


component = pathlib.Path(sys.argv[1]).read_bytes()
create("made", "provided.al2023", "bootstrap", package("made", bootstrap=component))
answer, log, said = invoke("made", {"a": 1})
assert answer == {"echo": {"a": 1}} and said["ExecutedVersion"] == "$LATEST", (answer, said)
assert log.startswith("START RequestId: ") and "REPORT RequestId: " in log, log
assert aws("publish-version", "--function-name", "made", "--description", "first")["Version"] == "1"
updated = aws("update-function-code", "--function-name", "made", "--zip-file", package("again", bootstrap=component, README="x"))
assert updated["LastUpdateStatus"] == "Successful", updated
assert aws("wait", "function-updated-v2", "--function-name", "made") is None
assert aws("update-function-configuration", "--function-name", "made", "--memory-size", "256")["MemorySize"] == 256
assert aws("publish-version", "--function-name", "made")["Version"] == "2"
alias = aws("create-alias", "--function-name", "made", "--name", "live", "--function-version", "1")
assert alias["AliasArn"].endswith(":function:made:live"), alias
assert invoke("made", {}, "--qualifier", "live")[2]["ExecutedVersion"] == "1"
assert aws("update-alias", "--function-name", "made", "--name", "live", "--function-version", "2")["FunctionVersion"] == "2"
assert invoke("made:live", {})[2]["ExecutedVersion"] == "2"
assert len(aws("list-aliases", "--function-name", "made")["Aliases"]) == 1
queued = aws("invoke", "--function-name", "made", "--invocation-type", "Event", "--payload", "{}", str(work / "none"))
assert queued["StatusCode"] == 202, queued

made = aws("create-function-url-config", "--function-name", "made", "--auth-type", "NONE")
host = made["FunctionUrl"].removeprefix("http://").rstrip("/")
assert aws("get-function-url-config", "--function-name", "made")["FunctionUrl"] == made["FunctionUrl"]
assert len(aws("list-function-url-configs", "--function-name", "made")["FunctionUrlConfigs"]) == 1
# The name leads to this machine, as browsers and curl know by themselves.
asked = urllib.request.Request(f"http://127.0.0.1:{host.rsplit(':', 1)[1]}/a?b=c", headers={"host": host})
with urllib.request.urlopen(asked) as answered:
    event = json.load(answered)["echo"]
assert event["rawPath"] == "/a" and event["queryStringParameters"] == {"b": "c"}, event
assert aws("delete-function-url-config", "--function-name", "made") is None

languages = sys.argv[2:]
environment = ["--environment", "Variables={OWN=value}"]
if "python" in languages:
    create("py", "python3.13", "app.handler", package("py", app__py=PYTHON), *environment)
if "javascript" in languages:
    create("js", "nodejs22.x", "index.handler", package("js", index__js=JAVASCRIPT), *environment)
for name, kind in (("py", "ValueError"), ("js", "RangeError")):
    if aws("get-function", "--function-name", name).__class__ is str:
        continue
    answer, log, _ = invoke(name, {"n": 21})
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert answer == {"twice": 42, "name": name, "own": "value", "arn": arn}, answer
    assert "told" in log, log
    if name == "py":
        _, log, said = invoke(name, {"ask": 1})
        assert said["FunctionError"] == "Unhandled" and "`server.api_network` in triggers.yaml" in log, (said, log)
    answer, log, said = invoke(name, {"boom": 1})
    assert said["FunctionError"] == "Unhandled", said
    assert answer["errorType"] == kind and answer["errorMessage"] == "too much", answer

refusal = aws("get-function", "--function-name", "nowhere")
assert "(ResourceNotFoundException)" in refusal, refusal
names = [it["FunctionName"] for it in aws("list-functions")["Functions"]]
assert "made" in names, names
aws("delete-function", "--function-name", "made")
assert "(ResourceNotFoundException)" in aws("get-function", "--function-name", "made")
print("aws lambda: every action answered as expected")
