//! A project from a SAM template: its functions, their stream events, schedules and routes, and the streams it makes. What the
//! template has and this program does not run is named. Code is found by looking at the folder; nothing is run or changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Plan, allowed, tags::plain};
use crate::failure::{Exit, Failure};

pub(super) fn plan(text: &str, code: &str, beside: &Path) -> Result<Plan, Failure> {
    let template: Value = serde_saphyr::from_str(&plain(text)).map_err(|error| {
        let message = format!("read the SAM template: {error}");
        Failure::new(Exit::CheckFailed, message)
    })?;
    let Some(resources) = template["Resources"].as_object() else {
        let message = "read the SAM template: it has no `Resources`";
        return Err(Failure::new(Exit::CheckFailed, message)
            .hint("`--from` takes a SAM or CloudFormation template, or a handler file"));
    };
    let mut made = Made {
        globals: &template["Globals"]["Function"],
        code,
        beside,
        streams: BTreeMap::new(),
        called: BTreeMap::new(),
        functions: BTreeMap::new(),
        triggers: BTreeMap::new(),
        plan: Plan::default(),
    };
    for (name, resource) in resources {
        made.stream(name, resource);
    }
    for (name, resource) in resources {
        made.resource(name, resource);
    }
    if made.functions.is_empty() {
        let message =
            "read the SAM template: it has no function whose code is here and can run in a sandbox";
        let why = made.plan.left_out.join("; ");
        return Err(Failure::new(Exit::CheckFailed, message)
            .hint_of(Some(why).filter(|why| !why.is_empty())));
    }
    let triggers = made.text();
    let mut plan = made.plan;
    plan.files.push(("triggers.yaml".to_owned(), triggers));
    Ok(plan)
}

struct Made<'a> {
    globals: &'a Value,
    code: &'a str,
    beside: &'a Path,
    streams: BTreeMap<String, Value>,
    /// What streams are called that have another name than their resources.
    called: BTreeMap<String, String>,
    functions: BTreeMap<String, Value>,
    triggers: BTreeMap<String, Value>,
    plan: Plan,
}

