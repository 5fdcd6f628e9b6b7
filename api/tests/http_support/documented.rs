//! The calls of the `OpenAPI` documents, ready to be sent.

use serde_json::Value;

use super::{Answer, Server};

/// A call of the document, with its path filled in by the examples.
pub(crate) struct Documented {
    pub(crate) service: &'static str,
    pub(crate) method: String,
    /// The path with its placeholders.
    pub(crate) template: String,
    pub(crate) path: String,
    pub(crate) operation: Value,
}

impl Documented {
    pub(crate) fn new(
        service: &'static str,
        method: &str,
        template: &str,
        operation: &Value,
    ) -> Self {
        Self {
            service,
            method: method.to_uppercase(),
            template: template.to_owned(),
            path: filled(template, operation),
            operation: operation.clone(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.operation["operationId"].as_str().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        match self.path.strip_prefix("/api/v1") {
            Some(below) => format!("{}{below}", self.service),
            None => format!("{}/{}", self.service, self.path),
        }
    }

    /// The same call in another database.
    pub(crate) fn in_database(&self, database: &str) -> Self {
        let template = self.template.replace("{db}", database);
        Self::new(self.service, &self.method, &template, &self.operation)
    }

    /// The role that it needs; none if it needs no token.
    pub(crate) fn role(&self) -> Option<&str> {
        self.operation["x-spice-role"].as_str()
    }

    pub(crate) fn body(&self) -> Option<&Value> {
        let example = &self.operation["requestBody"]["content"]["application/json"]["example"];
        (!example.is_null()).then_some(example)
    }

    /// Sends it. For a stream it reads only the head.
    pub(crate) async fn send(&self, server: &Server, query: &[(&str, String)]) -> Answer {
        let mut request = server.request(&self.method, &self.url()).query(query);
        if let Some(body) = self.body() {
            request = request.json(body);
        }
        let streams =
            self.operation["responses"]["200"]["content"]["text/event-stream"].is_object();
        if !streams {
            return server.send(request).await;
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = match status {
            200 => String::new(),
            _ => response.text().await.unwrap(),
        };
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status,
            headers,
            text,
            body,
        }
    }

    pub(crate) fn parameters(&self, place: &str) -> Vec<&Value> {
        let parameters = self.operation["parameters"].as_array();
        let parameters = parameters.into_iter().flatten();
        parameters.filter(|it| it["in"] == place).collect()
    }
}

fn filled(path: &str, operation: &Value) -> String {
    let mut filled = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        let example = match &parameter["example"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        filled = filled.replace(&name, &example);
    }
    filled
}

/// Every call of every service.
pub(crate) async fn documented(server: &Server) -> Vec<Documented> {
    let mut calls = Vec::new();
    for service in ["", "oms:", "funnel:"] {
        let url = format!("{service}//openapi.json");
        let document = server.get(&url).await.expect(200).body;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                calls.push(Documented::new(service, method, path, operation));
            }
        }
    }
    assert!(calls.len() > 30);
    calls
}
