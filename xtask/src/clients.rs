//! The clients of AWS that the end-to-end tests drive: boto3 and the AWS CLI, the SDKs for JavaScript, Go, Java and Rust,
//! the KCL; and Terraform.
//!
//! Each is installed once into `target/clients/` from the manifest and lock file beside its program in
//! `tests/end_to_end/clients/`, and again when one of those changes. Out come the variables that tell the tests where
//! it is. A client whose toolchain the machine lacks is said and left out; in CI that is a failure, so that no client
//! goes untested in silence.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::{
    report,
    step::{root, run, run_with, succeeds},
};

/// What the tests can drive on this machine.
pub(crate) struct Clients {
    /// For cargo's `--config`: where the tests find each client that is there.
    pub(crate) settings: Vec<String>,
    /// One sentence for each client that is not.
    pub(crate) not_run: Vec<String>,
}

/// A client that was installed, or why it cannot be run here.
type Place = std::result::Result<PathBuf, String>;

pub(crate) fn install() -> Result<Clients> {
    let python = python()?;
    let kcl = kcl(&python)?;
    let found = [
        ("SHARDMILL_TEST_PYTHON", python),
        ("SHARDMILL_TEST_KCL", kcl),
        ("SHARDMILL_TEST_JAVASCRIPT", javascript()?),
        ("SHARDMILL_TEST_GO", go()?),
        ("SHARDMILL_TEST_JAVA", java()?),
        ("SHARDMILL_TEST_RUST", Ok(rust()?)),
        ("SHARDMILL_TEST_TERRAFORM", terraform()?),
    ];
    let mut clients = Clients {
        settings: Vec::new(),
        not_run: Vec::new(),
    };
    for (variable, place) in found {
        match place {
            Ok(place) => {
                let setting = format!("env.{variable}=\"{}\"", place.display());
                clients.settings.push(setting);
            }
            Err(why) => clients.not_run.push(why),
        }
    }
    Ok(clients)
}

/// The interpreter of an environment that has both.
fn python() -> Result<Place> {
    let kit = Kit::new("python", &["requirements.txt"])?;
    if !kit.is_ready() {
        if !succeeds(&["python3", "-c", "import venv, ensurepip"]) {
            return missing("python3 with venv", "boto3 and the AWS CLI");
        }
        let hint = "PyPI is needed once; run again when the network is there";
        let place = text(&kit.place);
        let create = ["python3", "-m", "venv", "--clear", &place];
        run("Python environment", &root(), &create, hint)?;
        let pip = text(&kit.place.join("bin/pip"));
        let quietly = ["--quiet", "--disable-pip-version-check"];
        let install = [
            &[pip.as_str(), "install"][..],
            &quietly,
            &["-r", "requirements.txt"],
        ];
        let name = "boto3 and the AWS CLI (about 30 MB, once)";
        run(name, &kit.sources, &install.concat(), hint)?;
        kit.set_ready()?;
    }
    Ok(Ok(kit.place.join("bin/python")))
}

