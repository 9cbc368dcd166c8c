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
    let settings = kontor::settings::Settings::load(&kontor::settings::Sources::of_process(
        config,
        Vec::new(),
    ))
    .unwrap();
    let _log = kontor::telemetry::tracing::install(
        settings.log.level,
        kontor::telemetry::tracing::Format::Text,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let apply = std::env::args().any(|a| a == "--apply-topology");
    let result = runtime.block_on(kontor::daemon::run(
        settings,
        kontor::daemon::Options {
            apply_topology: apply,
            standby: false,
        },
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
