//! Requests and answers of the web in Lambda's payload format 2.0: what function URLs and HTTP APIs hand to a function, and
//! what they make of its answer (rules FU-1 to FU-3).
//!
//! Pure: a request in parts comes in, a JSON document goes out; a JSON document comes in, an answer in parts goes out. What
//! a function answered is not trusted: what no client could be sent is a fact in words.

use serde_json::{Map, Value, json};

use crate::Timestamp;

/// A request as its event tells it. Names of headers are lower-case.
#[derive(Debug, Clone, Default)]
pub struct WebRequest<'a> {
    /// `POST /flights/{day}`, or `$default` where every path is served.
    pub route: &'a str,
    pub method: &'a str,
    /// As it was asked for, not decoded.
    pub path: &'a str,
    /// Behind `?`, not decoded.
    pub query: &'a str,
    /// `HTTP/1.1`
    pub protocol: &'a str,
    /// In order; a name may come again.
    pub headers: Vec<(&'a str, String)>,
    /// Decoded parts of the path, by their names in the route.
    pub path_parameters: Vec<(String, String)>,
    pub source_ip: String,
    pub account: &'a str,
    /// What stands for the id of an API.
    pub api: &'a str,
    pub request_id: &'a str,
    pub at: Timestamp,
    pub body: &'a [u8],
    /// Of a request that had to be signed.
    pub signer: Option<&'a WebSigner>,
}

/// Whose signature a request carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebSigner {
    pub account: String,
    pub key: String,
}

/// What a function wants to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAnswer {
    pub status: u16,
    /// In the order of the answer, cookies behind the others.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer that no client can be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWebAnswer {
    #[error("`statusCode` of its answer is {0}, which is no status from 200 to 599")]
    Status(String),
    #[error("`headers` of its answer is no object of texts, numbers and booleans")]
    Headers,
    #[error("`cookies` of its answer is no list of texts")]
    Cookies,
    #[error("`body` of its answer says that it is base64, which it is not")]
    Base64,
}

/// The event in format 2.0.
#[must_use]
pub fn web_event(request: &WebRequest<'_>) -> Vec<u8> {
    let header = |name: &str| {
        let found = request.headers.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let domain = header("host");
    let mut event = json!({
        "version": "2.0",
        "routeKey": request.route,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": joined(request.headers.iter().filter(|(name, _)| *name != "cookie").map(|(name, value)| ((*name).to_owned(), value.clone()))),
        "requestContext": {
            "accountId": request.account,
            "apiId": request.api,
            "domainName": domain,
            "domainPrefix": domain.split(['.', ':']).next().unwrap_or_default(),
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": header("user-agent"),
            },
            "requestId": request.request_id,
            "routeKey": request.route,
            "stage": "$default",
            "time": common_log_time(request.at),
            "timeEpoch": request.at.as_millis(),
        },
    });
    let cookies: Vec<&str> = request
        .headers
        .iter()
        .filter(|(name, _)| *name == "cookie")
        .flat_map(|(_, value)| value.split(';').map(str::trim))
        .filter(|cookie| !cookie.is_empty())
        .collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let parameters = joined(query_parameters(request.query));
    if !parameters.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters);
    }
    if let Some(signer) = request.signer {
        event["requestContext"]["authorizer"] = json!({ "iam": {
            "accessKey": signer.key,
            "accountId": signer.account,
            "callerId": signer.key,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": format!("arn:aws:iam::{}:root", signer.account),
            "userId": signer.key,
        } });
    }
    if !request.path_parameters.is_empty() {
        event["pathParameters"] = Value::Object(joined(request.path_parameters.iter().cloned()));
    }
    let text = std::str::from_utf8(request.body).ok();
    let text = text.filter(|_| is_text(header("content-type"), header("content-encoding")));
    event["isBase64Encoded"] = json!(text.is_none());
    if !request.body.is_empty() {
        event["body"] = match text {
            Some(text) => json!(text),
            None => json!(base64_simd::STANDARD.encode_to_string(request.body)),
        };
    }
    event.to_string().into_bytes()
}

/// Values of a name that comes again stand behind each other, as AWS joins them.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in pairs {
        match map.get_mut(&name) {
            Some(Value::String(before)) => {
                before.push(',');
                before.push_str(&value);
            }
            Some(_) | None => drop(map.insert(name, Value::String(value))),
        }
    }
    map
}

fn query_parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decoded(name), form_decoded(value))
        })
}

fn form_decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