/// The folder of its modules.
fn javascript() -> Result<Place> {
    let manifests = ["package.json", "package-lock.json"];
    let kit = Kit::new("javascript", &manifests)?;
    if !kit.is_ready() {
        let is_new = "process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)";
        if !succeeds(&["node", "-e", is_new]) || !succeeds(&["npm", "--version"]) {
            return missing("node 20 with npm", "the AWS SDK for JavaScript");
        }
        for manifest in manifests {
            std::fs::copy(kit.sources.join(manifest), kit.place.join(manifest))
                .with_context(|| format!("copy {manifest}"))?;
        }
        let install = [
            "npm",
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        run(
            "AWS SDK for JavaScript (about 10 MB, once)",
            &kit.place,
            &install,
            "npm's registry is needed once; run again when the network is there",
        )?;
        kit.set_ready()?;
    }
    Ok(Ok(kit.place.join("node_modules")))
}

/// The program.
fn go() -> Result<Place> {
    let kit = Kit::new("go", &["go.mod", "go.sum", "main.go"])?;
    let program = kit.place.join("drive-kinesis");
    if !kit.is_ready() {
        if !succeeds(&["go", "version"]) {
            return missing("go", "the AWS SDK for Go");
        }
        let modules = text(&kit.place.join("modules"));
        let cache = text(&kit.place.join("cache"));
        let environment = [
            ("GOMODCACHE", modules.as_str()),
            ("GOCACHE", cache.as_str()),
            // Without it a modules' folder could not be deleted with `target/`.
            ("GOFLAGS", "-modcacherw"),
        ];
        run_with(
            "AWS SDK for Go (about 30 MB, once; its compiler takes a minute)",
            &kit.sources,
            &environment,
            &["go", "build", "-mod=readonly", "-o", &text(&program), "."],
            "Go's module proxy is needed once; run again when the network is there",
        )?;
        kit.set_ready()?;
    }
    Ok(Ok(program))
}

/// The program. Cargo is there, since it runs this.
fn rust() -> Result<PathBuf> {
    let kit = Kit::new("rust", &["Cargo.toml", "Cargo.lock", "src/main.rs"])?;
    let built = text(&kit.place.join("built"));
    if !kit.is_ready() {
        run(
            "AWS SDK for Rust (about 20 MB, once; it takes minutes to build)",
            &kit.sources,
            &[
                "cargo",
                "build",
                "--quiet",
                "--locked",
                "--target-dir",
                &built,
            ],
            "crates.io is needed once; run again when the network is there",
        )?;
        kit.set_ready()?;
    }
    Ok(kit.place.join("built/debug/drive-kinesis"))
}

/// The folder of its classes and libraries.
fn java() -> Result<Place> {
    let kit = Kit::new("java", &["pom.xml", "src/main/java/DriveKinesis.java"])?;
    let built = kit.place.join("built");
    if !kit.is_ready() {
        if !succeeds(&["javac", "--version"]) || !succeeds(&["mvn", "--version"]) {
            return missing("a JDK (17 or later) with Maven", "the AWS SDK for Java");
        }
        let repository = format!("-Dmaven.repo.local={}", text(&kit.place.join("repository")));
        let directory = format!("-Dclient.directory={}", text(&built));
        let quietly = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never"];
        let goals = [
            &repository,
            &directory,
            "compile",
            "dependency:copy-dependencies",
        ];
        run(
            "AWS SDK for Java (about 30 MB, once)",
            &kit.sources,
            &[&quietly[..], &goals].concat(),
            "Maven Central is needed once; run again when the network is there",
        )?;
        kit.set_ready()?;
    }
    Ok(Ok(built))
}

/// The folder of the KCL's wheel, which carries its libraries, and of the DynamoDB that keeps its leases.
fn kcl(python: &Place) -> Result<Place> {
    let Ok(python) = python else {
        return Ok(Err(
            "not run: the KCL, because python3 with venv is missing".to_owned(),
        ));
    };
    let kit = Kit::new("kcl", &["requirements.txt", "pom.xml"])?;
    if !kit.is_ready() {
        if !succeeds(&["java", "-version"]) || !succeeds(&["mvn", "--version"]) {
            return missing("a JDK (17 or later) with Maven", "the KCL");
        }
        let (python, wheel) = (text(python), text(&kit.place.join("wheel")));
        let quietly = ["-m", "pip", "--quiet", "--disable-pip-version-check"];
        let wanted = ["install", "--no-deps", "--upgrade", "--target", &wheel];
        let install = [
            &[python.as_str()][..],
            &quietly,
            &wanted,
            &["-r", "requirements.txt"],
        ];
        let repository = format!("-Dmaven.repo.local={}", text(&kit.place.join("repository")));
        let directory = format!("-Dclient.directory={}", text(&kit.place.join("table")));
        let copy = ["mvn", "--batch-mode", "--quiet", "-Dstyle.color=never"];
        let goals = [&repository, &directory, "dependency:copy-dependencies"];
        let hint = "its registry is needed once; run again when the network is there";
        let wheel = run(
            "KCL (about 30 MB, once)",
            &kit.sources,
            &install.concat(),
            hint,
        );
        let copied = wheel.and_then(|()| {
            let name = "DynamoDB Local (about 50 MB, once)";
            run(name, &kit.sources, &[&copy[..], &goals].concat(), hint)
        });
        // It is large, and beside the SDKs: a registry that does not answer leaves it out rather than stop everything.
        if let Err(error) = copied {
            let why = format!("not run: the KCL, because it could not be installed: {error}");
            report(&why);
            return Ok(Err(why));
        }
        kit.set_ready()?;
    }
    Ok(Ok(kit.place))
}

/// The folder of its provider for AWS, which is not on every machine with Terraform, nor to be had on every network.
fn terraform() -> Result<Place> {
    let kit = Kit::new("terraform", &["main.tf"])?;
    if !kit.is_ready() {
        let left_out = |why: &str| {
            let why = format!("not run: Terraform, because {why}");
            report(&why);
            Ok(Err(why))
        };
        if !succeeds(&["terraform", "version"]) {
            return left_out("terraform is missing");
        }
        let copied = kit.place.join("main.tf");
        std::fs::copy(kit.sources.join("main.tf"), copied).context("copy main.tf")?;
        let data = text(&kit.place.join("data"));
        let environment = [
            ("TF_DATA_DIR", data.as_str()),
            ("TF_REGISTRY_DISCOVERY_RETRY", "0"),
            ("CHECKPOINT_DISABLE", "1"),
        ];
        let name = "Terraform's provider for AWS (about 700 MB unpacked, once)";
        let init = ["terraform", "init", "-input=false", "-no-color"];
        let hint = "its registry or a mirror in the configuration of Terraform is needed once";
        if run_with(name, &kit.place, &environment, &init, hint).is_err() {
            return left_out("its provider for AWS cannot be had here");
        }
        kit.set_ready()?;
    }
    Ok(Ok(kit.place))
}

/// Where a client comes from and where it is installed.
struct Kit {
    /// Its program, manifest and lock file.
    sources: PathBuf,
    place: PathBuf,
    /// Where it is, and the text of the files that decide what is installed.
    wanted: String,
}

impl Kit {
    fn new(language: &str, files: &[&str]) -> Result<Self> {
        let sources = root().join("tests/end_to_end/clients").join(language);
        let place = root().join("target/clients").join(language);
        std::fs::create_dir_all(&place).with_context(|| format!("create {}", place.display()))?;
        let texts: Result<Vec<String>> = files
            .iter()
            .map(|file| {
                let path = sources.join(file);
                std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
            })
            .collect();
        // A Python environment works only where it was made, and a repository may be moved.
        let wanted = format!("{}\n{}", place.display(), texts?.concat());
        Ok(Self {
            sources,
            place,
            wanted,
        })
    }

    fn marker(&self) -> PathBuf {
        self.place.join("ready")
    }

    fn is_ready(&self) -> bool {
        std::fs::read_to_string(self.marker()).is_ok_and(|ready| ready == self.wanted)
    }

    fn set_ready(&self) -> Result<()> {
        std::fs::write(self.marker(), &self.wanted)
            .with_context(|| format!("note that {} is installed", self.place.display()))
    }
}

fn missing(tool: &str, what: &str) -> Result<Place> {
    if crate::environment::in_ci() {
        bail!("{tool} is missing and CI=true: {what} must be tested\nhint: install {tool}");
    }
    let why = format!("not run: {what}, because {tool} is missing");
    report(&why);
    Ok(Err(why))
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}
