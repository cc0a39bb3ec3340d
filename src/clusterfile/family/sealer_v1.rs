//! `sealer.aliyun.com/v1alpha1` and `zlink.aliyun.com/v1alpha1`

use super::{login, need_name, no_effect, read as read_document};
use crate::clusterfile::draft::{Draft, DraftMachines};
use crate::clusterfile::hosts::{Group, hosts};
use crate::clusterfile::ledger::Finding;
use crate::clusterfile::native::{certificate_names, count, not_built, sizes};
use crate::clusterfile::place::Located;
use crate::clusterfile::reader::{Field, Fields};
use crate::clusterfile::{subnets, variables};
use crate::model::{DeclaredMachine, DeclaredMachines, MachineOrder, Role};

/// Where machines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    BareMetal,
    AlibabaCloud,
    Container,
}

const PROVIDERS: [(&str, Provider); 3] = [
    ("BAREMETAL", Provider::BareMetal),
    ("ALI_CLOUD", Provider::AlibabaCloud),
    ("CONTAINER", Provider::Container),
];

/// Fields that say how large a machine is.
const SIZES: [&str; 4] = ["cpu", "memory", "systemDisk", "dataDisks"];

/// The machines of one role.
struct Hosts {
    machines: Vec<Located<DeclaredMachine>>,
    order: MachineOrder,
    counted: Option<Located<usize>>,
}

/// Reads a Cluster document.
pub(in crate::clusterfile) fn read(document: &Field<'_>) -> Draft {
    let draft = read_document(document, spec, |name| match name {
        "hosts" => Some("list machines in `masters:` and `nodes:`, or begin with apiVersion sealer.cloud/v2"),
        "images" => Some("write `image:` with one name"),
        _ => None,
    });
    need_name(document, &draft);
    draft
}

fn spec(spec: &Fields<'_>, draft: &mut Draft) {
    draft.images.extend(spec.need("image", "the cluster image").and_then(|field| field.word()));
    if let Some(env) = spec.get("env") {
        draft.rest.environment = variables::plain(&variables::list(&env));
    }
    if let Some(ssh) = spec.get("ssh") {
        draft.rest.login = login::sealer(&ssh);
    }
    if let Some(network) = spec.get("network") {
        read_network(&network, draft);
    }
    if let Some(names) = spec.get("certSANS") {
        draft.rest.certificate_names = certificate_names(&names);
    }
    draft.machines = machines(spec, draft);
}

fn read_network(field: &Field<'_>, draft: &mut Draft) {
    let Some(fields) = field.fields() else { return };
    let network = &mut draft.network;
    network.interface = fields.get("interface").and_then(|field| field.word()).map(|word| word.value);
    network.pods = fields.get("podCIDR").and_then(|field| subnets::of_field(&field));
    network.services = fields.get("svcCIDR").and_then(|field| subnets::of_field(&field));
    let name = fields.get("cniName").and_then(|field| field.word());
    let without = fields.get("withoutCNI").and_then(|field| field.truth()).is_some_and(|truth| truth.value);
    network.pod_network = name.map(|name| name.value).filter(|_| !without);
    fields.finish();
}

fn machines(spec: &Fields<'_>, draft: &Draft) -> DraftMachines {
    let field = spec.get("provider");
    // A provider that is not known is told; the machines are read as if they were the operator's.
    let provider = field.as_ref().map(|field| field.one_of(&PROVIDERS).map(|provider| provider.value));
    let masters = spec.get("masters").map(|field| read_hosts(&field, Role::ControlPlane));
    let nodes = spec.get("nodes").map(|field| read_hosts(&field, Role::Worker));
    let place = field.as_ref().map_or(draft.place, Field::place);
    match provider.flatten() {
        Some(Provider::Container) => {
            DraftMachines::Made(Located::new(containers(spec, masters.as_ref(), nodes.as_ref()), place))
        }
        Some(Provider::AlibabaCloud) => {
            if let Some(field) = &field {
                not_built(field);
            }
            let order = |hosts: Option<Hosts>| hosts.map(ordered).unwrap_or_default();
            let (control_planes, workers) = (order(masters), order(nodes));
            DraftMachines::Made(Located::new(
                DeclaredMachines::AlibabaCloud { control_planes, workers },
                place,
            ))
        }
        Some(Provider::BareMetal) | None => {
            let listed = [masters, nodes].into_iter().flatten();
            DraftMachines::Given(listed.flat_map(|hosts| given(spec, hosts)).collect())
        }
    }
}

fn read_hosts(field: &Field<'_>, role: Role) -> Hosts {
    let mut read = Hosts { machines: vec![], order: MachineOrder::default(), counted: None };
    let Some(fields) = field.fields() else { return read };
    let group = Group::of(role);
    let listed = fields.get("ipList").map(|field| field.items()).unwrap_or_default();
    read.machines = listed.iter().flat_map(hosts).map(|host| host.map(|ssh| group.machine(ssh))).collect();
    read.counted = fields.get("count").and_then(|field| Some(Located::new(count(&field)?, field.place())));
    read.order = sizes(&fields);
    fields.finish();
    read
}

/// How many machines are wanted: `count`, and where that is missing as many as the list of an earlier run has.
fn wanted(hosts: &Hosts) -> usize {
    hosts.counted.as_ref().map_or(hosts.machines.len(), |count| count.value)
}

fn ordered(hosts: Hosts) -> MachineOrder {
    MachineOrder { count: wanted(&hosts), ..hosts.order }
}

fn containers(spec: &Fields<'_>, masters: Option<&Hosts>, nodes: Option<&Hosts>) -> DeclaredMachines {
    let sized = |name| {
        let fields = spec.get(name)?.fields()?;
        SIZES.into_iter().find_map(|size| fields.get(size))
    };
    if let Some(field) = sized("masters").or_else(|| sized("nodes")) {
        no_effect(&field, "containers are as large as the machine they run on");
    }
    DeclaredMachines::Containers {
        control_planes: masters.map_or(0, wanted),
        workers: nodes.map_or(0, wanted),
        image: None,
    }
}

/// Machines that are there need addresses; a number beside them must be theirs.
fn given(spec: &Fields<'_>, hosts: Hosts) -> Vec<Located<DeclaredMachine>> {
    let ledger = spec.whole().ledger();
    if let Some(count) = &hosts.counted
        && count.value != hosts.machines.len()
    {
        let finding = match hosts.machines.len() {
            0 => Finding::of(count, format!("{} machines are counted and none is listed", count.value))
                .remedy("list their addresses in `ipList`, or say by `provider` who makes them"),
            listed => {
                Finding::of(count, format!("{} machines are counted and {listed} are listed", count.value))
                    .remedy("leave `count` out; machines that are there are listed in `ipList`")
            }
        };
        ledger.error(finding);
    }
    hosts.machines
}