/// Takes `%XX` apart; what is not valid stays as it is.
#[must_use]
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|two| std::str::from_utf8(two).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is handed over as text, where it is UTF-8; everything else is base64. A body without a type is text if it can be.
fn is_text(kind: &str, encoding: &str) -> bool {
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let textual = kind.is_empty()
        || kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind.as_str(),
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/x-ndjson"
        );
    textual && matches!(encoding.trim(), "" | "identity")
}

/// `29/Nov/2026:19:03:58 +0000`
fn common_log_time(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().unwrap_or(1);
    let month = MONTHS
        .get(month.saturating_sub(1))
        .copied()
        .unwrap_or_default();
    format!(
        "{}/{month}/{}:{} +0000",
        part(8, 10),
        part(0, 4),
        part(11, 19)
    )
}

/// What is sent for what a function answered: an object with `statusCode` says it itself, a text is sent as it is, and
/// everything else as JSON.
pub fn web_answer(answer: &[u8]) -> Result<WebAnswer, BadWebAnswer> {
    let json_kind = || vec![("content-type".to_owned(), "application/json".to_owned())];
    let plain = |body: Vec<u8>| WebAnswer {
        status: 200,
        headers: json_kind(),
        body,
    };
    // A command may print what is no JSON at all.
    let Ok(value) = serde_json::from_slice::<Value>(answer) else {
        return Ok(plain(answer.to_vec()));
    };
    let Some(status) = value.get("statusCode") else {
        return Ok(match value {
            Value::String(text) => plain(text.into_bytes()),
            Value::Object(mut members) => {
                members.remove("outputs");
                plain(Value::Object(members).to_string().into_bytes())
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
                plain(other.to_string().into_bytes())
            }
        });
    };
    let status = match status {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
    .and_then(|status| u16::try_from(status).ok())
    .filter(|status| (200..600).contains(status))
    .ok_or_else(|| BadWebAnswer::Status(status.to_string()))?;
    let mut headers = headers(value.get("headers"))?;
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.extend(json_kind());
    }
    headers.extend(cookies(value.get("cookies"))?);
    let is_base64 = value.get("isBase64Encoded") == Some(&Value::Bool(true));
    let body = match value.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if is_base64 => base64_simd::STANDARD
            .decode_to_vec(text)
            .map_err(|_| BadWebAnswer::Base64)?,
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(other) => other.to_string().into_bytes(),
    };
    Ok(WebAnswer {
        status,
        headers,
        body,
    })
}

fn headers(said: Option<&Value>) -> Result<Vec<(String, String)>, BadWebAnswer> {
    let members = match said {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(BadWebAnswer::Headers),
    };
    let header = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(BadWebAnswer::Headers),
        };
        Ok((name.clone(), value))
    };
    members.iter().map(header).collect()
}