impl Made<'_> {
    fn left_out(&mut self, what: &str, why: &str) {
        self.plan.left_out.push(format!("{what}: {why}"));
    }

    fn stream(&mut self, name: &str, resource: &Value) {
        if resource["Type"] != "AWS::Kinesis::Stream" {
            return;
        }
        let properties = &resource["Properties"];
        let mut stream = json!({"shards": number(&properties["ShardCount"]).unwrap_or(1)});
        if let Some(hours) = number(&properties["RetentionPeriodHours"]) {
            stream["retention"] = format!("{hours}h").into();
        }
        if properties["StreamModeDetails"]["StreamMode"] == "ON_DEMAND" {
            stream = json!({"capacity": "on-demand"});
        }
        let shown = properties["Name"].as_str().unwrap_or(name);
        self.streams.insert(allowed(shown), stream);
        if shown != name {
            // Events name it by its resource.
            self.called.insert(name.to_owned(), allowed(shown));
            self.plan.found.push(format!("stream {shown}: {name}"));
        }
    }

    fn resource(&mut self, name: &str, resource: &Value) {
        let properties = &resource["Properties"];
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => {
                self.function(name, properties, &resource["Metadata"]);
            }
            "AWS::Lambda::EventSourceMapping" => {
                let function = named(&properties["FunctionName"]);
                self.kinesis(
                    &allowed(name),
                    &function,
                    properties,
                    &properties["EventSourceArn"],
                );
            }
            _ => {}
        }
    }

    fn function(&mut self, name: &str, own: &Value, metadata: &Value) {
        let of = |key: &str| {
            let own = &own[key];
            if own.is_null() {
                &self.globals[key]
            } else {
                own
            }
        };
        let source = match self.source(of("Runtime"), of("Handler"), of("CodeUri"), metadata) {
            Ok(source) => source,
            Err(why) => return self.left_out(&format!("function {name}"), &why),
        };
        let mut function = json!({"source": source});
        if let Some(memory) = number(of("MemorySize")) {
            function["memory"] = format!("{memory}MiB").into();
        }
        if let Some(timeout) = number(of("Timeout")) {
            function["timeout"] = format!("{timeout}s").into();
        }
        let mut env = Map::new();
        for variables in [
            &self.globals["Environment"]["Variables"],
            &own["Environment"]["Variables"],
        ] {
            for (name, value) in variables.as_object().into_iter().flatten() {
                env.insert(name.clone(), variable(name, value));
            }
        }
        if !env.is_empty() {
            function["env"] = Value::Object(env);
        }
        let shown = allowed(name);
        self.plan.found.push(format!("function {shown}: {source}"));
        self.functions.insert(shown.clone(), function);
        for (event, about) in own["Events"].as_object().into_iter().flatten() {
            self.event(&shown, event, about);
        }
    }

    /// Where its code is, or why it cannot run here.
    fn source(
        &self,
        runtime: &Value,
        handler: &Value,
        uri: &Value,
        metadata: &Value,
    ) -> Result<String, String> {
        let runtime = runtime.as_str().unwrap_or_default();
        let folder = uri
            .as_str()
            .unwrap_or(".")
            .trim_start_matches("./")
            .trim_end_matches('/');
        let folder = if matches!(folder, "" | ".") {
            String::new()
        } else {
            format!("{folder}/")
        };
        let there = |path: &str| self.beside.join(path).is_file();
        let placed = |path: &str| format!("{}{path}", self.code);
        if uri.is_object() {
            return Err("its code is not in a folder".to_owned());
        }
        let Some((file, function)) = handler
            .as_str()
            .and_then(|handler| handler.rsplit_once('.'))
        else {
            return self.program(runtime, &folder, metadata);
        };
        let endings: &[&str] = if runtime.starts_with("python") {
            &["py"]
        } else if runtime.starts_with("nodejs") {
            &["mjs", "js", "cjs", "ts", "mts"]
        } else {
            return self.program(runtime, &folder, metadata);
        };
        let module = file.replace('.', "/");
        if endings == ["py"] && module.contains('/') && there(&format!("{folder}{module}.py")) {
            // What a package imports lies from the folder on, as on Lambda.
            let root = placed(folder.trim_end_matches('/'));
            let root = if root.is_empty() { "." } else { root.as_str() };
            return Ok(format!("{root}:{file}.{function}"));
        }
        let found = endings
            .iter()
            .map(|ending| format!("{folder}{file}.{ending}"))
            .find(|path| there(path));
        match found {
            Some(path) => Ok(format!("{}:{function}", placed(&path))),
            None => Err(format!("{folder}{file}.{} is not there", endings.join("|"))),
        }
    }

    /// A runtime that runs what a compiler made.
    fn program(&self, runtime: &str, folder: &str, metadata: &Value) -> Result<String, String> {
        let has = |file: &str| self.beside.join(folder).join(file).is_file();
        let method = metadata["BuildMethod"].as_str().unwrap_or_default();
        if has("go.mod") || has("Cargo.toml") {
            return Err(format!(
                "{}{folder} is a program for Lambda's runtime API ({}): write its handler with an SDK of ours, or as a command that reads the event from standard input",
                self.code,
                if method.is_empty() { runtime } else { method },
            ));
        }
        let runtime = if runtime.is_empty() {
            "its package type"
        } else {
            runtime
        };
        Err(format!("{runtime} does not run in a sandbox"))
    }

    fn event(&mut self, function: &str, event: &str, about: &Value) {
        let name = allowed(event);
        let name = if self.triggers.contains_key(&name) {
            format!("{function}-{name}")
        } else {
            name
        };
        let properties = &about["Properties"];
        match about["Type"].as_str().unwrap_or_default() {
            "Kinesis" => self.kinesis(&name, function, properties, &properties["Stream"]),
            "Schedule" | "ScheduleV2" => {
                self.triggers.insert(name, scheduled(function, properties));
            }
            "Api" | "HttpApi" => {
                let (method, path) = (text(&properties["Method"]), text(&properties["Path"]));
                let method = method.to_ascii_uppercase();
                let route = if method.is_empty() || method == "ANY" {
                    path
                } else {
                    format!("{method} {path}")
                };
                self.triggers.insert(
                    name,
                    json!({"http": {"route": route}, "function": function}),
                );
            }
            other => self.left_out(
                &format!("event {event} of {function}"),
                &format!("{other} is no source of this program"),
            ),
        }
    }

    fn kinesis(&mut self, name: &str, function: &str, properties: &Value, stream: &Value) {
        let named = named(stream);
        let called = self.called.get(&named).cloned();
        let stream = called.unwrap_or_else(|| allowed(&named));
        self.streams
            .entry(stream.clone())
            .or_insert_with(|| json!({"shards": 1}));
        let start = match properties["StartingPosition"].as_str() {
            Some("LATEST") => "latest",
            _ => "oldest",
        };
        let mut trigger = json!({"stream": {"name": stream, "start": start}, "function": function});
        let mut set = |path: [&str; 2], value: Option<Value>| {
            let Some(value) = value else { return };
            if path[1].is_empty() {
                trigger[path[0]] = value;
            } else {
                trigger[path[0]][path[1]] = value;
            }
        };
        let of = |key: &str| number(&properties[key]);
        set(["batch", "records"], of("BatchSize").map(Value::from));
        set(
            ["batch", "wait"],
            of("MaximumBatchingWindowInSeconds").map(|wait| format!("{wait}s").into()),
        );
        set(
            ["lanes", ""],
            of("ParallelizationFactor")
                .filter(|lanes| *lanes > 1)
                .map(Value::from),
        );
        // Lambda counts what comes after the first; -1 is for ever.
        let attempts = of("MaximumRetryAttempts").map(|retries| {
            if retries < 0 {
                json!("forever")
            } else {
                json!(retries + 1)
            }
        });
        set(["retry", "attempts"], attempts);
        set(
            ["retry", "age"],
            of("MaximumRecordAgeInSeconds")
                .filter(|age| *age >= 60)
                .map(|age| format!("{age}s").into()),
        );
        if properties["Enabled"] == false {
            set(["enabled", ""], Some(false.into()));
        }
        let patterns = properties["FilterCriteria"]["Filters"].as_array();
        let patterns = patterns.map(|all| all.iter().map(|one| one["Pattern"].clone()).collect());
        set(["filter", ""], patterns.map(Value::Array));
        self.triggers.insert(name.to_owned(), trigger);
    }

    /// The file, without what this version does not read.
    fn text(&mut self) -> String {
        loop {
            let text = written(&self.streams, &self.functions, &self.triggers);
            let file = Path::new("triggers.yaml");
            let Err(refused) = host::config::read(file, &text, &BTreeMap::new()) else {
                return text;
            };
            let why = refused
                .diagnostics
                .first()
                .map(|first| first.message.clone())
                .unwrap_or_default();
            let culprit = self
                .triggers
                .keys()
                .find(|name| why.contains(&format!("`{name}`")))
                .cloned();
            let Some(culprit) = culprit else {
                return text;
            };
            self.triggers.remove(&culprit);
            self.left_out(&format!("trigger {culprit}"), &why);
        }
    }
}

