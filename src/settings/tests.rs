//! The configuration as an operator meets it.

use std::path::Path;

use super::*;

fn parse(text: &str) -> Result<Settings, SettingsFault> {
    Settings::parse(Path::new("kontor.toml"), text)
}

/// The mistakes of a file, one a line.
fn mistakes(text: &str) -> String {
    parse(text).expect_err("the file has mistakes").to_string()
}

fn load(environment: &[(&str, &str)], flags: Vec<Flag>, file: &str) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kontor.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).into(), Some((*value).into())))
        .collect();
    let sources = Sources {
        config: Some(path),
        environment,
        flags,
        ..Sources::default()
    };
    Settings::load(&sources).map_err(|fault| fault.to_string())
}

#[test]
fn a_mistake_is_one_line_whatever_its_key_holds() {
    for text in [
        "[\"a\\nb\"]\n",
        "[broker]\n\"a\\r\\nb\" = 1\n",
        "[log]\nlevel = \"a\\nb\\u001b[2J\"\n",
        "[[book]]\nname = \"a\\nb\"\n",
    ] {
        for line in mistakes(text).lines() {
            assert!(line.starts_with("kontor.toml:"), "{line:?}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
}

fn committed(path: &str, fresh: &str) {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(&full, fresh).unwrap();
    }
    let found = std::fs::read_to_string(&full).unwrap_or_default();
    assert!(
        found == fresh,
        "{path} is stale: UPDATE_DOCS=1 cargo test --lib writes it anew"
    );
}

#[test]
fn the_reference_file_is_fresh() {
    committed("config/kontor.toml", &reference());
}

#[test]
fn the_page_is_fresh() {
    committed("docs/configuration.md", &page());
}

#[test]
fn the_reference_file_equals_the_defaults() {
    let (file, built_in) = (parse(&reference()).unwrap(), Settings::built_in().unwrap());
    assert_eq!(file.differences(&built_in), []);
    assert_eq!(file.books, built_in.books);
    assert_eq!(file.origin.blake3, built_in.origin.blake3);
    assert_eq!(
        file.resolved.len(),
        table::all().count(),
        "a setting is in the table, unread"
    );
    for setting in table::all() {
        let place = &file.resolved[setting.key].place;
        assert!(
            matches!(place, Place::File { .. }),
            "{} is not in the file",
            setting.key
        );
    }
}

/// The block of the contract, as it stands there.
#[test]
fn the_fixed_keys_have_the_fixed_defaults() {
    let block = r#"
        [broker]
        uri = "amqp://guest:guest@127.0.0.1:5672/%2f"
        prefix = "kontor"
        prefetch = 2000
        [journal]
        kind = "file"
        dir = "/var/lib/kontor"
        url = ""
        [partitions]
        run = [0]
        [outcomes]
        mode = "each"
        [http]
        listen = "127.0.0.1:9464"
        [[book]]
        name = "main"
        functional_unit = "EUR"
        time_zone = "Europe/Berlin"
        partition = 0"#;
    let (block, built_in) = (parse(block).unwrap(), Settings::built_in().unwrap());
    assert_eq!(block.differences(&built_in), []);
    assert_eq!(built_in.clock_jump_max, Duration::from_mins(1));
    assert_eq!(built_in.broker.intake_bytes_max, 2 << 30);
    assert_eq!(built_in.broker.message_bytes_max, 1 << 20);
    assert_eq!(built_in.journal.seal_idle, Duration::from_millis(50));
}

#[test]
fn the_bounds_of_the_table_fit_the_types_behind_them() {
    for setting in table::all() {
        if let Rule::Whole { max, .. } = setting.rule {
            let text = format!(
                "[{}]\n{} = {max}",
                setting.key.split_once('.').unwrap().0,
                setting.name()
            );
            if let Ok(settings) = parse(&text) {
                assert_eq!(
                    settings.resolved[setting.key].shown,
                    max.to_string(),
                    "{text}"
                );
            }
        }
    }
    let text = "[broker]\nprefetch = 65535\nmessage_bytes_max = 16777216";
    let broker = parse(text).unwrap().broker;
    assert_eq!(
        (broker.prefetch, broker.message_bytes_max),
        (65_535, 16 << 20)
    );
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let found = mistakes(
        "[broker]\nprefetch = 0\nprefech = 3\n  prefix = \"Ä\"\n[journal]\nkind = \"disk\"\n\
         [bokers]\n[http]\nlisten = \"localhost:1\"\n[log]\nlevel = 3\n\
         [[book]]\nname = \"A\"\ntime_zone = \"CET+9\"\n",
    );
    let expected = [
        "kontor.toml:3:1: broker.prefech: unknown key; there are uri, prefix,",
        "kontor.toml:7:2: bokers: unknown section; there are broker,",
        "kontor.toml:4:12: broker.prefix: found \"Ä\", allowed is 1 to 32",
        "kontor.toml:2:12: broker.prefetch: found 0, allowed is a whole number of deliveries from \
         1 to 65535",
        "kontor.toml:6:8: journal.kind: found \"disk\", allowed is \"file\", \"postgres\"",
        "kontor.toml:9:10: http.listen: found \"localhost:1\", allowed is IP:PORT",
        "kontor.toml:11:9: log.level: found 3, allowed is \"error\",",
        "kontor.toml:13:8: book.name: found \"A\", allowed is 1 to 64 of a-z",
        "kontor.toml:14:13: book.time_zone: found \"CET+9\", allowed is the IANA name",
    ];
    for line in expected {
        assert!(found.contains(line), "missing: {line}\nfound:\n{found}");
    }
    assert_eq!(found.lines().count(), expected.len(), "{found}");
}

#[test]
fn syntax_errors_have_a_place_and_do_not_show_the_line() {
    let found = mistakes("[broker]\npassword = \"hunter2\nprefetch = = 3\n");
    assert!(found.starts_with("kontor.toml:2:"), "{found}");
    assert!(!found.contains("hunter2"), "{found}");
    assert!(
        mistakes("[broker]\nprefetch = 1\nprefetch = 2\n").contains("kontor.toml:3:1: not TOML")
    );
}

#[test]
fn secrets_are_in_no_message() {
    let found = mistakes("[broker]\nuri = \"http://u:hunter2@h\"\npassword = [\"hunter2\"]\n");
    assert!(!found.contains("hunter2"), "{found}");
    let text = "[broker]\nuri = \"amqp://u:hunter2@h\"\npassword = \"hunter3\"\n";
    let shown = format!("{:?}", parse(text).unwrap());
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn rules_between_settings_are_checked() {
    let cases = [
        (
            "[broker]\npassword = \"a\"\npassword_file = \"b\"",
            "password is set too",
        ),
        ("[broker]\nca_file = \"b\"", "is for amqps:// only"),
        (
            "[broker]\nuri = \"amqps://h\"\nclient_key_file = \"b\"",
            "needs client_cert_file too",
        ),
        (
            "[broker]\nreconnect_ms_min = 900\nreconnect_ms_max = 800",
            "must not be above",
        ),
        ("[broker]\nreply_to = \"(\"", "not a regular expression"),
        ("[journal]\nkind = \"postgres\"", "not built yet"),
        ("[journal]\ndir = \"\"", "path of a directory"),
        (
            "[journal]\ndir = \"/a\"\narchive_dir = \"/a/old\"",
            "neither holds journal.dir",
        ),
        (
            "[journal]\ndir = \"/a/b\"\narchive_dir = \"/a\"",
            "neither holds journal.dir",
        ),
        ("[pipeline]\nring_jobs = 100", "at least one batch"),
        ("[partitions]\nrun = []", "an empty list"),
        ("[partitions]\nrun = [0, 0]", "twice"),
        ("[partitions]\nrun = [0, 1]", "partition 1 has no [[book]]"),
        ("[partitions]\nrun = [1024]", "each from 0 to 1023"),
        ("[broker]\ntrusted_front_ends = [\"\"]", "a list of texts"),
        (
            "[[book]]\nname = \"a\"\n[[book]]\nname = \"a\"",
            "a second book named",
        ),
        ("[[book]]\npartition = 0", "missing; every book has a name"),
        (
            "[[book]]\nname = \"a\"\nrate = 1.5",
            "written as text: \"1.5\"",
        ),
        ("book = 3", "a list of tables"),
        ("broker = 3", "a section [broker]"),
    ];
    for (text, part) in cases {
        let found = mistakes(text);
        assert!(found.contains(part), "{text}\n→ {found}");
        assert_eq!(found.lines().count(), 1, "{text}\n→ {found}");
    }
}

#[test]
fn flag_goes_before_environment_before_file() {
    let file = "[broker]\nprefetch = 10\nprefix = \"file\"\nheartbeat_s = 7\n";
    let environment = [
        ("KONTOR__BROKER__PREFETCH", "20"),
        ("KONTOR__BROKER__PREFIX", "variable"),
    ];
    let flag = Flag {
        name: "--prefetch",
        key: "broker.prefetch",
        value: "30".into(),
    };
    let settings = load(&environment, vec![flag], file).unwrap();
    assert_eq!(settings.broker.prefetch, 30);
    assert_eq!(settings.broker.prefix, "variable");
    assert_eq!(settings.broker.heartbeat, Duration::from_secs(7));
    assert_eq!(
        settings.resolved["broker.prefetch"].place,
        Place::Flag("--prefetch")
    );
}

#[test]
fn every_setting_can_be_a_variable() {
    for setting in table::all() {
        let value = setting.default_toml();
        let value = value
            .strip_prefix('"')
            .map_or(value.as_str(), |rest| rest.trim_end_matches('"'));
        let settings = load(&[(&setting.variable(), value)], Vec::new(), "").unwrap();
        let place = &settings.resolved[setting.key].place;
        assert_eq!(*place, Place::Environment(setting.variable()));
    }
}

#[test]
fn lists_and_books_are_variables_in_toml() {
    let environment = [
        ("KONTOR__PARTITIONS__RUN", "[3]"),
        (
            "KONTOR__BOOK",
            r#"[{ name = "shop", partition = 3, series = { RE = { next = 7 } } }]"#,
        ),
    ];
    let settings = load(&environment, Vec::new(), "").unwrap();
    assert_eq!(settings.partitions, [3]);
    assert_eq!(settings.books[0].name, "shop");
    assert_eq!(settings.books[0].reference[0].1["RE"]["next"], 7);
}

#[test]
fn unknown_and_malformed_variables_are_mistakes() {
    let found = load(&[("KONTOR__BROKER__PREFECH", "1")], Vec::new(), "").unwrap_err();
    assert!(
        found.contains("environment KONTOR__BROKER__PREFECH: broker.prefech: no such"),
        "{found}"
    );
    let found = load(&[("KONTOR__PARTITIONS__RUN", "0,1")], Vec::new(), "").unwrap_err();
    assert!(found.contains("partitions.run: not TOML"), "{found}");
    let found = load(&[("KONTOR__BROKER__PREFETCH", "many")], Vec::new(), "").unwrap_err();
    let said =
        "KONTOR__BROKER__PREFETCH: broker.prefetch: found \"many\", allowed is a whole number";
    assert!(found.contains(said), "{found}");
}

#[test]
fn the_named_file_must_exist_and_the_standard_places_need_not() {
    let nowhere = PathBuf::from("/nonexistent/kontor.toml");
    let named = Sources {
        config: Some(nowhere.clone()),
        ..Sources::default()
    };
    assert!(matches!(
        Settings::load(&named),
        Err(SettingsFault::Unreadable { .. })
    ));
    let standard = Sources {
        places: vec![nowhere],
        ..Sources::default()
    };
    assert_eq!(Settings::load(&standard).unwrap().origin.path, None);
}

#[test]
fn the_first_place_that_has_a_file_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("a.toml"), dir.path().join("b.toml"));
    std::fs::write(&second, "[broker]\nprefetch = 2").unwrap();
    let sources = Sources {
        places: vec![first.clone(), second],
        ..Sources::default()
    };
    assert_eq!(Settings::load(&sources).unwrap().broker.prefetch, 2);
    std::fs::write(&first, "[broker]\nprefetch = 1").unwrap();
    assert_eq!(Settings::load(&sources).unwrap().broker.prefetch, 1);
}

#[test]
fn reference_data_keeps_the_order_of_the_file() {
    let text = "[[book]]\nname = \"a\"\ntaxes = { s19 = { rate = \"19\" } }\n\
                pan_policy = \"mask\"\n[book.series]\nRE = { next = 1, width = 4 }\n\
                [book.last]\ndate = 2026-01-31\n";
    let book = parse(text).unwrap().books.remove(0);
    let names: Vec<&str> = book
        .reference
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["taxes", "pan_policy", "series", "last"]);
    assert_eq!(book.reference[0].1["s19"]["rate"], "19");
    assert_eq!(book.reference[3].1["date"], "2026-01-31");
}

