//! Brings a verb together with what it needs: a server for those that ask one, the project's file for those that read
//! it. Interrupting a verb ends it with its own exit code; `up` ends by itself when it is told to.

use std::path::PathBuf;

use serde_json::json;

use crate::arguments::{
    Arguments, Asking, BookmarkVerb, Command, ConfigVerb, DeadLetterVerb, FunctionVerb, Here,
    KeyVerb, ServerVerb, StreamVerb, TriggerVerb,
};
use crate::failure::{Exit, Failure};
use crate::output::{Output, text};
use crate::server;
use crate::verbs::{
    self, build, data, deploy, doctor, invoke, keys, logs, orders, put, replay, setup, status,
    tail, things,
};
use crate::{bundles, dev, project, up};

pub(crate) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let Arguments { shared, command } = arguments;
    match command {
        Command::Here(here) => run_here(shared.server.as_deref(), here, output).await,
        Command::Asking(asking) => {
            let server = shared.server.or_else(server_of_environment);
            tokio::select! {
                // First, since a verb that was interrupted may say how far it came.
                biased;
                done = ask(server.as_deref(), asking, output) => done,
                _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "")),
            }
        }
    }
}

async fn run_here(server: Option<&str>, here: Here, output: Output) -> Result<(), Failure> {
    if let (
        Some(server),
        Here::Init(_)
        | Here::Dev(_)
        | Here::Up(_)
        | Here::Check(_)
        | Here::Build(_)
        | Here::Test(_),
    ) = (server, &here)
    {
        let message = format!("use server `{server}`: this verb asks no server");
        return Err(Failure::usage(message)
            .hint("leave `--server` out; `up` takes `--listen` and `--port` for its own address"));
    }
    match here {
        Here::Init(arguments) => verbs::init::init(output, &arguments),
        Here::Dev(arguments) => {
            only_dev("dev", &arguments.project.env)?;
            dev::dev(output, &arguments).await
        }
        Here::Up(arguments) => Box::pin(up::up(output, *arguments)).await,
        Here::Check(file) => project::check(output, &file.file, &file.env).await,
        Here::Config(noun) => config(output, &noun.verb),
        Here::Completions { shell } => setup::completions(output, shell),
        Here::Man { verb } => setup::man(output, &verb),
        Here::Build(arguments) => {
            let project = project::read_as(&arguments.project.file, &arguments.project.env)?;
            let sources = project::sources(&project, arguments.function.as_deref())?;
            let place = project::builds(&arguments.project.file);
            let built = build::build(output, &place, &sources)?;
            if let Some(folder) = &arguments.out {
                let of = (&*arguments.project.file, &*arguments.project.env);
                return Box::pin(bundles::make(output, of, folder, &built)).await;
            }
            build::show(output, &built)
        }
        Here::Test(arguments) => {
            only_dev("test", &arguments.project.env)?;
            verbs::test::test(output, &arguments).await
        }
        Here::Doctor => {
            let folder = working_directory()?;
            let server = server.map(str::to_owned).or_else(server_of_environment);
            let found = server::find(server.as_deref(), &folder)?;
            doctor::doctor(output, found.address, &folder).await
        }
        Here::Data(noun) => {
            let server = server.map(str::to_owned).or_else(server_of_environment);
            let found = server::find(server.as_deref(), &working_directory()?)?;
            data::data(output, found, &noun.verb).await
        }
        Here::Server(noun) => {
            let verb = noun.verb.unwrap_or(ServerVerb::List);
            let found = || {
                let server = server.map(str::to_owned).or_else(server_of_environment);
                server::find(server.as_deref(), &working_directory()?)
            };
            verbs::server::server(output, &verb, found).await
        }
        Here::Version => {
            let version = json!({"version": env!("CARGO_PKG_VERSION")});
            output.one(&version, |version| {
                format!("shardmill {}", text(version, "/version"))
            })
        }
    }
}

fn config(output: Output, verb: &ConfigVerb) -> Result<(), Failure> {
    match verb {
        ConfigVerb::Show(file) => project::show(output, &file.file, &file.env),
        ConfigVerb::Schema => setup::schema(output),
        ConfigVerb::Path(file) => setup::paths(output, file),
    }
}

/// Of verbs for whoever writes functions, which never work on another environment.
fn only_dev(verb: &str, env: &str) -> Result<(), Failure> {
    if env == "dev" {
        return Ok(());
    }
    let message = format!("{verb} in environment `{env}`: it works in `dev` alone");
    Err(Failure::usage(message)
        .hint("leave `--env` out; `shardmill up --env NAME` runs another one"))
}

async fn ask(server: Option<&str>, asking: Asking, output: Output) -> Result<(), Failure> {
    let found = server::find(server, &working_directory()?)?;
    let client = &mut server::connect(found, output).await?;
    match asking {
        Asking::Plan(project) => {
            let deploying = deploy::Deploying {
                what: None,
                file: &project.file,
                env: &project.env,
                canary: None,
                roll_back: None,
                shadow: false,
                retries: false,
                dry_run: true,
            };
            deploy::deploy(client, output, deploying).await
        }
        Asking::Deploy(arguments) => {
            let deploying = deploy::Deploying {
                what: arguments.what.as_deref(),
                file: &arguments.project.file,
                env: &arguments.project.env,
                canary: arguments.canary,
                roll_back: arguments.rollback_on,
                shadow: arguments.shadow,
                retries: arguments.retries,
                dry_run: arguments.dry_run,
            };
            deploy::deploy(client, output, deploying).await
        }
        Asking::Put(arguments) => put::put(client, output, &arguments).await,
        Asking::Tail(arguments) => tail::tail(client, output, &arguments).await,
        Asking::Invoke(arguments) => invoke::invoke(client, output, &arguments).await,
        Asking::Logs(arguments) => logs::logs(client, output, &arguments).await,
        Asking::Why(arguments) => status::why(client, output, &arguments).await,
        Asking::Replay(arguments) => replay::replay(client, output, &arguments).await,
        Asking::Status(arguments) => status::status(client, output, &arguments).await,
        Asking::Wait(arguments) => status::wait(client, output, &arguments).await,
        Asking::Stream(noun) => {
            things::stream(
                client,
                output,
                &noun.verb.unwrap_or(StreamVerb::List { by_size: false }),
            )
            .await
        }
        Asking::Function(noun) => {
            things::function(client, output, &noun.verb.unwrap_or(FunctionVerb::List)).await
        }
        Asking::Trigger(noun) => {
            things::trigger(client, output, &noun.verb.unwrap_or(TriggerVerb::List)).await
        }
        Asking::Key(noun) => {
            let list = KeyVerb::List { trigger: None };
            keys::key(client, output, &noun.verb.unwrap_or(list)).await
        }
        Asking::Bookmark(noun) => {
            let list = BookmarkVerb::List { trigger: None };
            orders::bookmark(client, output, &noun.verb.unwrap_or(list)).await
        }
        Asking::Audit(noun) => orders::audit(client, output, &noun).await,
        Asking::State(noun) => things::state(client, output, &noun.verb).await,
        Asking::DeadLetter(noun) => {
            let list = DeadLetterVerb::List { trigger: None };
            things::dead_letter(client, output, &noun.verb.unwrap_or(list)).await
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where the environment is read"
)]
fn server_of_environment() -> Option<String> {
    std::env::var("SHARDMILL_SERVER")
        .ok()
        .filter(|server| !server.is_empty())
}

fn working_directory() -> Result<PathBuf, Failure> {
    std::env::current_dir()
        .map_err(|error| Failure::failed(format!("find the working directory: {error}")))
}
