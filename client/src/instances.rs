//! Instances: written singly, in bulk and in transactions; read by id and in lists.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{Accepted, Client, CommandState, Error, Read, Write, calls, commands::Enveloped};

/// An instance in answers to reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub instance_id: String,
    /// Its class.
    pub class_id: String,
    /// Its values, as they were written.
    pub data: Box<RawValue>,
    /// The `expected_seq` of the next write.
    pub event_sequence: u64,
    /// The position of its last change.
    #[serde(default)]
    pub position: Option<u64>,
    /// When it was created.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was last changed.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The selection and order of instances of a class.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// The conditions on properties: a JSON object, sent unchanged.
    pub filter: Option<Box<RawValue>>,
    /// Words that their texts must contain.
    pub search: Option<String>,
    /// `price`, or `-price` for descending order.
    pub order_by: Option<String>,
    /// The page size; the api's default if none.
    pub limit: Option<usize>,
    /// The number of instances to skip.
    pub offset: Option<usize>,
    /// The end of the previous page.
    pub cursor: Option<String>,
}

/// A page of instances.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstancePage<T = Instance> {
    /// The class.
    pub class_id: String,
    /// The total number.
    pub total: u64,
    /// The instances of this page.
    pub instances: Vec<T>,
    /// The start of the next page; none for the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What a bulk does about refused rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Nothing is written.
    #[default]
    Abort,
    /// The others are written.
    Skip,
}

/// The result of a bulk.
#[derive(Debug, Clone, Default)]
pub struct BulkAnswer {
    /// The command; none if every row was refused.
    pub command_id: Option<String>,
    /// Its status at the time of the answer.
    pub state: Option<CommandState>,
    /// The position of its last envelope.
    pub position: Option<u64>,
    /// The number of created instances.
    pub created: u64,
    /// The rows that were refused.
    pub errors: Vec<RowError>,
}

/// A refused row of a bulk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowError {
    /// The row; the first is 1.
    pub row: usize,
    /// The code of the refusal.
    #[serde(default)]
    pub error: String,
    /// A message for people.
    #[serde(default)]
    pub message: String,
    /// Other fields: `errors` by field, `aggregate_id` …
    #[serde(flatten)]
    pub detail: Map<String, Value>,
}

/// One command of a transaction.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Change {
    /// Creates an instance.
    CreateInstance {
        /// The class.
        class: String,
        /// The id; if none, it is derived from the values.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The values.
        data: Map<String, Value>,
    },
    /// Changes an instance; `null` removes a value.
    UpdateInstance {
        /// The class.
        class: String,
        /// The id.
        id: String,
        /// The values.
        data: Map<String, Value>,
        /// The expected sequence.
        expected_seq: u64,
    },
    /// Deletes an instance; the delete is final.
    DeleteInstance {
        /// The class.
        class: String,
        /// The id.
        id: String,
        /// The expected sequence.
        expected_seq: u64,
    },
}

/// The body of a write; values are sent unchanged.
#[derive(Serialize)]
struct Data<'a, T: ?Sized> {
    data: &'a T,
}

