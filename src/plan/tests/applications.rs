//! Applications that come, change, take another's place, and go.

use super::*;
use crate::model::{
    Bundle, BundledApplication, Config, Environment, ImageContract, ImageKind, ImageWishes, Scripts,
    Strategy, Undoing,
};
use crate::plan::launch_commands;

/// A cluster that is as desired, with the images given.
fn settled(images: &[ImageContract]) -> (Desired, Observed) {
    let mut desired = desired(1, 1);
    desired.images = images.to_vec();
    desired.cluster.images = images.iter().map(|image| image.name.clone()).collect();
    let seen = observed(&desired, |spec| member(&desired, spec));
    (desired, seen)
}

fn base() -> [ImageContract; 2] {
    [image("kubernetes", ImageKind::Rootfs), image("flannel", ImageKind::Application)]
}

fn application(name: &str, clean: &str) -> ImageContract {
    let mut image = image(name, ImageKind::Application);
    image.scripts.clean = clean.to_owned();
    image
}

fn of_applications(plan: &Plan) -> Vec<&Action> {
    let is_one = |action: &&Action| matches!(action, Action::Launch { .. } | Action::Uninstall { .. });
    plan.steps.iter().map(|step| &step.action).filter(is_one).collect()
}

fn launched_alone(image: &str) -> Vec<Action> {
    vec![Action::Launch { image: image.to_owned() }]
}

#[test]
fn its_own_variables_launch_an_application_again_and_touch_nothing_else() {
    let [rootfs, flannel] = base();
    let (mut desired, seen) = settled(&[rootfs, flannel, application("hello:v1", "")]);
    desired.cluster.wishes.insert(
        "hello:v1".to_owned(),
        ImageWishes {
            environment: Environment::from([("COLOUR".to_owned(), "red".to_owned())]),
            ..ImageWishes::default()
        },
    );
    let plan = launch(&desired, &seen, None).unwrap();
    assert_eq!(of_applications(&plan), launched_alone("hello:v1").iter().collect::<Vec<_>>());
    let touched = plan.steps.iter().filter(|step| step.machine.is_some()).count();
    assert_eq!(touched, 1, "{}", read(&plan));
}

#[test]
fn an_application_that_comes_interrupts_nothing() {
    let [rootfs, flannel] = base();
    let (_, seen) = settled(&[rootfs.clone(), flannel.clone()]);
    let (desired, _) = settled(&[rootfs, flannel, application("hello:v1", "")]);
    let plan = launch(&desired, &seen, None).unwrap();
    assert_eq!(of_applications(&plan), launched_alone("hello:v1").iter().collect::<Vec<_>>());
    let interrupting = plan.steps.iter().filter(|step| step.disruption != Disruption::None).count();
    assert_eq!(interrupting, 0, "{}", read(&plan));
}

#[test]
fn one_that_is_not_wanted_any_more_is_taken_off_with_its_own_word() {
    let [rootfs, flannel] = base();
    let hello = application("hello:v1", "clean.sh");
    let (_, mut seen) = settled(&[rootfs.clone(), flannel.clone(), hello.clone()]);
    let (mut desired, _) = settled(&[rootfs, flannel]);
    desired.parting = vec![hello.clone()];
    let plan = launch(&desired, &seen, None).unwrap();
    let gone = Action::Uninstall { image: "hello:v1".to_owned() };
    assert_eq!(of_applications(&plan), [&gone]);
    let step = plan.steps.iter().find(|step| step.action == gone).unwrap();
    assert_eq!(step.disruption, Disruption::Data);
    // Its files may be on another control plane, which has left.
    let Some(Seen::Known(facts)) = seen.machines.get_mut(&desired.cluster.machines[0].name) else { panic!() };
    let files = hello.layers[0].diff_id.clone();
    facts.holdings.layers.remove(&files);
    let plan = launch(&desired, &seen, None).unwrap();
    assert!(
        matches!(&plan.steps[0].action, Action::SendLayers { layers, .. } if layers == &[files]),
        "{}",
        read(&plan)
    );
    // What the cluster has not written down any more is gone.
    let Some(Seen::Known(api)) = &mut seen.api else { panic!() };
    api.applications.remove("hello:v1");
    assert!(of_applications(&launch(&desired, &seen, None).unwrap()).is_empty());
}

