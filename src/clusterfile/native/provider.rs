//! What makes the machines, where they are not the operator's.

use crate::clusterfile::reader::{Field, Fields};
use crate::model::{DeclaredMachines, MachineOrder};

/// So many machines of one role may be asked for.
const MOST_MACHINES: u64 = 5000;

/// Reads the provider of a cluster.
pub(super) fn made(field: &Field<'_>) -> Option<DeclaredMachines> {
    if field.is_scalar() {
        let word = field.text()?.value;
        let finding = field.finding(format!("must be a mapping, not `{word}`"));
        field.ledger().error(finding.remedy(
            "write `container:` or `alibabaCloud:` below it; for machines of yours leave it out and list `hosts`",
        ));
        return None;
    }
    let fields = field.fields()?;
    let made = match (fields.get("container"), fields.get("alibabaCloud")) {
        (Some(_), Some(_)) => {
            let finding = field.finding("names two providers");
            field.ledger().error(finding.remedy("keep one; a cluster's machines come from one place"));
            None
        }
        (Some(container), None) => containers(&container),
        (None, Some(cloud)) => alibaba_cloud(&cloud),
        // A provider that is not known is told as a field that is not.
        (None, None) if !field.is_empty_mapping() => None,
        (None, None) => {
            let finding = field.finding("names no provider");
            field.ledger().error(finding.remedy("write `container:` or `alibabaCloud:` below it"));
            None
        }
    };
    fields.finish();
    made
}

fn containers(field: &Field<'_>) -> Option<DeclaredMachines> {
    let fields = field.fields()?;
    let control_planes = fields.need("controlPlanes", "how many").and_then(|field| count(&field));
    let workers = fields.get("workers").and_then(|field| count(&field)).unwrap_or_default();
    let image = fields.get("machineImage").and_then(|field| field.word()).map(|image| image.value);
    fields.finish();
    Some(DeclaredMachines::Containers { control_planes: control_planes?, workers, image })
}

fn alibaba_cloud(field: &Field<'_>) -> Option<DeclaredMachines> {
    let fields = field.fields()?;
    let control_planes = fields.need("controlPlanes", "`count:` below it").and_then(|field| order(&field));
    let workers = fields.get("workers").and_then(|field| order(&field)).unwrap_or_default();
    fields.finish();
    not_built(field);
    Some(DeclaredMachines::AlibabaCloud { control_planes: control_planes?, workers })
}

/// Takes down that no machines are made at Alibaba Cloud.
pub(in crate::clusterfile) fn not_built(field: &Field<'_>) {
    field.ledger().not_acted_on(
        field
            .finding("orders machines from Alibaba Cloud, and this version makes none there")
            .remedy("make the machines yourself and list them by address; then leave it out"),
    );
}

fn order(field: &Field<'_>) -> Option<MachineOrder> {
    let fields = field.fields()?;
    let count = fields.need("count", "how many machines").and_then(|field| count(&field));
    let order = MachineOrder { count: count.unwrap_or_default(), ..sizes(&fields) };
    fields.finish();
    Some(order)
}

/// Reads how many machines.
pub(in crate::clusterfile) fn count(field: &Field<'_>) -> Option<usize> {
    Some(field.number("a number of machines", 0..=MOST_MACHINES)?.value)
}

/// Reads how large a machine is.
pub(in crate::clusterfile) fn sizes(fields: &Fields<'_>) -> MachineOrder {
    let size = |name: &'static str, what: &str| {
        fields.get(name).and_then(|field| field.number::<u32>(what, 1..=65535)).map(|size| size.value)
    };
    let disk = |field: &Field<'_>| field.number("a number of GB", 1..=65535).map(|size| size.value);
    let disks = fields.get("dataDisks").map(|field| field.items()).unwrap_or_default();
    MachineOrder {
        count: 0,
        cpu: size("cpu", "a number of cores"),
        memory: size("memory", "a number of GiB"),
        system_disk: size("systemDisk", "a number of GB"),
        data_disks: disks.iter().filter_map(disk).collect(),
    }
}
