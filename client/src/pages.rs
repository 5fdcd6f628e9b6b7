//! Lists that fetch their pages on demand.

use futures::{Stream, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use crate::{Client, Error, InstancePage, Read, Select};

impl Client {
    /// The pages of a list, from `select` to the last, each fetched on demand.
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
            let next = select.next_page(&page);
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

impl Select {
    /// The request for the page after `page`; none for the last page. A sorted list of a past state
    /// has no cursor: it cannot change, and is paged by offset.
    #[must_use]
    pub fn next_page<T>(&self, page: &InstancePage<T>) -> Option<Self> {
        if let Some(cursor) = &page.cursor {
            return Some(Self {
                cursor: Some(cursor.clone()),
                offset: None,
                ..self.clone()
            });
        }
        let seen = self.offset.unwrap_or(0) + page.instances.len();
        let more =
            self.cursor.is_none() && !page.instances.is_empty() && (seen as u64) < page.total;
        more.then(|| Self {
            offset: Some(seen),
            ..self.clone()
        })
    }
}
