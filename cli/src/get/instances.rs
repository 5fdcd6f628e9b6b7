//! Lists instances as rows, page by page, up to the requested number.

use std::pin::pin;

use clap::Args;
use futures::TryStreamExt;
use indexmap::IndexSet;
use spice_client::{Instance, Read, Select};
use spice_core::ontology::Class;

use crate::{
    classes,
    failure::usage,
    filter::{HELP, conditions, name},
    output::{self, Values, value_cell},
    session::Session,
};

/// Instances per call.
const PAGE: usize = 1_000;

/// The selection of instances.
#[derive(Debug, Args)]
#[command(next_help_heading = "Instances")]
pub(crate) struct Selection {
    /// The class.
    #[arg(short, long, value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// A condition, e.g. `price>=10`, `name~Ab%`, `state=in(CO,UT)` or `note?`. Repeatable.
    /// Details: `--help`.
    #[arg(long, value_name = "CONDITION", long_help = HELP)]
    pub(crate) filter: Vec<String>,
    /// Words in any text, ignoring case; `word*` matches a prefix.
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// The property to sort by; `-price` sorts in descending order.
    #[arg(long, value_name = "PROPERTY", allow_hyphen_values = true)]
    pub(crate) order_by: Option<String>,
    /// The maximum number of instances; by default 100.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// List all instances.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Read the state at this log position or RFC 3339 time.
    #[arg(long, value_name = "MOMENT")]
    pub(crate) as_of: Option<String>,
}

impl Selection {
    /// Refuses flags that do not apply to `what`; those in `allowed` do.
    pub(super) fn refuse_except(&self, allowed: &[&str], what: &str) -> anyhow::Result<()> {
        let given = [
            ("--class", self.class.is_some()),
            ("--filter", !self.filter.is_empty()),
            ("--search", self.search.is_some()),
            ("--order-by", self.order_by.is_some()),
            ("--limit", self.limit.is_some()),
            ("--all", self.all),
            ("--as-of", self.as_of.is_some()),
        ];
        let unused = |(flag, is_given): &(&str, bool)| *is_given && !allowed.contains(flag);
        match given.into_iter().find(unused) {
            Some((flag, _)) => Err(usage(format!(
                "{flag} does not apply to {what}; leave it out"
            ))),
            None => Ok(()),
        }
    }
}

/// Instances that are shown when no number is given.
const USUAL: usize = 100;

pub(super) async fn get(
    session: &Session,
    name: Option<&str>,
    selection: &Selection,
) -> anyhow::Result<()> {
    let (class, id) = match (selection.class.as_deref(), name) {
        (None, None) => {
            return Err(usage("name a class: `spice get instances CLASS`"));
        }
        (Some(class), id) => (class, id),
        (None, Some(name)) => match name.split_once('/') {
            Some((class, id)) => (class, Some(id)),
            None => (name, None),
        },
    };
    let read = session.read(selection.as_of.as_deref());
    if let Some(id) = id {
        selection.refuse_except(&["--class", "--as-of"], "a single instance")?;
        let database = session.database()?;
        let found = session.client.instance(database, class, id, &read).await?;
        if !session.is_table() {
            return output::document(session.format, &found);
        }
        let (class, _) = classes::find(session, &found.class_id, &read).await?;
        return show(&[found], &class);
    }
    let (class, schema) = classes::find(session, class, &read).await?;
    let filter = conditions(&selection.filter, &schema, Some(&class))?;
    let select = Select {
        filter,
        search: selection.search.clone(),
        order_by: selection.order_by.as_deref().map(|it| order(&class, it)),
        ..Select::default()
    };
    let limit = selection.limit.unwrap_or(USUAL);
    let wanted = if selection.all { usize::MAX } else { limit };
    let (instances, total) = list(session, &class, select, wanted, &read).await?;
    if session.is_table() {
        show(&instances, &class)?;
    } else {
        output::document(session.format, &instances)?;
    }
    if (instances.len() as u64) < total {
        output::note(format!(
            "{} of {total}; use --limit or --all for more",
            instances.len()
        ));
    }
    Ok(())
}

/// The requested instances, and the total number.
async fn list(
    session: &Session,
    class: &Class,
    select: Select,
    wanted: usize,
    read: &Read,
) -> anyhow::Result<(Vec<Instance>, u64)> {
    let database = session.database()?;
    let select = Select {
        limit: Some(wanted.clamp(1, PAGE)),
        ..select
    };
    let client = &session.client;
    let mut pages =
        pin!(client.instance_pages::<Instance>(database, class.id.as_str(), select, read));
    let (mut instances, mut total) = (Vec::new(), 0);
    while let Some(page) = pages.try_next().await? {
        total = page.total;
        instances.extend(page.instances);
        if instances.len() >= wanted {
            break;
        }
    }
    instances.truncate(wanted);
    Ok((instances, total))
}

/// An order in the form of the api: `-price`, with the name of the property.
fn order(class: &Class, text: &str) -> String {
    match text.strip_prefix('-') {
        Some(rest) => format!("-{}", name(Some(class), rest)),
        None => name(Some(class), text).to_owned(),
    }
}

fn show(instances: &[Instance], class: &Class) -> anyhow::Result<()> {
    if instances.is_empty() {
        output::note(format!("no instances of {}", class.id));
        return Ok(());
    }
    let values = instances
        .iter()
        .map(|instance| output::values(Some(&instance.data)))
        .collect::<serde_json::Result<Vec<_>>>()?;
    // The properties that have a value, in the order of the class, then undeclared keys.
    let mut properties: IndexSet<&str> = class.names().map(AsRef::as_ref).collect();
    properties.retain(|name| values.iter().any(|data| data.contains_key(*name)));
    properties.extend(
        values
            .iter()
            .flat_map(|data| data.keys().map(String::as_str)),
    );
    let row = |(instance, data): (&Instance, &Values)| {
        let mut row = vec![instance.instance_id.clone()];
        row.extend(properties.iter().map(|name| value_cell(data, name)));
        row.push(instance.event_sequence.to_string());
        row
    };
    let rows: Vec<Vec<String>> = instances.iter().zip(&values).map(row).collect();
    Ok(output::table(&head(&properties), &rows)?)
}

/// The header for the id, the properties and the sequence. If the name of a property is also the
/// name of another column, the property is shown below `data`.
fn head(properties: &IndexSet<&str>) -> Vec<String> {
    let (first, last) = ("ID".to_owned(), "SEQUENCE".to_owned());
    let is_alone = |head: &String| {
        let same = properties.iter().filter(|it| it.to_uppercase() == *head);
        *head != first && *head != last && same.count() == 1
    };
    let names = properties.iter().map(|name| {
        let upper = name.to_uppercase();
        if is_alone(&upper) {
            upper
        } else {
            format!("data.{name}")
        }
    });
    let names: Vec<String> = names.collect();
    [vec![first], names, vec![last]].concat()
}

#[cfg(test)]
mod tests {
    //! Tests for table headers.
    use super::*;

    #[test]
    fn a_property_is_not_confused_with_another_column() {
        let properties = ["name", "id", "Sequence", "size", "SIZE"].into();
        assert_eq!(
            head(&properties),
            [
                "ID",
                "NAME",
                "data.id",
                "data.Sequence",
                "data.size",
                "data.SIZE",
                "SEQUENCE"
            ]
        );
    }
}
