//! What `manifests/` has besides the definitions: the base is what the chart renders, the overlays build, and the
//! health check says what its fixtures expect.

use std::fs;

use serde_json::Value;
use spice_e2e::{
    binaries::{Binaries, run},
    embedded::setting,
    workspace,
};
use tokio::process::Command;

use crate::{CHART, KUBERNETES, helm};

#[tokio::test]
async fn the_kustomize_base_is_what_the_chart_renders() {
    let name = "the_kustomize_base_is_what_the_chart_renders";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let template = [
        "template",
        "spice",
        CHART,
        "--namespace",
        "spice",
        "--no-hooks",
    ];
    let values = ["--set", "access.existingSecret=spice-access", KUBERNETES];
    let rendered = helm(&binaries, &[template.as_slice(), &values].concat())
        .await
        .unwrap();
    let head = "# What the chart renders. Do not edit: just gen\n";
    let rendered = format!("{head}{rendered}");
    let path = workspace().join("manifests/base/spice.yaml");
    if setting("SPICE_WRITE_REFERENCE").is_some() {
        fs::write(&path, &rendered).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == rendered,
        "{} is out of date: SPICE_WRITE_REFERENCE=1 cargo test -p spice-e2e --test charts",
        path.display()
    );
    for overlay in ["small", "monitoring"] {
        let mut build = Command::new(binaries.path("kubectl"));
        let folder = workspace().join("manifests/overlays").join(overlay);
        build.arg("kustomize").arg(folder);
        let objects = run(build).await.unwrap();
        assert!(
            objects.contains("managed-by: kustomize"),
            "{overlay}: {objects}"
        );
        assert!(!objects.contains("managed-by: Helm"), "{overlay}");
    }
}

#[tokio::test]
async fn argo_cd_sees_the_health_of_every_state() {
    let name = "argo_cd_sees_the_health_of_every_state";
    let Some(binaries) = Binaries::find_or_skip(name).await.unwrap() else {
        return;
    };
    let folder = workspace().join("manifests/argocd");
    let chunk = fs::read_to_string(folder.join("health.lua")).unwrap();
    let cases = fs::read_to_string(folder.join("health.yaml")).unwrap();
    let cases: Vec<Value> = serde_yaml_ng::from_str(&cases).unwrap();
    assert!(cases.len() >= 8);
    for case in &cases {
        let file = tempfile::NamedTempFile::new().unwrap();
        // Argo CD gives the object as a global, and uses the table that the chunk returns.
        let object = lua(&case["object"]);
        let script = format!(
            "obj = {object}\nlocal said = (function()\n{chunk}\nend)()\n\
             assert(type(said.message) == 'string')\nprint(said.status)\n"
        );
        fs::write(file.path(), script).unwrap();
        let mut interpreter = Command::new(binaries.path("glua"));
        interpreter.arg(file.path());
        let said = run(interpreter).await.unwrap();
        assert_eq!(said.trim(), case["health"].as_str().unwrap(), "{case}");
    }
}

/// A value as Lua writes it.
fn lua(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(lua).collect();
            format!("{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(name, field)| format!("[{name:?}] = {}", lua(field)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        scalar => scalar.to_string(),
    }
}