#[test]
fn what_was_wanted_of_an_application_stays_until_it_is_gone() {
    let [rootfs, flannel] = base();
    let hello = application("hello:v1", "clean.sh");
    let (mut before, _) = settled(&[rootfs.clone(), flannel.clone(), hello.clone()]);
    let environment = Environment::from([("REPLICAS".to_owned(), "3".to_owned())]);
    let wishes = ImageWishes { environment, ..ImageWishes::default() };
    before.cluster.wishes.insert(hello.name.clone(), wishes.clone());
    let trees = vec![hello.name.clone(), flannel.name.clone()];
    let config = Config { trees, ..Config::plain("manifests/a.yaml", Strategy::Merge, "a: 1") };
    before.cluster.configs = vec![config.clone()];
    let (mut desired, _) = settled(&[rootfs, flannel]);
    for _ in 0..2 {
        crate::plan::keep_wishes(&mut desired.cluster, std::slice::from_ref(&hello), &before.cluster);
    }
    assert_eq!(desired.cluster.wishes.get(&hello.name), Some(&wishes));
    assert_eq!(desired.cluster.configs, [Config { trees: vec![hello.name], ..config }]);
}

#[test]
fn an_application_goes_without_its_clean_where_that_is_left_out() {
    let [rootfs, flannel] = base();
    let hello = application("hello:v1", "clean.sh");
    let (_, seen) = settled(&[rootfs.clone(), flannel.clone(), hello.clone()]);
    let (mut desired, _) = settled(&[rootfs, flannel]);
    desired.parting = vec![hello.clone()];
    assert_eq!(crate::plan::clean_of(&desired, &hello).as_deref(), Some("clean.sh"));
    let wishes = ImageWishes { undoing: Undoing::LeftThere, ..ImageWishes::default() };
    desired.cluster.wishes.insert(hello.name.clone(), wishes);
    assert_eq!(crate::plan::clean_of(&desired, &hello), None);
    let plan = launch(&desired, &seen, None).unwrap();
    assert_eq!(of_applications(&plan), [&Action::Uninstall { image: hello.name }]);
    let uninstall = plan.steps.iter().find(|step| matches!(step.action, Action::Uninstall { .. })).unwrap();
    assert!(uninstall.reason.contains("its `clean` is left out"), "{}", uninstall.reason);
}

#[test]
fn another_version_takes_its_place_without_the_first_being_undone() {
    let [rootfs, flannel] = base();
    let (first, second) = (application("hello:v1", "clean.sh"), application("hello:v2", "clean.sh"));
    let (_, seen) = settled(&[rootfs.clone(), flannel.clone(), first.clone()]);
    let (mut desired, _) = settled(&[rootfs, flannel, second]);
    desired.parting = vec![first.clone()];
    let plan = launch(&desired, &seen, None).unwrap();
    let gone = Action::Uninstall { image: "hello:v1".to_owned() };
    assert_eq!(of_applications(&plan), [&Action::Launch { image: "hello:v2".to_owned() }, &gone]);
    assert_eq!(crate::plan::clean_of(&desired, &first), None);
    let mut renamed = first.clone();
    renamed.name = "hi:v1".to_owned();
    renamed.manifest = desired.images[2].manifest.clone();
    assert_eq!(crate::plan::clean_of(&desired, &renamed), None, "the same image goes on under another name");
    let launch = plan.steps.iter().find(|step| matches!(step.action, Action::Launch { .. })).unwrap();
    let step = plan.steps.iter().find(|step| step.action == gone).unwrap();
    assert!(step.needs.contains(&launch.number), "{}", read(&plan));
}