impl Client {
    /// Creates an instance.
    pub async fn create_instance<T: Serialize + ?Sized>(
        &self,
        database: &str,
        class: &str,
        data: &T,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::CREATE_INSTANCE, &[database, class])
            .json(&Data { data })
            .write(write)
            .fetch()
            .await
    }

    /// Changes an instance; `null` removes a value.
    pub async fn update_instance<T: Serialize + ?Sized>(
        &self,
        database: &str,
        class: &str,
        id: &str,
        data: &T,
        expected_sequence: u64,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::UPDATE_INSTANCE, &[database, class, id])
            .query("expected_seq", &expected_sequence.to_string())
            .json(&Data { data })
            .write(write)
            .fetch()
            .await
    }

    /// Deletes an instance; the delete is final.
    pub async fn delete_instance(
        &self,
        database: &str,
        class: &str,
        id: &str,
        expected_sequence: u64,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::DELETE_INSTANCE, &[database, class, id])
            .query("expected_seq", &expected_sequence.to_string())
            .write(write)
            .fetch()
            .await
    }

    /// Creates up to 10,000 instances of a class. `rows` is a JSON array of objects, sent
    /// unchanged. Does not wait for the projections.
    pub async fn bulk_create(
        &self,
        database: &str,
        class: &str,
        branch: &str,
        rows: &str,
        on_error: OnError,
        key: Option<&str>,
    ) -> Result<BulkAnswer, Error> {
        let write = Write {
            branch: Some(branch.to_owned()),
            key: key.map(str::to_owned),
            wait: None,
        };
        self.bulk_create_with(database, class, rows, on_error, &write)
            .await
    }

    /// [`Client::bulk_create`] with options, such as waiting.
    pub async fn bulk_create_with(
        &self,
        database: &str,
        class: &str,
        rows: &str,
        on_error: OnError,
        write: &Write,
    ) -> Result<BulkAnswer, Error> {
        let body = ["{\"instances\":", rows, "}"].concat();
        self.bulk_create_body(database, class, body, on_error, write)
            .await
    }

    /// [`Client::bulk_create_with`] with a complete body, sent unchanged: `{instances, ids?}`.
    pub async fn bulk_create_body(
        &self,
        database: &str,
        class: &str,
        body: impl Into<Bytes>,
        on_error: OnError,
        write: &Write,
    ) -> Result<BulkAnswer, Error> {
        let skips = on_error == OnError::Skip;
        let sent = self
            .call(&calls::BULK_CREATE, &[database, class])
            .query("on_error", if skips { "skip" } else { "abort" })
            .body(body)
            .write(write)
            .fetch::<Accepted>()
            .await;
        match sent {
            Ok(accepted) => Ok(BulkAnswer::of(accepted)),
            Err(error) if skips => answer_all_refused(error),
            Err(error) => Err(error),
        }
    }

    /// Many commands, accepted completely or not at all.
    pub async fn transaction(
        &self,
        database: &str,
        commands: &[Change],
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::TRANSACTION, &[database])
            .json(&json!({"commands": commands}))
            .write(write)
            .fetch()
            .await
    }

    /// An instance.
    pub async fn instance(
        &self,
        database: &str,
        class: &str,
        id: &str,
        read: &Read,
    ) -> Result<Instance, Error> {
        let values = [database, class, id];
        let request = self.call(&calls::GET_INSTANCE, &values).read(read);
        let answer: Enveloped<Instance> = request.fetch().await?;
        Ok(answer.data)
    }

    /// One page of the instances of a class, each parsed as `T`: [`Instance`], or [`RawValue`] for
    /// callers that write it out.
    pub async fn instance_page<T: DeserializeOwned>(
        &self,
        database: &str,
        class: &str,
        select: &Select,
        read: &Read,
    ) -> Result<InstancePage<T>, Error> {
        let number = |number: Option<usize>| number.map(|number| number.to_string());
        self.call(&calls::LIST_INSTANCES, &[database, class])
            .read(read)
            .maybe_query("filter", select.filter.as_deref().map(RawValue::get))
            .maybe_query("search", select.search.as_deref())
            .maybe_query("order_by", select.order_by.as_deref())
            .maybe_query("limit", number(select.limit))
            .maybe_query("offset", number(select.offset))
            .maybe_query("cursor", select.cursor.as_deref())
            .fetch()
            .await
    }
}

impl BulkAnswer {
    fn of(mut accepted: Accepted) -> Self {
        let errors = accepted.result.remove("errors").unwrap_or_default();
        let count = |key| accepted.result.get(key).and_then(Value::as_u64);
        Self {
            created: count("created")
                .or_else(|| count("instance_count"))
                .unwrap_or(0),
            errors: serde_json::from_value(errors).unwrap_or_default(),
            command_id: Some(accepted.command_id),
            state: Some(accepted.state),
            position: accepted.position,
        }
    }
}

/// The api refuses a bulk with `skip` if no row is left; for the caller that is an answer.
fn answer_all_refused(error: Error) -> Result<BulkAnswer, Error> {
    let rows = error
        .refusal()
        .and_then(|refusal| refusal.detail.get("errors"));
    let rows = rows.and_then(|rows| serde_json::from_value::<Vec<RowError>>(rows.clone()).ok());
    match rows {
        Some(errors) if !errors.is_empty() => Ok(BulkAnswer {
            errors,
            ..BulkAnswer::default()
        }),
        _ => Err(error),
    }
}
