//! kontor
use std::process::ExitCode;
fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("broker") {
        let broker = kontor::broker::private::PrivateBroker::start(
            &kontor::broker::private::Options::default(),
            |_| {},
        )
        .unwrap();
        println!("{}", broker.uri());
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
    let config = std::env::args().nth(1).map(std::path::PathBuf::from);
    let sources = kontor::settings::Sources::of_process(config, Vec::new());
    let settings = kontor::settings::Settings::load(&sources).unwrap();
    let log = kontor::telemetry::tracing::install(
        settings.log.level,
        kontor::telemetry::tracing::Format::Text,
    )
    .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let apply = std::env::args().any(|a| a == "--apply-topology");
    let options = kontor::daemon::Options {
        apply_topology: apply,
        standby: false,
    };
    let result = runtime.block_on(kontor::daemon::run(
        settings,
        options,
        kontor::daemon::reload::Reloading { sources, log },
    ));
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(e.exit_code())
        }
    }
}