#[test]
fn a_command_takes_the_place_of_cmd_and_never_of_entrypoint() {
    let mut hello = application("hello:v1", "");
    hello.commands = vec!["entry".to_owned(), "cmd".to_owned()];
    hello.entrypoint_commands = 1;
    let [rootfs, flannel] = base();
    let (mut desired, _) = settled(&[rootfs, flannel, hello.clone()]);
    assert_eq!(launch_commands(&desired, &hello), ["entry", "cmd"]);
    desired.cluster.command = Some(vec!["for the first".to_owned()]);
    assert_eq!(launch_commands(&desired, &desired.images[1]), ["for the first"]);
    assert_eq!(launch_commands(&desired, &hello), ["entry", "cmd"], "it is for the first application alone");
    let own = ImageWishes { command: Some(vec!["mine".to_owned()]), ..ImageWishes::default() };
    desired.cluster.wishes.insert(hello.name.clone(), own);
    assert_eq!(launch_commands(&desired, &hello), ["entry", "mine"]);
}

#[test]
fn a_patch_names_scripts_in_the_place_of_the_rootfs_own_and_is_on_every_machine() {
    let mut patch = image("patch", ImageKind::Patch);
    let nothing = String::new;
    patch.scripts = Scripts {
        init: "more.sh".to_owned(),
        clean: nothing(),
        check: nothing(),
        init_registry: nothing(),
        clean_registry: nothing(),
        init_cri: Some("cri.sh".to_owned()),
        clean_cri: None,
    };
    assert!(!layers_of(&patch, Duty::Worker).is_empty());
    let [rootfs, flannel] = base();
    let (desired, seen) = settled(&[rootfs.clone(), patch, flannel.clone()]);
    let scripts = desired.scripts().unwrap();
    assert_eq!(
        (&*scripts.init, &*scripts.clean, scripts.init_cri.as_deref()),
        ("more.sh", "clean.sh", Some("cri.sh"))
    );
    assert!(launch(&desired, &seen, None).unwrap().is_empty());
    let (without, _) = settled(&[rootfs, flannel]);
    let plan = launch(&without, &seen, None).unwrap();
    let laid_out = plan.steps.iter().filter(|step| step.action == Action::LayOut).count();
    assert_eq!(laid_out, 2, "{}", read(&plan));
}

/// What a former version has kept: every image had the scripts of a rootfs, and a registry's receipt was made of all of them.
#[test]
fn scripts_that_a_former_version_made_up_are_no_promises() {
    let mut desired = desired(1, 1);
    for image in desired.images.iter_mut().filter(|image| image.kind == crate::model::ImageKind::Application)
    {
        image.scripts_are_named = false;
        image.scripts.clean = "clean.sh".to_owned();
        image.scripts.init_registry = "init-registry.sh".to_owned();
    }
    let application = desired.applications().next().unwrap().clone();
    assert_eq!(crate::plan::clean_of(&desired, &application), None);
    let settled = observed(&desired, |spec| {
        let mut facts = member(&desired, spec);
        let digest = crate::plan::receipts::registry_of_former_version(&desired, spec, &facts);
        facts.holdings.receipts.insert("registry".to_owned(), Receipt::of(digest));
        facts
    });
    assert!(launch(&desired, &settled, None).unwrap().is_empty());
}

/// A rootfs that launches two applications of its own.
fn with_applications_within(mut rootfs: ImageContract) -> ImageContract {
    let application = |name: &str| BundledApplication {
        name: name.to_owned(),
        commands: vec![format!("kubectl apply -f application/apps/{name} $(HOW)")],
        environment: Environment::new(),
    };
    let applications = ["net", "web"].map(application).to_vec();
    rootfs.bundle =
        Bundle { launched: vec!["net".to_owned(), "web".to_owned()], applications, commands: vec![] };
    rootfs
}

