//! What is wrong with settings and arguments is said before anything is done.

use serde_json::{Value, json};

use crate::device::Device;

#[tokio::test]
async fn an_unknown_key_in_the_settings_file_is_an_error_with_its_line() {
    let device = Device::fresh();
    let folder = device.home().join(".config/vestibule");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    std::fs::write(&file, "tenant = 'acme'\nisuer = 'https://idp.example'\n").unwrap();
    let run = device.run(&["enroll", "--json"]).await;
    let object = run.json();
    assert_eq!(
        (run.code, &object["status"], &object["event"]),
        (Some(2), &json!("InvalidParameter"), &Value::Null)
    );
    let message = object["failure"]["message"].as_str().unwrap();
    assert!(
        message.starts_with(&format!("{}:2: unknown field `isuer`", file.display())),
        "{message}"
    );
    assert!(!device.data_dir().exists() && !device.state_dir().exists());

    let person = device.run(&["enroll"]).await;
    assert_eq!((person.code, person.stdout.as_str()), (Some(2), ""));
    assert!(person.stderr.contains(message), "{person:?}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_one_object_and_with_its_exit_code() {
    let issuer = "--issuer=https://idp.example/realms/{tenant}";
    let table: [(&[&str], i32, &str, &str); 8] = [
        (
            &["enroll", "--no-such-flag"],
            2,
            "Usage",
            "unexpected argument '--no-such-flag' found",
        ),
        (
            &["token"],
            2,
            "Usage",
            "the following required arguments were not provided",
        ),
        (
            &["login", "nobody"],
            2,
            "Usage",
            "user is not of the form tenant/user_id",
        ),
        (
            &["enroll", "--replace", "record:1"],
            2,
            "Usage",
            "record is not 32 lower-case hex digits",
        ),
        (&["enroll", issuer], 2, "Settings", "tenant is not named"),
        (
            &["list", "--issuer=http://idp.example"],
            2,
            "InvalidParameter",
            "issuer ",
        ),
        (
            &["enroll", "--tenant=.."],
            2,
            "InvalidParameter",
            "tenant_id may not be a relative path segment",
        ),
        (&["list", "--config=absent.toml"], 2, "Settings", "absent.toml: "),
    ];
    for (arguments, code, cause, message) in table {
        let device = Device::fresh();
        let run = device.run(&[arguments, &["--json"]].concat()).await;
        let failure = &run.json()["failure"];
        assert_eq!((run.code, &failure["cause"]), (Some(code), &json!(cause)), "{run:?}");
        assert!(failure["message"].as_str().unwrap().contains(message), "{run:?}");
        assert!(!failure["advice"].as_str().unwrap().is_empty());
        let person = device.run(arguments).await;
        assert_eq!(
            (person.code, person.stderr.is_empty()),
            (Some(code), false),
            "{person:?}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_connection_to_the_idp_is_said_before_anything_is_sent() {
    let table = [
        (
            "VESTIBULE_CA_FILE",
            "absent.pem",
            "Settings",
            "ca_file absent.pem: No such file",
        ),
        (
            "VESTIBULE_CA_FILE",
            "/dev/null",
            "Settings",
            "ca_file /dev/null: holds no certificate",
        ),
        (
            "VESTIBULE_CA_REPLACES_SYSTEM",
            "true",
            "Settings",
            "there is no ca_file",
        ),
        (
            "VESTIBULE_EXTRA_HEADERS",
            "Host: canary",
            "Settings",
            "extra header Host is not a host's to set",
        ),
        (
            "VESTIBULE_EXTRA_HEADERS",
            "X-Key: canary canary",
            "Settings",
            "extra header X-Key has a value with",
        ),
        (
            "VESTIBULE_SPKI_PINS",
            "canary",
            "InvalidParameter",
            "spki_pins holds one that is not a SHA-256 hash",
        ),
        (
            "VESTIBULE_PROXY",
            "http://canary:canary@proxy",
            "InvalidParameter",
            "proxy may not name a user",
        ),
    ];
    for (variable, value, cause, message) in table {
        let device = Device::fresh()
            .with("VESTIBULE_ISSUER", "https://127.0.0.1:1")
            .with("VESTIBULE_TENANT", "acme")
            .with(variable, value);
        let run = device.run(&["enroll", "--json"]).await;
        let failure = &run.json()["failure"];
        assert_eq!((run.code, &failure["cause"]), (Some(2), &json!(cause)), "{run:?}");
        assert!(failure["message"].as_str().unwrap().contains(message), "{run:?}");
        assert!(!format!("{run:?}").contains("canary"), "{run:?}");
    }
}

#[tokio::test]
async fn a_system_without_ca_certificates_is_told_how_to_get_some() {
    let device = Device::fresh()
        .with("SSL_CERT_FILE", "/absent/certificates.pem")
        .with("VESTIBULE_ISSUER", "https://127.0.0.1:1")
        .with("VESTIBULE_TENANT", "acme");
    let run = device.run(&["enroll", "--json"]).await;
    let (object, failure) = (run.json(), &run.json()["failure"]);
    assert_eq!(
        (run.code, &object["status"]),
        (Some(7), &json!("UntrustedServer")),
        "{run:?}"
    );
    assert_eq!(failure["not_done"], json!(true));
    let message = failure["message"].as_str().unwrap();
    for words in [
        "no CA certificates",
        "install them (package ca-certificates)",
        "a CA of your own",
    ] {
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn log_lines_are_on_stderr_and_only_where_they_are_asked_for() {
    let device = Device::fresh().with("VESTIBULE_LOG", "vestibule=loud");
    let run = device.run(&["list", "--json"]).await;
    assert_eq!(
        (run.code, &run.json()["failure"]["cause"]),
        (Some(2), &json!("Settings")),
        "{run:?}"
    );
    assert!(
        run.json()["failure"]["message"]
            .as_str()
            .unwrap()
            .starts_with("VESTIBULE_LOG is no filter")
    );
    for (arguments, has_lines) in [(&["enroll"] as &[&str], false), (&["enroll", "--verbose"], true)] {
        let run = Device::fresh().run(arguments).await;
        assert_eq!(
            (run.code, run.stderr.contains(" DEBUG ")),
            (Some(0), has_lines),
            "{run:?}"
        );
        assert!(!run.stdout.contains(" DEBUG "));
    }
}

#[tokio::test]
async fn a_directory_that_others_may_read_is_refused_by_name() {
    use std::os::unix::fs::PermissionsExt as _;
    let device = Device::fresh();
    std::fs::create_dir_all(device.data_dir()).unwrap();
    std::fs::set_permissions(device.data_dir(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = device.run(&["enroll", "--json"]).await;
    let object = run.json();
    assert_eq!(
        (run.code, &object["status"]),
        (Some(8), &json!("StorageUnavailable")),
        "{run:?}"
    );
    assert!(
        object["failure"]["message"]
            .as_str()
            .unwrap()
            .contains(&device.data_dir().display().to_string())
    );
}

#[tokio::test]
async fn the_help_lists_exit_codes_and_settings_and_is_no_failure() {
    let device = Device::fresh();
    for arguments in [&["--help"] as &[&str], &["help"]] {
        let run = device.run(arguments).await;
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        for words in [
            "UserIdAlreadyExists",
            "130  SIGINT",
            "plain_http_to_loopback",
            "VESTIBULE_LOG",
            "dev-idp",
        ] {
            assert!(run.stdout.contains(words), "{words} is missing in {}", run.stdout);
        }
    }
    assert!(device.run(&["--version"]).await.stdout.starts_with("vestibule 0."));
    assert_eq!(device.run(&[]).await.code, Some(2));
}
