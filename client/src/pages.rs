//! Lists page by page, without end in sight.

use futures::{Stream, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use crate::{Client, Error, InstancePage, Read, Select};

impl Client {
    /// The pages of a list, from `select` on until the last, each fetched when it is asked for.
    pub fn instance_pages<'c, T: DeserializeOwned + 'c>(
        &'c self,
        database: &'c str,
        class: &'c str,
        select: Select,
        read: &'c Read,
    ) -> impl Stream<Item = Result<InstancePage<T>, Error>> + 'c {
        stream::try_unfold(Some(select), move |next| async move {
            let Some(select) = next else {
                return Ok(None);
            };
            let page: InstancePage<T> = self.instance_page(database, class, &select, read).await?;
            let next = following(&select, &page);
            Ok(Some((page, next)))
        })
    }

    /// The instances of those pages.
    pub fn instances<'c, T: DeserializeOwned + 'c>(
        &'c self,
        database: &'c str,
        class: &'c str,
        select: Select,
        read: &'c Read,
    ) -> impl Stream<Item = Result<T, Error>> + 'c {
        self.instance_pages(database, class, select, read)
            .map_ok(|page| stream::iter(page.instances.into_iter().map(Ok)))
            .try_flatten()
    }
}

/// What to ask for next. A list of the past in an order of its own has no cursor: it cannot change
/// and is paged by offset.
fn following<T>(select: &Select, page: &InstancePage<T>) -> Option<Select> {
    if let Some(cursor) = &page.cursor {
        return Some(Select {
            cursor: Some(cursor.clone()),
            offset: None,
            ..select.clone()
        });
    }
    let seen = select.offset.unwrap_or(0) + page.instances.len();
    let more = select.cursor.is_none() && !page.instances.is_empty() && (seen as u64) < page.total;
    more.then(|| Select {
        offset: Some(seen),
        ..select.clone()
    })
}
