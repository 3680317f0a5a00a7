//! Completions for each shell.

use serde_json::json;

use crate::device::Device;

#[tokio::test]
async fn each_shell_gets_a_script_that_knows_commands_and_flags_and_nothing_is_made_for_it() {
    let device = Device::fresh();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = device.run(&["completions", shell]).await;
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
        for word in ["enroll", "delete", "without-credential", "password-stdin"] {
            assert!(run.stdout.contains(word), "{shell} does not know {word}");
        }
        let object = device.json(&["completions", shell]).await;
        assert_eq!(object["outcome"]["shell"], json!(shell));
        assert_eq!(
            object["outcome"]["script"].as_str().unwrap().trim_end(),
            run.stdout.trim_end()
        );
    }
    assert_eq!(std::fs::read_dir(device.home()).unwrap().count(), 0);
    let unknown = device.run(&["completions", "command.com", "--json"]).await;
    assert_eq!(
        (unknown.code, &unknown.json()["failure"]["cause"]),
        (Some(2), &json!("Usage"))
    );
}

#[tokio::test]
async fn bash_completes_with_the_script() {
    let device = Device::fresh();
    let script = device.home().join("vestibule.bash");
    std::fs::write(&script, device.run(&["completions", "bash"]).await.stdout).unwrap();
    let asks = format!(
        "source '{}'; COMP_WORDS=(vestibule de); COMP_CWORD=1; _vestibule vestibule de vestibule; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let bash = tokio::process::Command::new("bash")
        .args(["--norc", "-c", &asks])
        .output();
    let answer = String::from_utf8(bash.await.unwrap().stdout).unwrap();
    assert_eq!(answer.trim(), "delete dev-idp");
}
