//! Files that are packed with a handler are read where it lies, and written nowhere: of a zip, of a folder, and beside a file that
//! `source` names. A language is tried where its toolchain is.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use serde_json::{Value, json};
use shardmill_end_to_end::Project;

type Files = [(&'static str, &'static str)];

const PYTHON: &Files = &[
    (
        "app.py",
        r#"
import errno, importlib.metadata, importlib.resources, json, os, pathlib, pkgutil, sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "vendored"))
import colours
import pkg

HERE = pathlib.Path(__file__).parent

def handler(event, context):
    if "boom" in event:
        return pkg.boom(event)
    with open(os.path.join(os.path.dirname(__file__), "d.json")) as file:
        beside = json.load(file)
    refused = []
    for how in (lambda: open(HERE / "d.json", "w"), lambda: os.mkdir(HERE / "new"), lambda: os.remove(HERE / "d.json")):
        try:
            how()
        except OSError as error:
            refused.append(errno.errorcode[error.errno])
    return {
        "beside": beside, "relative": open("d.json").read(), "cwd": os.getcwd(), "root": os.environ["LAMBDA_TASK_ROOT"],
        "text": importlib.resources.files("pkg").joinpath("texts/x.txt").read_text(),
        "data": pkgutil.get_data("pkg", "texts/x.txt").decode(), "names": sorted(os.listdir(HERE / "pkg" / "texts")),
        "refused": refused, "other": colours.RED, "handler": os.environ["_HANDLER"],
    }
"#,
    ),
    ("d.json", "{\"n\":1}"),
    (
        "pkg/__init__.py",
        "def boom(event):\n    return inner(event)\n\ndef inner(event):\n    return event['nope']\n",
    ),
    ("pkg/texts/x.txt", "text é"),
    ("vendored/colours.py", "RED = 'red'\n"),
];

const JAVASCRIPT: &Files = &[
    (
        "index.mjs",
        r"
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { boom, text } from './lib/own.cjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const refused = (call) => {
  try {
    call();
  } catch (error) {
    return error.code;
  }
};
export const handler = async (event) => {
  if (event.boom) boom();
  const address = JSON.parse(await fs.promises.readFile(new URL('./d.json', import.meta.url), 'utf8'));
  return {
    beside: JSON.parse(fs.readFileSync(path.join(here, 'd.json'), 'utf8')), relative: fs.readFileSync('d.json', 'utf8'),
    cwd: process.cwd(), root: process.env.LAMBDA_TASK_ROOT, text: text(), data: address, names: fs.readdirSync(`${here}/lib/texts`),
    refused: [() => fs.writeFileSync('d.json', ''), () => fs.mkdirSync('new'), () => fs.unlinkSync('d.json')].map(refused),
    other: fs.existsSync('none'), handler: process.env._HANDLER,
  };
};
",
    ),
    ("d.json", "{\"n\":1}"),
    (
        "lib/own.cjs",
        "const { readFileSync } = require('fs');
exports.text = () => readFileSync(require('path').join(__dirname, 'texts', 'x.txt'), 'utf8');
exports.boom = () => {
  throw new RangeError('too far');
};
",
    ),
    ("lib/texts/x.txt", "text é"),
];

fn expected(language: &str) -> Value {
    let (data, other, handler) = match language {
        "python" => (json!("text é"), json!("red"), "app.handler"),
        _ => (json!({ "n": 1 }), json!(false), "index.handler"),
    };
    json!({
        "beside": { "n": 1 }, "relative": "{\"n\":1}", "cwd": "/var/task", "root": "/var/task", "text": "text é", "data": data,
        "names": ["x.txt"], "refused": ["EROFS", "EROFS", "EROFS"], "other": other, "handler": handler,
    })
}

fn check((toolchain, language, runtime): (&str, &str, &str), files: &Files, boom: &Value) {
    if std::env::var_os(toolchain).is_none() {
        return;
    }
    let file = files.first().expect("a handler").0;
    let project = Project::new(&format!(
        "version: 1\nstreams: {{ a: {{}} }}\nfunctions:\n  by-file: {{ source: \"f/{file}:handler\", timeout: 60s }}\n  \
         by-folder: {{ source: f, timeout: 60s }}\n"
    ));
    for (name, text) in files {
        let path = project.folder().join("f").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(path, text).expect("it is written");
    }
    // What nobody names is not packed with a file.
    project.write("f/triggers.yaml", "");
    project.write("event.json", "{}");
    let server = project.up();
    for name in ["by-file", "by-folder"] {
        let answered = project.json(&["invoke", name, "--event", "event.json"]);
        assert_eq!(answered["answer"], expected(language), "{name}");
    }
    let module = file.split('.').next().expect("a module");
    let handler = json!({ "Handler": format!("{module}.handler") });
    server.create("zipped", runtime, files, &handler);
    let invoked = server.invoke("zipped", &[], &json!({}));
    assert_eq!(invoked.payload, expected(language));
    let mut failed = server.invoke("zipped", &[], &json!({ "boom": 1 })).payload;
    if failed["requestId"].take().is_null() {
        failed.as_object_mut().expect("members").remove("requestId");
    }
    assert_eq!(failed, *boom);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_python_handler_reads_what_was_packed_with_it() {
    let frames = [
        "  File \"/var/task/app.py\", line 11, in handler\n    return pkg.boom(event)\n           ~~~~~~~~^^^^^^^\n",
        "  File \"/var/task/pkg/__init__.py\", line 2, in boom\n    return inner(event)\n",
        "  File \"/var/task/pkg/__init__.py\", line 5, in inner\n    return event['nope']\n           ~~~~~^^^^^^^^\n",
    ];
    let boom = json!({ "errorMessage": "'nope'", "errorType": "KeyError", "requestId": null, "stackTrace": frames });
    let language = ("SHARDMILL_TEST_PYTHON", "python", "python3.12");
    check(language, PYTHON, &boom);
}

#[test]
fn a_javascript_handler_reads_what_was_packed_with_it() {
    let trace = [
        "RangeError: too far",
        "    at /var/task/lib/own.cjs:4",
        "    at /var/task/index.mjs:16",
        "    at handler (/var/task/index.mjs:15)",
    ];
    let boom = json!({ "errorType": "RangeError", "errorMessage": "too far", "trace": trace });
    let language = ("SHARDMILL_TEST_JAVASCRIPT", "javascript", "nodejs22.x");
    check(language, JAVASCRIPT, &boom);
}
