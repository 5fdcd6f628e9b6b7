//! Classes. A class is a JSON object, kept as it was written.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};

use crate::{Accepted, Client, Error, Read, Write, calls, commands::Enveloped};

/// Classes per call.
const PAGE: usize = 1_000;

/// `GET /databases/{db}/ontology/list`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClassList<T = Map<String, Value>> {
    /// The total number.
    pub total: u64,
    /// The classes of this page, as written, with the fields that the api adds.
    pub ontologies: Vec<T>,
    /// Fields that this client does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The format of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SchemaFormat {
    /// The definition.
    #[default]
    Json,
    /// JSON-LD.
    JsonLd,
    /// OWL, as RDF/XML.
    Owl,
}

impl SchemaFormat {
    /// Its name in the query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonLd => "jsonld",
            Self::Owl => "owl",
        }
    }
}

impl Client {
    /// One page of the classes of a branch, each parsed as `T`.
    pub async fn class_page<T: DeserializeOwned>(
        &self,
        database: &str,
        read: &Read,
        limit: usize,
        offset: usize,
    ) -> Result<ClassList<T>, Error> {
        self.call(&calls::LIST_CLASSES, &[database])
            .read(read)
            .query("limit", &limit.to_string())
            .query("offset", &offset.to_string())
            .fetch()
            .await
    }

    /// All classes of a branch.
    pub async fn classes(
        &self,
        database: &str,
        read: &Read,
    ) -> Result<Vec<Map<String, Value>>, Error> {
        self.classes_as(database, read).await
    }

    /// All classes of a branch as text, with numbers as they were written.
    pub async fn class_definitions(
        &self,
        database: &str,
        read: &Read,
    ) -> Result<Vec<Box<RawValue>>, Error> {
        self.classes_as(database, read).await
    }

    /// All classes of a branch, each parsed into a type of the caller.
    pub async fn classes_as<T: DeserializeOwned>(
        &self,
        database: &str,
        read: &Read,
    ) -> Result<Vec<T>, Error> {
        let mut classes = Vec::new();
        loop {
            let page = self.class_page(database, read, PAGE, classes.len()).await?;
            let more = page.ontologies.len() == PAGE;
            classes.extend(page.ontologies);
            if !more {
                return Ok(classes);
            }
        }
    }

    /// A class, by its id or its label.
    pub async fn class(
        &self,
        database: &str,
        class: &str,
        read: &Read,
    ) -> Result<Map<String, Value>, Error> {
        self.class_as(database, class, read).await
    }

    /// A class, by its id or its label, parsed into a type of the caller.
    pub async fn class_as<T: DeserializeOwned>(
        &self,
        database: &str,
        class: &str,
        read: &Read,
    ) -> Result<T, Error> {
        let request = self.call(&calls::GET_CLASS, &[database, class]).read(read);
        let answer: Enveloped<T> = request.fetch().await?;
        Ok(answer.data)
    }

    /// The schema of a class as text in an exchange format.
    pub async fn schema(
        &self,
        database: &str,
        class: &str,
        format: SchemaFormat,
        read: &Read,
    ) -> Result<String, Error> {
        let request = self
            .call(&calls::GET_SCHEMA, &[database, class])
            .query("format", format.as_str())
            .read(read);
        let answer = request.send().await?;
        String::from_utf8(answer.body.to_vec())
            .map_err(|error| request.unreadable_error(&error.to_string()))
    }

    /// Creates a class.
    pub async fn create_class<T: Serialize + ?Sized>(
        &self,
        database: &str,
        definition: &T,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::CREATE_CLASS, &[database])
            .json(definition)
            .write(write)
            .fetch()
            .await
    }

    /// Changes a class: given fields replace the old ones, other fields stay.
    pub async fn update_class<T: Serialize + ?Sized>(
        &self,
        database: &str,
        class: &str,
        patch: &T,
        expected_sequence: u64,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::UPDATE_CLASS, &[database, class])
            .query("expected_seq", &expected_sequence.to_string())
            .json(patch)
            .write(write)
            .fetch()
            .await
    }

    /// Deletes a class. One that has instances, is a parent or is referred to needs `force`, which
    /// also deletes its instances.
    pub async fn delete_class(
        &self,
        database: &str,
        class: &str,
        expected_sequence: u64,
        force: bool,
        write: &Write,
    ) -> Result<Accepted, Error> {
        self.call(&calls::DELETE_CLASS, &[database, class])
            .query("expected_seq", &expected_sequence.to_string())
            .maybe_query("force", force.then_some("true"))
            .write(write)
            .fetch()
            .await
    }

    /// The effects of a class update on existing instances; nothing is written.
    pub async fn lint_class<T: Serialize + ?Sized>(
        &self,
        database: &str,
        class: &str,
        patch: &T,
        read: &Read,
    ) -> Result<Map<String, Value>, Error> {
        self.call(&calls::LINT_CLASS, &[database, class])
            .json(patch)
            .read(read)
            .allow_repeats()
            .fetch()
            .await
    }

    /// Values that occur, by property.
    pub async fn sample_values(
        &self,
        database: &str,
        class: &str,
        property: Option<&str>,
        read: &Read,
    ) -> Result<Map<String, Value>, Error> {
        self.call(&calls::GET_SAMPLES, &[database, class])
            .maybe_query("property", property)
            .read(read)
            .fetch()
            .await
    }
}
