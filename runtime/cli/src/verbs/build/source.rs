//! What kind of project a source is: the files of a folder, or the name of one file, tell the language and where the
//! handler is. Nothing is run, and of files only handlers are read.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Source, c};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    Go,
    Python,
    /// And TypeScript.
    JavaScript,
    C,
}

impl Language {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::C => "C",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) language: Language,
    pub(super) folder: PathBuf,
    /// The file with the handler, below the folder; empty where a compiler finds it.
    pub(super) file: PathBuf,
    /// The name of the handler in that file.
    pub(super) handler: String,
    /// The source names the file alone: its folder may hold anything besides.
    pub(super) is_file: bool,
}

/// No language that is known, or no handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unknown {
    Folder(PathBuf),
    NoHandler { file: PathBuf, wanted: &'static str },
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(
                f,
                "{} holds no function of a language that is known",
                path.display()
            ),
            Self::NoHandler { file, wanted } => write!(
                f,
                "{} has no {wanted}: name the function that handles events, as in `source: {}:NAME`",
                file.display(),
                file.display()
            ),
        }
    }
}

const PYTHON_FILES: &[&str] = &[
    "app.py",
    "lambda_function.py",
    "handler.py",
    "main.py",
    "index.py",
];
const JAVASCRIPT_STEMS: &[&str] = &[
    "index",
    "handler",
    "app",
    "main",
    "src/index",
    "src/handler",
];
const JAVASCRIPT_ENDINGS: &[&str] = &["mjs", "js", "cjs", "ts", "mts"];

impl Project {
    /// None where the source is WebAssembly, or a bundle, already.
    pub(super) fn of(source: &Source) -> Result<Option<Self>, Unknown> {
        let path = &source.path;
        let handler = source.handler.as_deref();
        if path.is_dir() {
            return Self::of_folder(path, handler).map(Some);
        }
        let Some(language) = of_ending(path) else {
            return Ok(None);
        };
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let folder = parent.unwrap_or_else(|| Path::new("."));
        let file = PathBuf::from(path.file_name().unwrap_or_default());
        let project = Self::with_handler(language, folder, file, handler)?;
        Ok(Some(Self {
            is_file: true,
            ..project
        }))
    }

    fn of_folder(folder: &Path, handler: Option<&str>) -> Result<Self, Unknown> {
        if let Some((module, name)) = handler.and_then(|handler| handler.rsplit_once('.')) {
            return Self::of_module(folder, module, name);
        }
        let has = |name: &str| folder.join(name).is_file();
        for (manifest, language) in [("Cargo.toml", Language::Rust), ("go.mod", Language::Go)] {
            if has(manifest) {
                return Ok(Self::compiled(language, folder));
            }
        }
        let endings = JAVASCRIPT_ENDINGS;
        let javascript = JAVASCRIPT_STEMS.iter().flat_map(|stem| {
            endings
                .iter()
                .map(move |ending| (format!("{stem}.{ending}"), Language::JavaScript))
        });
        let python = PYTHON_FILES
            .iter()
            .map(|file| ((*file).to_owned(), Language::Python));
        let found = python.chain(javascript).find(|(file, _)| has(file));
        let Some((file, language)) = found else {
            if c::sources(folder).is_empty() {
                return Err(Unknown::Folder(folder.to_owned()));
            }
            return Ok(Self::compiled(Language::C, folder));
        };
        Self::with_handler(language, folder, file.into(), handler)
    }

    /// As Lambda names handlers: `handlers/main.handler` and Python's `handlers.main.handler` are in handlers/main.py.
    fn of_module(folder: &Path, module: &str, name: &str) -> Result<Self, Unknown> {
        let spelled = [module.to_owned(), module.replace('.', "/")];
        let endings = std::iter::once(&"py").chain(JAVASCRIPT_ENDINGS);
        let mut files = endings.flat_map(|ending| {
            spelled
                .iter()
                .map(move |path| PathBuf::from(format!("{path}.{ending}")))
        });
        let found = files.find(|file| folder.join(file).is_file());
        let language = found.as_deref().and_then(of_ending);
        match (found, language) {
            (Some(file), Some(language)) => Self::with_handler(language, folder, file, Some(name)),
            (_, None) | (None, _) => Err(Unknown::Folder(folder.join(module))),
        }
    }

    /// A compiler finds the handler.
    fn compiled(language: Language, folder: &Path) -> Self {
        Self {
            language,
            folder: folder.to_owned(),
            file: PathBuf::new(),
            handler: String::new(),
            is_file: false,
        }
    }

