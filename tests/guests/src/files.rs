//! An event function that uses files under `/tmp`: `{"do": "list"}` and so on, see the match. `fill` and `many` take space
//! until there is none and say how much there was; `escape` tries to get out.
use shardmill::prelude::*;
use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
};

#[handler(event)]
fn files(event: Value) -> Result<Value> {
    Ok(match event["do"].as_str().unwrap_or_default() {
        "list" => list("/tmp"),
        "keep" => {
            fs::write("/tmp/kept", "secret")?;
            list("/tmp")
        }
        "use" => used()?,
        "fill" => filled()?,
        "many" => many(),
        "escape" => escaped(),
        other => json!(format!("nothing is done for {other}")),
    })
}

fn list(folder: &str) -> Value {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return json!(format!("refused: {error}")),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    json!(names)
}

fn used() -> Result<Value> {
    fs::create_dir_all("/tmp/a/b")?;
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(true)
        .open("/tmp/a/b/c")?;
    file.write_all(b"hello, file")?;
    file.seek(SeekFrom::Start(7))?;
    file.write_all(b"FILE")?;
    file.seek(SeekFrom::Start(0))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    OpenOptions::new()
        .append(true)
        .open("/tmp/a/b/c")?
        .write_all(b"!")?;
    fs::rename("/tmp/a/b/c", "/tmp/d")?;
    let bytes = fs::metadata("/tmp/d")?.len();
    fs::remove_dir_all("/tmp/a")?;
    Ok(json!([
        text,
        bytes,
        list("/tmp"),
        fs::read_to_string("/tmp/d")?
    ]))
}

fn filled() -> Result<Value> {
    let mut file = File::create("/tmp/full")?;
    let mut bytes = 0_u64;
    let error = loop {
        match file.write(&[7; 4096]) {
            Ok(written) => bytes += u64::try_from(written)?,
            Err(error) => break error.to_string(),
        }
    };
    Ok(json!([bytes, error]))
}

fn many() -> Value {
    let mut made = 0;
    while File::create(format!("/tmp/{made}")).is_ok() {
        made += 1;
    }
    json!(made)
}

fn escaped() -> Value {
    let tried = [
        "/etc/passwd",
        "/tmp/../etc/passwd",
        "/proc/self/environ",
        "/tmp/../../x",
    ];
    let opened = tried.iter().filter(|path| File::open(path).is_ok()).count();
    let linked = fs::hard_link("/tmp/a", "/tmp/b").is_ok();
    json!([opened, linked])
}