#[test]
fn a_reload_knows_what_it_may_take_over() {
    let old = parse("").unwrap();
    let text = "[log]\nlevel = \"debug\"\n[broker]\npassword = \"new\"\nprefetch = 5\n\
                [[book]]\nname = \"b\"\n";
    let found = old.differences(&parse(text).unwrap());
    let found: Vec<_> = found.iter().map(|d| (d.key, d.reload)).collect();
    let expected = [
        ("broker.prefetch", Reload::Restart),
        ("broker.password", Reload::Live),
        ("log.level", Reload::Live),
        ("book", Reload::Restart),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_password_comes_from_setting_then_file_then_credential() {
    let dir = tempfile::tempdir().unwrap();
    let none = parse("").unwrap().broker;
    assert_eq!(none.password_from(None).unwrap(), None);
    assert_eq!(none.password_from(Some(dir.path())).unwrap(), None);
    std::fs::write(dir.path().join("amqp-password"), "\n").unwrap();
    assert_eq!(none.password_from(Some(dir.path())).unwrap(), None);
    std::fs::write(dir.path().join("amqp-password"), "credential\n").unwrap();
    let found = none.password_from(Some(dir.path())).unwrap();
    assert_eq!(found, Some(Secret::new("credential")));
    let file = dir.path().join("pw");
    std::fs::write(&file, " with blanks \r\n").unwrap();
    let broker = parse(&format!("[broker]\npassword_file = {file:?}"))
        .unwrap()
        .broker;
    let found = broker.password_from(Some(dir.path())).unwrap();
    assert_eq!(found, Some(Secret::new(" with blanks ")));
    let broker = parse("[broker]\npassword = \"own\"").unwrap().broker;
    assert_eq!(
        broker.password_from(Some(dir.path())).unwrap(),
        Some(Secret::new("own"))
    );
    let broker = parse("[broker]\npassword_file = \"/nonexistent\"")
        .unwrap()
        .broker;
    assert!(broker.password_from(None).is_err());
}