fn cookies(said: Option<&Value>) -> Result<Vec<(String, String)>, BadWebAnswer> {
    let items = match said {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(BadWebAnswer::Cookies),
    };
    let cookie = |item: &Value| {
        let text = item.as_str().ok_or(BadWebAnswer::Cookies)?;
        Ok(("set-cookie".to_owned(), text.to_owned()))
    };
    items.iter().map(cookie).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> WebRequest<'static> {
        WebRequest {
            route: "POST /flights/{day}",
            method: "POST",
            path: "/flights/mon%20day",
            query: "a=1&a=2&b=x+y%21&c",
            protocol: "HTTP/1.1",
            headers: vec![
                ("host", "api.localhost:8787".to_owned()),
                ("content-type", "application/json".to_owned()),
                ("cookie", "one=1; two=2".to_owned()),
                ("x-tag", "red".to_owned()),
                ("x-tag", "blue".to_owned()),
            ],
            path_parameters: vec![("day".to_owned(), "mon day".to_owned())],
            source_ip: "127.0.0.1".to_owned(),
            account: "000000000000",
            api: "intake",
            request_id: "r-1",
            at: Timestamp::from_millis(1_583_348_638_390),
            body: b"{\"n\":1}",
            signer: None,
        }
    }

    fn event(request: &WebRequest<'_>) -> Value {
        serde_json::from_slice(&web_event(request)).unwrap()
    }

    #[test]
    fn an_event_is_what_a_function_url_hands_over() {
        let expect = json!({
            "version": "2.0",
            "routeKey": "POST /flights/{day}",
            "rawPath": "/flights/mon%20day",
            "rawQueryString": "a=1&a=2&b=x+y%21&c",
            "cookies": ["one=1", "two=2"],
            "headers": { "host": "api.localhost:8787", "content-type": "application/json", "x-tag": "red,blue" },
            "queryStringParameters": { "a": "1,2", "b": "x y!", "c": "" },
            "pathParameters": { "day": "mon day" },
            "requestContext": {
                "accountId": "000000000000", "apiId": "intake",
                "domainName": "api.localhost:8787", "domainPrefix": "api",
                "http": { "method": "POST", "path": "/flights/mon%20day", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "" },
                "requestId": "r-1", "routeKey": "POST /flights/{day}", "stage": "$default",
                "time": "04/Mar/2020:19:03:58 +0000", "timeEpoch": 1_583_348_638_390_u64,
            },
            "body": "{\"n\":1}",
            "isBase64Encoded": false,
        });
        assert_eq!(event(&request()), expect);
    }

    #[test]
    fn what_is_no_text_is_base64() {
        let check = |kind: &str, encoding: &str, body: &'static [u8], text: bool| {
            let headers = vec![
                ("content-type", kind.to_owned()),
                ("content-encoding", encoding.to_owned()),
            ];
            let event = event(&WebRequest {
                headers,
                body,
                ..request()
            });
            assert_eq!(event["isBase64Encoded"], json!(!text), "{kind} {encoding}");
            let body = match text {
                true => String::from_utf8(body.to_vec()).unwrap(),
                false => base64_simd::STANDARD.encode_to_string(body),
            };
            assert_eq!(event["body"], json!(body));
        };
        check("text/csv; charset=utf-8", "", b"a,b", true);
        check("application/problem+json", "", b"{}", true);
        check("", "", b"plain", true);
        check("", "", b"\xff\x00", false);
        check("application/json", "", b"\xff\x00", false);
        check("application/json", "gzip", b"{}", false);
        check("application/octet-stream", "", b"abc", false);
        check("application/x-www-form-urlencoded", "", b"a=1", false);
        let empty = event(&WebRequest {
            body: b"",
            ..request()
        });
        assert_eq!(empty.get("body"), None);
    }

    fn sent(answer: &str) -> Result<(u16, String, String), BadWebAnswer> {
        let answer = web_answer(answer.as_bytes())?;
        let headers: Vec<String> = answer
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        Ok((
            answer.status,
            headers.join(", "),
            String::from_utf8_lossy(&answer.body).into_owned(),
        ))
    }

    #[test]
    fn what_is_sent_for_an_answer() {
        let kind = "content-type: application/json";
        for (answer, status, headers, body) in [
            (r#"{"a":1}"#, 200, kind, r#"{"a":1}"#),
            (r#""hello""#, 200, kind, "hello"),
            ("null", 200, kind, "null"),
            ("[1,2]", 200, kind, "[1,2]"),
            ("not json", 200, kind, "not json"),
            ("", 200, kind, ""),
            (r#"{"outputs":{},"a":1}"#, 200, kind, r#"{"a":1}"#),
            (r#"{"statusCode":201}"#, 201, kind, ""),
            (r#"{"statusCode":"404","body":"gone"}"#, 404, kind, "gone"),
            (
                r#"{"statusCode":200,"body":{"a":1}}"#,
                200,
                kind,
                r#"{"a":1}"#,
            ),
            (
                r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#,
                200,
                kind,
                "hi",
            ),
            (
                r#"{"statusCode":302,"headers":{"Location":"/x","Content-Type":"text/html","N":3},"cookies":["a=1","b=2"]}"#,
                302,
                "Content-Type: text/html, Location: /x, N: 3, set-cookie: a=1, set-cookie: b=2",
                "",
            ),
        ] {
            let expect = (status, headers.to_owned(), body.to_owned());
            assert_eq!(sent(answer), Ok(expect), "{answer}");
        }
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        for (answer, expect) in [
            (r#"{"statusCode":99}"#, BadWebAnswer::Status("99".into())),
            (
                r#"{"statusCode":null}"#,
                BadWebAnswer::Status("null".into()),
            ),
            (r#"{"statusCode":101}"#, BadWebAnswer::Status("101".into())),
            (r#"{"statusCode":200,"headers":[]}"#, BadWebAnswer::Headers),
            (
                r#"{"statusCode":200,"headers":{"a":[1]}}"#,
                BadWebAnswer::Headers,
            ),
            (
                r#"{"statusCode":200,"cookies":"a=1"}"#,
                BadWebAnswer::Cookies,
            ),
            (
                r#"{"statusCode":200,"body":"?","isBase64Encoded":true}"#,
                BadWebAnswer::Base64,
            ),
        ] {
            assert_eq!(sent(answer), Err(expect), "{answer}");
        }
    }
}