/// A schedule with what it says of zone, input, retries and whether it runs.
fn scheduled(function: &str, properties: &Value) -> Value {
    let given = &properties["Schedule"];
    let expression = if given.is_null() {
        &properties["ScheduleExpression"]
    } else {
        given
    };
    let mut trigger = json!({"schedule": {"expression": expression}, "function": function});
    if let Some(zone) = properties["ScheduleExpressionTimezone"].as_str() {
        trigger["schedule"]["zone"] = zone.into();
    }
    if let Some(minutes) = number(&properties["FlexibleTimeWindow"]["MaximumWindowInMinutes"]) {
        trigger["schedule"]["flexible"] = format!("{minutes}m").into();
    }
    let input = properties["Input"].as_str();
    if let Some(input) = input.and_then(|input| serde_json::from_str::<Value>(input).ok()) {
        trigger["input"] = input;
    }
    let retry = &properties["RetryPolicy"];
    if let Some(retries) = number(&retry["MaximumRetryAttempts"]) {
        trigger["retry"]["attempts"] = (retries + 1).into();
    }
    if let Some(age) = number(&retry["MaximumEventAgeInSeconds"]) {
        trigger["retry"]["age"] = format!("{age}s").into();
    }
    if properties["Enabled"] == false || properties["State"] == "DISABLED" {
        trigger["enabled"] = false.into();
    }
    trigger
}

fn written(
    streams: &BTreeMap<String, Value>,
    functions: &BTreeMap<String, Value>,
    triggers: &BTreeMap<String, Value>,
) -> String {
    let mut text = "version: 1\n".to_owned();
    for (section, entries) in [
        ("streams", streams),
        ("functions", functions),
        ("triggers", triggers),
    ] {
        if entries.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{section}:");
        for (name, value) in entries {
            let _ = writeln!(text, "  {name}: {value}");
        }
    }
    text
}

/// A number, also where a template writes it as text.
fn number(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A value that only a deployment knows comes from the environment.
fn variable(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(_) | Value::Array(_) | Value::Null => format!("${{{name}:-}}").into(),
        Value::String(text) => text.replace("${", "$${").into(),
        Value::Bool(_) | Value::Number(_) => value.to_string().into(),
    }
}

/// The resource, or the end of an ARN, that a value leads to.
fn named(value: &Value) -> String {
    let inner = value.as_object().and_then(|map| map.values().next());
    let inner = inner.unwrap_or(value);
    let first = inner.as_array().and_then(|parts| parts.first());
    let text = first.unwrap_or(inner).as_str().unwrap_or_default();
    let text = text.trim_end_matches(".Arn");
    let last = text.rsplit(['/', ':']).next().unwrap_or_default();
    last.trim_matches(['$', '{', '}']).to_owned()
}
