//! Becoming root: sudo without and with a password, and its refusals.

use sealift::error::Class;
use sealift::remote::SshOptions;

use crate::sshd::{PASSWORD, Setup};
use crate::{assert_says, by_key, by_password, refused, started};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sudo_without_a_password() {
    let server = Setup::new().start();
    assert!(started(&server, by_key(&server, "alice")).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sudo_with_the_login_password_or_its_own() {
    let server = Setup::new().start();
    assert!(started(&server, by_password(&server, "bob")).await.contains("uid=0"));
    let own = SshOptions { sudo_password: Some(PASSWORD.into()), ..by_key(&server, "bob") };
    assert!(started(&server, own).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sudo_in_another_language_and_with_another_prompt() {
    let server = Setup::new()
        .sshd("SetEnv LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 LANGUAGE=de SUDO_PROMPT=Passwort:")
        .sudoers("Defaults passprompt=\"[sudo] Passwort für %p: \", passprompt_override")
        .sudoers("Defaults badpass_message=\"Das hat nicht funktioniert\"")
        .start();
    assert!(started(&server, by_password(&server, "bob")).await.contains("uid=0"));
    let wrong = SshOptions { sudo_password: Some("battery staple".into()), ..by_key(&server, "bob") };
    let problem = refused(&server, wrong).await;
    assert_eq!(problem.message, "sudo does not accept the password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_prompt_does_not_get_the_password() {
    // Something else on standard error asks first; the agent would then hear the password as its first message.
    let server = Setup::new()
        .prepare("echo 'echo \"[sudo] password for noel: \" >&2' > /home/noel/.bashrc")
        .prepare("chown noel:noel /home/noel/.bashrc")
        .start();
    let options = SshOptions { sudo_password: Some(PASSWORD.into()), ..by_key(&server, "noel") };
    assert!(started(&server, options).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sudo_wants_a_password_and_there_is_none() {
    let server = Setup::new().start();
    let problem = refused(&server, by_key(&server, "bob")).await;
    assert_eq!(problem.class, Class::Connection);
    assert_eq!(problem.message, "sudo asks for a password and none was given");
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_for_sudo_is_tried_once() {
    let server = Setup::new()
        .prepare("touch /run/test/sudo.log")
        .sudoers("Defaults logfile=/run/test/sudo.log")
        .start();
    let wrong = SshOptions { sudo_password: Some("battery staple".into()), ..by_key(&server, "bob") };
    let problem = refused(&server, wrong).await;
    assert_eq!(problem.message, "sudo does not accept the password");
    assert!(!format!("{problem:?}").contains("battery staple"));
    server.await_tidy();
    crate::sshd::await_true(
        || {
            std::fs::read_to_string(server.inside("/run/test/sudo.log"))
                .unwrap()
                .contains("incorrect password attempt")
        },
        || "sudo has logged nothing".into(),
    );
    let log = std::fs::read_to_string(server.inside("/run/test/sudo.log")).unwrap();
    assert!(log.contains("1 incorrect password attempt"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_may_not_use_sudo() {
    let server = Setup::new().start();
    let problem = refused(&server, by_password(&server, "mallory")).await;
    assert_eq!(problem.class, Class::Connection);
    assert_says(&problem, "the user may not use sudo", "mallory is not in the sudoers file");
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_may_not_start_the_agent() {
    let server = Setup::new().start();
    let problem = refused(&server, by_password(&server, "otto")).await;
    assert!(problem.message.contains("sudo does not allow the user to start the agent"), "{problem:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_without_sudo() {
    let server = Setup::new().prepare("hide sudo").start();
    let problem = refused(&server, by_key(&server, "alice")).await;
    assert_eq!(problem.message, "the user alice is not root and sudo is not installed");
    server.await_tidy();
    assert!(started(&server, by_key(&server, "root")).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_in_no_command_line_and_no_log() {
    let server = Setup::new().sshd("LogLevel DEBUG3").start();
    started(&server, by_password(&server, "bob")).await;
    assert!(!server.log().contains(PASSWORD));
    let arguments = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(PASSWORD));
    assert!(!arguments);
}
