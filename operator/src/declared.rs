//! Declarations in YAML or JSON, from files, folders and texts: read as strictly as `kubectl apply`
//! with strict validation does, without an API server. One reader for every command.
//!
//! All problems of a run are reported together, and with one of them nothing is handed out.

mod declaration;
mod documents;
mod files;
mod names;
mod schema;
mod twice;

pub use declaration::{
    AnyResource, Breach, Check, Declared, DeclaredError, Flaw, Reading, SHOWN, Source,
};
use documents::Rules;
pub(crate) use names::{Databases, database_of, databases};
use schema::Schemas;

/// Reads all declarations in `sources`.
pub fn read(sources: &[Source]) -> Result<Reading, DeclaredError> {
    read_checked(sources, &|_| Vec::new())
}

/// Reads all declarations in `sources`. `check` adds rules to those of the schemas.
pub fn read_checked(sources: &[Source], check: &Check) -> Result<Reading, DeclaredError> {
    let mut flaws = Vec::new();
    let mut reading = Reading::default();
    match Schemas::load() {
        Ok(schemas) => {
            let rules = Rules { schemas, check };
            for source in sources {
                for text in files::texts(source, &mut reading.skipped, &mut flaws) {
                    let declared = documents::read(&rules, &text.name, &text.text, &mut flaws);
                    reading.declared.extend(declared);
                }
            }
        }
        Err(error) => flaws.push(Flaw {
            place: "the schemas of the resources".to_owned(),
            problem: error.to_string(),
        }),
    }
    twice::refuse(&reading.declared, &mut flaws);
    twice::refuse_circles(&reading.declared, &mut flaws);
    if flaws.is_empty() {
        Ok(reading)
    } else {
        Err(DeclaredError { flaws })
    }
}

#[cfg(test)]
mod tests;
