//! TLS with an authority of our own and a client certificate that names the user.
//!
//! The certificates are made by the node itself: Erlang carries a maker of test certificates, so
//! nothing needs to be installed and no key lies in the repository.

use std::path::Path;

use kontor::broker::BrokerFault;
use kontor::broker::private::{Options, PrivateBroker};
use kontor::broker::rabbit::ConnectOptions;
use kontor::broker::rabbit::topology::check;

use crate::support::{broker, dead_port, private_node, topology};

/// Makes `DIR/{server,client}_{ca,cert,key}.pem`: `*_ca` is what that side trusts.
const MAKER: &str = r#"
Name = fun(Common) -> {extensions, [
    {'Extension', {2,5,29,17}, false, [{dNSName, Common}, {iPAddress, <<127,0,0,1>>}]}]} end,
Kind = [{digest, sha256}, {key, {rsa, 2048, 65537}}],
Chain = fun(Common) -> #{
    root => Kind, intermediates => [], peer => [Name(Common) | Kind]} end,
#{server_config := Server, client_config := Client} = public_key:pkix_test_data(#{
    server_chain => Chain("localhost"), client_chain => Chain("localhost")}),
Pem = fun(File, Entries) ->
    Path = filename:join("DIR", File),
    ok = file:write_file(Path, public_key:pem_encode(Entries)) end,
Write = fun(Side, Config) ->
    Cert = proplists:get_value(cert, Config),
    {Type, Key} = proplists:get_value(key, Config),
    Decoded = public_key:der_decode(Type, Key),
    Authorities = proplists:get_value(cacerts, Config),
    Pem(Side ++ "_cert.pem", [{'Certificate', Cert, not_encrypted}]),
    Pem(Side ++ "_key.pem", [public_key:pem_entry_encode('PrivateKeyInfo', Decoded)]),
    Pem(Side ++ "_ca.pem", [{'Certificate', A, not_encrypted} || A <- Authorities]) end,
Write("server", Server), Write("client", Client).
"#;

fn certificates(dir: &Path) {
    let maker = MAKER.replace("DIR", dir.to_str().expect("a path"));
    broker().ctl(&["eval", &maker]).expect("certificates");
}

fn secure_node(dir: &Path, port: u16) -> PrivateBroker {
    let file = |name: &str| dir.join(name).display().to_string();
    let config = format!(
        "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.cacertfile = {}\n\
         ssl_options.certfile = {}\nssl_options.keyfile = {}\nssl_options.verify = verify_peer\n\
         ssl_options.fail_if_no_peer_cert = false\nssl_cert_login_from = subject_alternative_name\n\
         ssl_cert_login_san_type = dns\nauth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL",
        file("server_ca.pem"),
        file("server_cert.pem"),
        file("server_key.pem")
    );
    let plugins = vec!["rabbitmq_auth_mechanism_ssl".to_owned()];
    let options = Options {
        config,
        plugins,
        ..Options::default()
    };
    private_node(&options).expect("a node with TLS")
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_and_client_certificates_are_obeyed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, port) = (dir.path().to_path_buf(), dead_port());
    let started = tokio::task::spawn_blocking(move || {
        certificates(&path);
        let node = secure_node(&path, port);
        node.ctl(&["add_user", "localhost", "unused"]).unwrap();
        node.ctl(&["set_permissions", "localhost", ".*", ".*", ".*"])
            .unwrap();
        node
    });
    let node = started.await.unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let uri = format!("amqps://guest:guest@localhost:{port}/%2f");
    let options = ConnectOptions::parse(&uri).unwrap();
    match check(&options, &topology("tls")).await {
        Err(BrokerFault::TlsRefused { .. }) => {}
        other => panic!("an unknown authority was trusted: {other:?}"),
    }
    let trusting = options.with_authorities(&read("client_ca.pem"));
    assert!(trusting.encrypted());
    let checked = check(&trusting, &topology("tls")).await.unwrap();
    assert!(!checked.mismatches.is_empty(), "the node is empty");

    // Only the certificate can log in from here on.
    node.ctl(&["delete_user", "guest"]).unwrap();
    match check(&trusting, &topology("tls")).await {
        Err(BrokerFault::LoginRefused { .. }) => {}
        other => panic!("a deleted user logged in: {other:?}"),
    }
    let uri = format!("amqps://localhost:{port}/%2f");
    let known = ConnectOptions::parse(&uri)
        .unwrap()
        .with_authorities(&read("client_ca.pem"))
        .with_client_certificate(
            read("client_cert.pem").into_bytes(),
            read("client_key.pem").into_bytes(),
        );
    let checked = check(&known, &topology("tls")).await.unwrap();
    assert!(!checked.mismatches.is_empty());
    drop(node);
}