    fn with_handler(
        language: Language,
        folder: &Path,
        file: PathBuf,
        handler: Option<&str>,
    ) -> Result<Self, Unknown> {
        let handler = match handler {
            Some(named) => named.to_owned(),
            None => {
                let text = std::fs::read_to_string(folder.join(&file)).unwrap_or_default();
                found(language, &text).ok_or(Unknown::NoHandler {
                    file: folder.join(&file),
                    wanted: match language {
                        Language::Python => "`def handler` or `def lambda_handler`",
                        Language::JavaScript | Language::Rust | Language::Go | Language::C => {
                            "export named `handler`"
                        }
                    },
                })?
            }
        };
        Ok(Self {
            language,
            folder: folder.to_owned(),
            file,
            handler,
            is_file: false,
        })
    }
}

fn of_ending(path: &Path) -> Option<Language> {
    let ending = path.extension()?.to_str()?;
    if ending == "py" {
        return Some(Language::Python);
    }
    JAVASCRIPT_ENDINGS
        .contains(&ending)
        .then_some(Language::JavaScript)
}

/// The handler's usual name, where a file has it.
fn found(language: Language, text: &str) -> Option<String> {
    let names: &[&str] = match language {
        Language::Python => &["handler", "lambda_handler"],
        Language::JavaScript => &["handler"],
        Language::Rust | Language::Go | Language::C => &[],
    };
    let is_there = |name: &&&str| match language {
        Language::Python => {
            text.contains(&format!("def {name}(")) || text.contains(&format!("\n{name} ="))
        }
        Language::JavaScript | Language::Rust | Language::Go | Language::C => text.contains(**name),
    };
    names.iter().find(is_there).map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(
        files: &[(&str, &str)],
        path: &str,
        handler: Option<&str>,
    ) -> Result<Option<(Language, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let source = Source {
            name: "f".to_owned(),
            path: folder.path().join(path),
            handler: handler.map(str::to_owned),
        };
        let place = folder.path().display().to_string();
        Project::of(&source)
            .map(|found| {
                found.map(|project| {
                    (
                        project.language,
                        format!("{}:{}", project.file.display(), project.handler),
                    )
                })
            })
            .map_err(|unknown| unknown.to_string().replace(&place, "P"))
    }

    #[test]
    fn the_files_tell_the_language_and_the_handler() {
        let python = "import json\ndef handler(event, context):\n    return 1\n";
        let aws = "def lambda_handler(event, context): pass";
        let found = |language, entry: &str| Ok(Some((language, entry.to_owned())));
        let cases = [
            (&[("Cargo.toml", "")][..], "", None, found(Language::Rust, ":")),
            (&[("go.mod", ""), ("app.py", python)], "", None, found(Language::Go, ":")),
            (&[("app.py", python)], "", None, found(Language::Python, "app.py:handler")),
            (&[("lambda_function.py", aws)], "", None, found(Language::Python, "lambda_function.py:lambda_handler")),
            (&[("x.py", aws)], "x.py", Some("main"), found(Language::Python, "x.py:main")),
            (&[("index.mjs", "export const handler = 1")], "", None, found(Language::JavaScript, "index.mjs:handler")),
            (&[("src/index.ts", "export async function handler(){}")], "", None, found(Language::JavaScript, "src/index.ts:handler")),
            (&[("a/b.py", aws)], "", Some("a.b.lambda_handler"), found(Language::Python, "a/b.py:lambda_handler")),
            (&[("a/b.ts", "")], "", Some("a/b.handler"), found(Language::JavaScript, "a/b.ts:handler")),
            (&[("app.py", python)], "", Some("a.b.main"), Err("P/a.b holds no function of a language that is known".to_owned())),
            (&[("f.wasm", "")], "f.wasm", None, Ok(None)),
            (&[("late.c", ""), ("late_test.c", "")], "", None, found(Language::C, ":")),
            (&[("late_test.c", "")], "", None, Err("P/ holds no function of a language that is known".to_owned())),
            (&[("README", "")], "", None, Err("P/ holds no function of a language that is known".to_owned())),
            (
                &[("x.py", "def main(): pass")],
                "x.py",
                None,
                Err("P/x.py has no `def handler` or `def lambda_handler`: name the function that handles events, as in `source: P/x.py:NAME`".to_owned()),
            ),
        ];
        for (files, path, handler, expect) in cases {
            assert_eq!(project(files, path, handler), expect, "{files:?}");
        }
    }
}
