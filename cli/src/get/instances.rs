//! Instances as rows: page by page, as many as were asked for.

use std::pin::pin;

use futures::TryStreamExt;
use spice_client::{Instance, Read, Select};

use super::{Selection, conditions};
use crate::{
    failure::usage,
    output::{self, written},
    session::Session,
};

/// Instances that one call brings.
const PAGE: usize = 1_000;

pub(super) async fn get(
    session: &Session,
    name: Option<&str>,
    selection: &Selection,
) -> anyhow::Result<()> {
    let (class, id) = match (selection.class.as_deref(), name) {
        (None, None) => {
            return Err(usage("which class? name it: `spice get instances CLASS`"));
        }
        (Some(class), id) => (class, id),
        (None, Some(name)) => match name.split_once('/') {
            Some((class, id)) => (class, Some(id)),
            None => (name, None),
        },
    };
    let read = session.read(selection.as_of.as_deref());
    if let Some(id) = id {
        let database = session.database()?;
        let found = session.client.instance(database, class, id, &read).await?;
        if !session.is_table() {
            return output::document(session.format, &found);
        }
        return show(&[found], class);
    }
    let (instances, total) = list(session, class, selection, &read).await?;
    if !session.is_table() {
        return output::document(session.format, &instances);
    }
    show(&instances, class)?;
    if (instances.len() as u64) < total {
        output::note(format!(
            "{} of {total}; --limit or --all for more",
            instances.len()
        ));
    }
    Ok(())
}

/// The instances that were asked for, and how many there are.
async fn list(
    session: &Session,
    class: &str,
    selection: &Selection,
    read: &Read,
) -> anyhow::Result<(Vec<Instance>, u64)> {
    let database = session.database()?;
    let definition = if selection.filter.is_empty() {
        None
    } else {
        Some(session.client.class(database, class, read).await?)
    };
    let wanted = if selection.all {
        usize::MAX
    } else {
        selection.limit
    };
    let select = Select {
        filter: conditions(&selection.filter, definition.as_ref())?,
        search: selection.search.clone(),
        order_by: selection.order_by.clone(),
        limit: Some(wanted.clamp(1, PAGE)),
        ..Select::default()
    };
    let mut pages = pin!(
        session
            .client
            .instance_pages::<Instance>(database, class, select, read)
    );
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

fn show(instances: &[Instance], class: &str) -> anyhow::Result<()> {
    if instances.is_empty() {
        output::note(format!("no instance of {class}"));
        return Ok(());
    }
    let mut values = Vec::with_capacity(instances.len());
    let mut properties: Vec<String> = Vec::new();
    for instance in instances {
        let data = output::values(Some(&instance.data))?;
        for name in data.keys() {
            if !properties.contains(name) {
                properties.push(name.clone());
            }
        }
        values.push(data);
    }
    let mut head = vec!["ID".to_owned()];
    head.extend(properties.iter().map(|name| name.to_uppercase()));
    head.push("SEQUENCE".to_owned());
    let rows: Vec<Vec<String>> = instances
        .iter()
        .zip(&values)
        .map(|(instance, data)| {
            let mut row = vec![instance.instance_id.clone()];
            let shown = properties.iter().map(|name| data.get(name));
            row.extend(shown.map(|value| value.map(|it| written(it)).unwrap_or_default()));
            row.push(instance.event_sequence.to_string());
            row
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    Ok(output::table(&head, &rows)?)
}
