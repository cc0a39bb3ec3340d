//! Bringing the agent there: where it goes, how, and what stands in the way.

use sealift::error::Class;
use sealift::model::Digest;
use sealift::remote::Machine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::sshd::{Server, Setup};
use crate::{agent, assert_says, by_key, check, echo, machine, refused, started};

fn file(line: &str) -> &str {
    line.split(' ').find_map(|word| word.strip_prefix("file=")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_to_a_private_directory_that_the_agent_is_told_of() {
    let server = Setup::new().start();
    let line = started(&server, by_key(&server, "alice")).await;
    let directory = file(&line).strip_suffix("/sealift").unwrap();
    assert!(directory.starts_with("/tmp/.sealift-"), "{line}");
    assert!(line.contains(&format!("arguments=agent --stdio --temporary {directory}")), "{line}");
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_users_cannot_look_into_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let server = Setup::new().start();
    let agents = echo(&server);
    let streams = machine(&server, by_key(&server, "alice")).start_agent(&agents).await.unwrap();
    let directory = server.leftovers().pop().unwrap();
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    drop(streams);
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_programs_may_not_run_it_goes_elsewhere() {
    let remount = |directory: &str| format!("mount -t tmpfs -o mode=1777,noexec tmpfs {directory}");
    let server = Setup::new().prepare(&remount("/tmp")).start();
    assert!(file(&started(&server, by_key(&server, "alice")).await).starts_with("/var/tmp/.sealift-"));
    let server = Setup::new().prepare("mount -t tmpfs -o mode=1777,size=32k tmpfs /tmp").start();
    assert!(file(&started(&server, by_key(&server, "alice")).await).starts_with("/var/tmp/.sealift-"));
    let server = Setup::new()
        .prepare(&remount("/tmp"))
        .prepare(&remount("/var/tmp"))
        .prepare(&remount("/dev/shm"))
        .start();
    assert!(file(&started(&server, by_key(&server, "alice")).await).starts_with("/home/alice/.sealift-"));
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_programs_may_run_nowhere_all_places_are_told() {
    let setup = ["/tmp", "/var/tmp", "/dev/shm"].into_iter().fold(Setup::new(), |setup, directory| {
        setup.prepare(&format!("mount -t tmpfs -o mode=1777,noexec tmpfs {directory}"))
    });
    let server = setup.prepare("mount -o remount,noexec /home").start();
    let problem = refused(&server, by_key(&server, "alice")).await;
    assert_eq!(problem.class, Class::Machine);
    assert_says(&problem, "no place where the agent can run", "/var/tmp: programs do not run in it");
    assert_says(&problem, "", "Permission denied");
    assert_says(&problem, "", "/home/alice: ");
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_without_gzip_sha256sum_or_sftp_get_it_all_the_same() {
    let server = Setup::new().prepare("hide gzip").prepare("hide sha256sum").start();
    assert!(!std::fs::read_to_string(server.file("sshd_config")).unwrap().contains("sftp"));
    assert!(started(&server, by_key(&server, "alice")).await.contains("uid=0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_shells_that_are_not_posix() {
    let server = Setup::new().start();
    for user in ["carol", "fay", "noel"] {
        assert!(started(&server, by_key(&server, user)).await.contains("uid=0"), "{user}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn banners_and_chatty_shells() {
    let noise = "echo welcome on board; printf \"unfinished line\"; echo careful >&2";
    let server = Setup::new()
        .prepare("echo 'Authorized users only' > /run/test/banner")
        .prepare(&format!("echo '{noise}' | tee /home/noel/.bashrc /home/carol/.tcshrc > /dev/null"))
        .prepare(&format!(
            "mkdir -p /home/fay/.config/fish; echo '{noise}' > /home/fay/.config/fish/config.fish"
        ))
        .prepare("chown -R fay:fay /home/fay")
        .prepare("chown noel:noel /home/noel/.bashrc; sed -i 's/>&2//' /home/carol/.tcshrc")
        .sshd("Banner /run/test/banner")
        .start();
    for user in ["noel", "carol", "fay"] {
        assert!(started(&server, by_key(&server, user)).await.contains("uid=0"), "{user}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_a_shell_is_quoted() {
    let server = Setup::new().start();
    let problem = refused(&server, by_key(&server, "nora")).await;
    assert_says(&problem, "runs no command: it exited with status 1", "account is currently not available");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_command_is_quoted() {
    let server = Setup::new().sshd("ForceCommand echo only this").start();
    let problem = refused(&server, by_key(&server, "alice")).await;
    assert_says(&problem, "runs no command", "only this");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_noise_is_not_waited_for() {
    let server = Setup::new().sshd("ForceCommand yes nonsense").start();
    let problem = refused_without_remedy(&server).await;
    assert_says(&problem, "the machine talks on and on", "nonsense");
}

async fn refused_without_remedy(server: &Server) -> sealift::error::Problem {
    let agents = echo(server);
    machine(server, by_key(server, "alice")).start_agent(&agents).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_that_cannot_be_nodes() {
    for (uname, message) in [
        ("#!/bin/sh\ncase $1 in -s) echo FreeBSD;; *) echo amd64;; esac", "this is not a Linux machine"),
        (
            "#!/bin/sh\ncase $1 in -s) echo Linux;; *) echo riscv64;; esac",
            "the machine's architecture riscv64 is not supported",
        ),
    ] {
        let server = Setup::new()
            .prepare(&format!("printf '%s\\n' '{uname}' > /run/test/uname"))
            .prepare("chmod 755 /run/test/uname; mount --bind /run/test/uname /usr/bin/uname")
            .start();
        let problem = refused(&server, by_key(&server, "alice")).await;
        assert_eq!(problem.class, Class::Machine);
        assert_says(&problem, message, "uname -");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_agent_for_the_architecture_the_source_says_how_to_get_one() {
    struct Other;
    impl sealift::remote::AgentSource for Other {
        fn binary(&self, arch: sealift::model::Arch) -> sealift::error::Result<std::path::PathBuf> {
            Err(sealift::error::Problem::new(Class::Config, format!("there is no agent for {arch}"))
                .remedy("put it beside the binary"))
        }
    }
    let server = Setup::new().start();
    let problem = machine(&server, by_key(&server, "alice")).start_agent(&Other).await.unwrap_err();
    check(&problem);
    assert!(problem.message.starts_with("there is no agent for "), "{problem:#?}");
    assert!(server.leftovers().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installed_agent_is_started_from_where_it_is() {
    let directory = |digest: &Digest| format!("/usr/local/lib/sealift/{}", digest.hex());
    let server = Setup::new().start();
    let agents = echo(&server);
    let digest = Digest::of(std::fs::read(&agents.0).unwrap());
    let installed = server.inside(&directory(&digest));
    std::fs::create_dir_all(&installed).unwrap();
    std::fs::copy(&agents.0, installed.join("sealift")).unwrap();
    for user in ["alice", "root"] {
        let line = started(&server, by_key(&server, user)).await;
        assert_eq!(file(&line), format!("{}/sealift", directory(&digest)));
        assert!(line.trim_end().ends_with("arguments=agent --stdio"), "{line}");
    }
    // One that is damaged is not started.
    std::fs::write(installed.join("sealift"), "#!/bin/sh\nexit 1\n").unwrap();
    let line = started(&server, by_key(&server, "alice")).await;
    assert!(file(&line).starts_with("/tmp/"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_is_told() {
    // There seems to be room, but a quota is in the way: the file is cut short.
    let server = Setup::new()
        .prepare("printf '#!/bin/sh\\nexec /bin/dd bs=1 count=10 2>/dev/null\\n' > /run/test/head; chmod 755 /run/test/head")
        .prepare("mount --bind /run/test/head /usr/bin/head")
        .start();
    let problem = refused(&server, by_key(&server, "alice")).await;
    assert!(problem.message.contains("did not arrive whole"), "{problem:#?}");
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_does_not_run_is_quoted() {
    let server = Setup::new().start();
    let agents = agent(&server, b"\x7fELF this is no program");
    let direct = machine(&server, by_key(&server, "root")).start_agent(&agents).await.unwrap_err();
    assert!(direct.message.contains("the agent did not start"), "{direct:#?}");
    assert!(direct.seen.iter().any(|line| line.contains("sealift")), "{direct:#?}");
    let by_sudo = machine(&server, by_key(&server, "alice")).start_agent(&agents).await.unwrap_err();
    assert!(by_sudo.message.contains("sudo did not start the agent"), "{by_sudo:#?}");
    server.await_tidy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_ends_early_is_quoted_to_its_reader() {
    let server = Setup::new().start();
    let agents =
        agent(&server, b"#!/bin/sh\nprintf '\\0sealift-agent/1\\n'\necho the disk is on fire >&2\nexit 7\n");
    let mut streams = machine(&server, by_key(&server, "alice")).start_agent(&agents).await.unwrap();
    let error = streams.from_agent.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the agent ended: it exited with status 7: the disk is on fire");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bytes_go_both_ways_unchanged() {
    let server = Setup::new().start();
    let agents = agent(&server, b"#!/bin/sh\nprintf '\\0sealift-agent/1\\n'\nexec cat\n");
    let streams = machine(&server, by_key(&server, "alice")).start_agent(&agents).await.unwrap();
    let (mut from_agent, mut to_agent) = (streams.from_agent, streams.to_agent);
    let sent: Vec<u8> =
        (0..16_u32 << 20).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let digest = Digest::of(&sent);
    let writing = tokio::spawn(async move {
        to_agent.write_all(&sent).await.unwrap();
        to_agent.shutdown().await.unwrap();
    });
    let mut heard = Vec::new();
    from_agent.read_to_end(&mut heard).await.unwrap();
    writing.await.unwrap();
    assert_eq!(Digest::of(&heard), digest);
}
