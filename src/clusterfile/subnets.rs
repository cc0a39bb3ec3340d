//! Networks and addresses of which there is one, or one of each address family: a list, or a text with a comma between them.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::ledger::{Finding, Ledger};
use super::place::Located;
use super::reader::Field;
use crate::model::{Family, Subnets};

/// How pairs are written.
const PAIR: &str = "write one of IPv4 and one of IPv6, that of the machines' addresses first";

/// Reads networks out of a field.
pub(super) fn of_field(field: &Field<'_>) -> Option<Located<Subnets>> {
    let nets = each(field, &|field, text| {
        let net: IpNet = parsed(field, text, "a network", "10.96.0.0/22 or fd00::/112")?;
        let begins = net.trunc();
        if begins != net {
            let message = format!("is {net}, which does not begin its network");
            field.ledger().error(field.finding(message).remedy(format!("write {begins}")));
            return None;
        }
        Some(net)
    })?;
    of_nets(field.ledger(), nets)
}

/// Puts networks together that were read one by one.
pub(super) fn of_nets(ledger: &Ledger, nets: Vec<Located<IpNet>>) -> Option<Located<Subnets>> {
    let (first, second) = one_or_two(ledger, nets)?;
    let Some(second) = second else { return Some(first.map(Subnets::from)) };
    let pair = Subnets::pair(first.value, second.value);
    if pair.is_none() {
        one_family(ledger, &first, &second);
    }
    Some(Located::new(pair?, first.place))
}

/// Reads a machine's address, and its second one where two are there.
pub(super) fn addresses(field: &Field<'_>) -> Option<(IpAddr, Option<IpAddr>)> {
    let read = each(field, &|field, text| parsed(field, text, "an IP address", "10.0.0.1 or fd00::1"))?;
    let (first, second): (Located<IpAddr>, _) = one_or_two(field.ledger(), read)?;
    if let Some(second) = second.as_ref().filter(|second| Family::of(second.value) == Family::of(first.value))
    {
        one_family(field.ledger(), &first, second);
        return None;
    }
    Some((first.value, second.map(|second| second.value)))
}

/// Reads the values of a list or of a text; `None` where any of them is wrong.
fn each<T>(field: &Field<'_>, read: &dyn Fn(&Field<'_>, &str) -> Option<T>) -> Option<Vec<Located<T>>> {
    let of_text = |field: &Field<'_>| {
        let text = field.word()?;
        let pieces =
            text.value.split(',').map(|piece| Some(Located::new(read(field, piece.trim())?, text.place)));
        pieces.collect::<Option<Vec<_>>>()
    };
    if field.is_scalar() {
        return of_text(field);
    }
    if field.is_empty_list() {
        field.ledger().error(field.finding("is empty").remedy("write a value, or leave the field out"));
        return None;
    }
    let items: Vec<_> = field.items().iter().map(of_text).collect();
    Some(items.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

fn parsed<T: FromStr>(field: &Field<'_>, text: &str, what: &str, example: &str) -> Option<T> {
    let value = text.parse().ok();
    if value.is_none() {
        let message = format!("must be {what}, not `{text}`");
        field.ledger().error(field.finding(message).remedy(format!("write it as {example}")));
    }
    value
}

fn one_or_two<T: Copy>(ledger: &Ledger, values: Vec<Located<T>>) -> Option<(Located<T>, Option<Located<T>>)> {
    let mut values = values.into_iter();
    let (first, second, third) = (values.next()?, values.next(), values.next());
    if let Some(third) = third {
        ledger.error(
            Finding::of(&third, "there are at most two of them, one of each address family").remedy(PAIR),
        );
        return None;
    }
    Some((first, second))
}

fn one_family<T: Display>(ledger: &Ledger, first: &Located<T>, second: &Located<T>) {
    let message = format!("{} and {} are of one address family", first.value, second.value);
    ledger.error(Finding::of(second, message).remedy(PAIR));
}