#[test]
fn applications_within_a_rootfs_are_launched_once_and_on_one_machine() {
    let [rootfs, flannel] = base();
    let images = [with_applications_within(rootfs), flannel];
    let (mut desired, seen) = settled(&images);
    assert!(launch(&desired, &seen, None).unwrap().is_empty());
    let fresh = observed(&desired, fresh);
    let plan = launch(&desired, &fresh, None).unwrap();
    let order = [launched_alone("kubernetes"), launched_alone("flannel")].concat();
    assert_eq!(of_applications(&plan), order.iter().collect::<Vec<_>>(), "{}", read(&plan));
    assert!(!plan.steps.iter().any(|step| step.action == Action::RunCommands), "{}", read(&plan));
    let checks = images.each_ref().map(crate::plan::check_of);
    assert_eq!(
        checks,
        [None, Some("check.sh".to_owned())],
        "what checks machines says nothing of applications"
    );
    // Fewer of them are other commands, and none is nothing to launch.
    let mut wanted = |names: &[&str]| {
        let applications = Some(names.iter().map(|&name| name.to_owned()).collect());
        let wishes = ImageWishes { applications, ..ImageWishes::default() };
        desired.cluster.wishes.insert("kubernetes".to_owned(), wishes);
        let plan = launch(&desired, &seen, None).unwrap();
        of_applications(&plan).into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(wanted(&["web"]), launched_alone("kubernetes"));
    assert_eq!(wanted(&[]), []);
}

#[test]
fn an_argument_launches_those_again_whose_commands_ask_for_it() {
    let [rootfs, flannel] = base();
    let mut hello = application("hello:v1", "");
    hello.commands = vec!["kubectl scale deployment/hello --replicas $(SIZE)".to_owned()];
    let (mut desired, seen) = settled(&[rootfs, flannel, hello]);
    desired.cluster.arguments =
        Environment::from([("SIZE", "2"), ("COLOUR", "red")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    let plan = launch(&desired, &seen, None).unwrap();
    assert_eq!(of_applications(&plan), launched_alone("hello:v1").iter().collect::<Vec<_>>());
    let touched = plan.steps.iter().filter(|step| step.machine.is_some()).count();
    assert_eq!(touched, 1, "{}", read(&plan));
    let hello = desired.images[2].clone();
    assert_eq!(launch_commands(&desired, &hello), ["kubectl scale deployment/hello --replicas 2"]);
    assert_eq!(crate::plan::unused_arguments(&desired), ["COLOUR"]);
}

#[test]
fn a_machine_is_let_in_to_the_end_whatever_becomes_of_applications() {
    let desired = desired(1, 2);
    let plan = launch(&desired, &observed(&desired, fresh), None).unwrap();
    let place = |wanted: &Action| plan.steps.iter().filter(|step| step.action == *wanted).collect::<Vec<_>>();
    let [kept] = place(&Action::KeepState)[..] else { panic!("{}", read(&plan)) };
    for join in place(&Action::JoinWorker) {
        assert!(kept.follows.contains(&join.number), "{}", read(&plan));
    }
}

#[test]
fn of_sealers_images_the_command_launches_one_that_would_not_be_by_itself() {
    let [rootfs, flannel] = base();
    let mut bringing = with_applications_within(rootfs.clone());
    bringing.bundle.launched.clear();
    let mut bare = rootfs.clone();
    bare.environment.insert("RegistryDomain".to_owned(), "sea.hub".to_owned());
    let mine = vec!["mine".to_owned()];
    for (images, taker) in [
        (vec![rootfs.clone(), flannel.clone()], Some("flannel")),
        (vec![bringing.clone(), flannel.clone()], Some("kubernetes")),
        (vec![bringing.clone()], Some("kubernetes")),
        (vec![bare.clone(), flannel.clone()], Some("flannel")),
        (vec![bare.clone()], Some("kubernetes")),
        (vec![rootfs], None),
    ] {
        let (mut desired, _) = settled(&images);
        desired.cluster.command = Some(mine.clone());
        let has_it = |image: &&ImageContract| launch_commands(&desired, image) == mine;
        let takers: Vec<&str> =
            desired.applications().filter(has_it).map(|image| image.name.as_str()).collect();
        assert_eq!(takers, taker.into_iter().collect::<Vec<_>>());
        assert_eq!(crate::plan::is_command_idle(&desired), taker.is_none());
    }
    // Beside the image it is the image's, and no machine's.
    let (mut desired, _) = settled(&[bare.clone(), flannel]);
    let wishes = ImageWishes { command: Some(mine.clone()), ..ImageWishes::default() };
    desired.cluster.wishes.insert(bare.name.clone(), wishes);
    assert_eq!(launch_commands(&desired, &bare), mine);
    assert_eq!(desired.applications().count(), 2);
    assert!(crate::plan::machine_commands(&desired, &bare).is_empty());
}

#[test]
fn variables_of_an_application_within_an_image_give_way_to_the_operators() {
    let [rootfs, _] = base();
    let mut rootfs = with_applications_within(rootfs);
    rootfs.bundle.applications[1].environment =
        [("HOW", "it's $1"), ("SIZE", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
    let (mut desired, _) = settled(&[rootfs.clone()]);
    let web = |desired: &Desired| launch_commands(desired, &rootfs)[1].clone();
    let line = "kubectl apply -f application/apps/web";
    assert_eq!(web(&desired), format!(r"export HOW='it'\''s $$1'; export SIZE=2; {line} it's $$1"));
    desired.cluster.environment.insert("HOW".to_owned(), "mine".to_owned());
    assert_eq!(web(&desired), format!("export SIZE=2; {line} $(HOW)"), "the operator's is put there later");
    let environment = Environment::from([("SIZE".to_owned(), "9".to_owned())]);
    desired.cluster.wishes.insert(rootfs.name.clone(), ImageWishes { environment, ..ImageWishes::default() });
    assert_eq!(web(&desired), format!("{line} $(HOW)"));
}

#[test]
fn arguments_have_nothing_run_again_on_machines() {
    let [mut rootfs, flannel] = base();
    rootfs.commands = vec!["tune $SIZE".to_owned()];
    let (mut desired, _) = settled(&[rootfs.clone(), flannel]);
    let ran = |desired: &Desired| {
        let machine = &desired.cluster.machines[0];
        crate::plan::receipts::ran(desired, machine, &fresh(machine)).unwrap()
    };
    let before = ran(&desired);
    desired.cluster.arguments.insert("SIZE".to_owned(), "2".to_owned());
    assert_eq!(crate::plan::machine_commands(&desired, &rootfs), ["tune $SIZE"]);
    assert_eq!(ran(&desired), before);
    assert_eq!(crate::plan::unused_arguments(&desired), ["SIZE"]);
}

#[test]
fn a_config_of_kubeadms_file_launches_nothing_within_the_rootfs_again() {
    let [rootfs, flannel] = base();
    let (mut desired, _) = settled(&[with_applications_within(rootfs.clone()), flannel]);
    let before = crate::plan::receipts::launched(&desired, &desired.images[0]);
    let config = |path: &str| {
        let trees = vec![rootfs.name.clone()];
        Config { trees, ..Config::plain(path, Strategy::Merge, "a: 1") }
    };
    desired.cluster.configs = vec![config("etc/kubeadm.yml")];
    assert_eq!(crate::plan::receipts::launched(&desired, &desired.images[0]), before);
    desired.cluster.configs.push(config("application/apps/web/web.yaml"));
    assert_ne!(crate::plan::receipts::launched(&desired, &desired.images[0]), before);
}
