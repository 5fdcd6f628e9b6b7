//! The files and their classes.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use serde_json::{Map, Value, json};

/// A row: column to cell.
pub(crate) type Row = BTreeMap<String, String>;

/// How a file becomes a class. A column is `name` or `name:type`; the first `key` columns form the
/// id. A link is a predicate, its target and the column that names the target.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) key: &'static [&'static str],
    pub(crate) columns: &'static [&'static str],
    pub(crate) links: &'static [(&'static str, &'static str, &'static str)],
}

/// All 15. Ids are the key's values joined with `:`; all of them are valid ids unchanged
/// (`ORD-0000007:MIS-PICK`). A tracking number repeats, so a tracking is identified by its order,
/// like a return.
pub(crate) const CLASSES: &[Class] = &[
    Class {
        name: "Client",
        file: "clients",
        key: &["client_id"],
        columns: &["client_id", "brand_name", "vertical"],
        links: &[],
    },
    Class {
        name: "Supplier",
        file: "suppliers",
        key: &["supplier_id"],
        columns: &["supplier_id", "name", "country"],
        links: &[],
    },
    Class {
        name: "Warehouse",
        file: "warehouses",
        key: &["warehouse_id"],
        columns: &["warehouse_id", "name", "country", "city"],
        links: &[],
    },
    Class {
        name: "Location",
        file: "locations",
        key: &["location_id"],
        columns: &["location_id", "warehouse_id", "type"],
        links: &[],
    },
    Class {
        name: "Product",
        file: "products",
        key: &["product_id"],
        columns: &[
            "product_id",
            "client_id",
            "name",
            "category",
            "hs_code",
            "unit_cost:decimal",
            "unit_price:decimal",
            "weight_g:integer",
        ],
        links: &[("OWNED_BY", "Client", "client_id")],
    },
    Class {
        name: "SKU",
        file: "skus",
        key: &["sku_id"],
        columns: &[
            "sku_id",
            "product_id",
            "supplier_id",
            "color",
            "size",
            "barcode",
        ],
        links: &[
            ("BELONGS_TO", "Product", "product_id"),
            ("SUPPLIED_BY", "Supplier", "supplier_id"),
        ],
    },
    Class {
        name: "Inbound",
        file: "inbounds",
        key: &["inbound_id"],
        columns: &[
            "inbound_id",
            "sku_id",
            "supplier_id",
            "warehouse_id",
            "eta_date:date",
            "arrival_date:date",
            "qty_expected:integer",
            "qty_received:integer",
            "cost_per_unit:decimal",
        ],
        links: &[
            ("FOR_SKU", "SKU", "sku_id"),
            ("TO_WAREHOUSE", "Warehouse", "warehouse_id"),
        ],
    },
    Class {
        name: "Receipt",
        file: "receipts",
        key: &["receipt_id"],
        columns: &[
            "receipt_id",
            "inbound_id",
            "sku_id",
            "location_id",
            "qty:integer",
        ],
        links: &[
            ("OF_INBOUND", "Inbound", "inbound_id"),
            ("PUTAWAY_TO", "Location", "location_id"),
        ],
    },
    Class {
        name: "Order",
        file: "orders",
        key: &["order_id"],
        columns: &[
            "order_id",
            "client_id",
            "order_datetime:dateTime",
            "ship_from_warehouse",
            "ship_to_country",
            "currency",
            "service_level",
            "payment_status",
        ],
        links: &[("SHIP_FROM", "Warehouse", "ship_from_warehouse")],
    },
    Class {
        name: "OrderItem",
        file: "order_items",
        key: &["order_id", "line_no"],
        columns: &[
            "order_id",
            "line_no:integer",
            "sku_id",
            "qty:integer",
            "unit_price:decimal",
        ],
        links: &[
            ("ITEM_OF", "Order", "order_id"),
            ("SKU_OF", "SKU", "sku_id"),
        ],
    },
    Class {
        name: "Tracking",
        file: "tracking",
        key: &["order_id"],
        columns: &[
            "order_id",
            "carrier",
            "tracking_number",
            "ship_datetime:dateTime",
            "est_delivery_date:date",
            "status",
            "weight_g:integer",
        ],
        links: &[("TRACKS", "Order", "order_id")],
    },
    Class {
        name: "InventorySnapshot",
        file: "inventory_snapshots",
        key: &["snapshot_date", "warehouse_id", "sku_id"],
        columns: &[
            "snapshot_date:date",
            "warehouse_id",
            "sku_id",
            "qty_counted:integer",
        ],
        links: &[("SNAP_OF", "SKU", "sku_id")],
    },
    Class {
        name: "Return",
        file: "returns",
        key: &["order_id"],
        columns: &["order_id", "reason", "created_at:dateTime"],
        links: &[],
    },
    Class {
        name: "Exception",
        file: "exceptions",
        key: &["order_id", "type"],
        columns: &[
            "order_id",
            "type",
            "description",
            "severity",
            "created_at:dateTime",
        ],
        links: &[],
    },
    Class {
        name: "Event",
        file: "events",
        key: &["event_id"],
        columns: &[
            "event_id",
            "event_type",
            "entity_id",
            "payload:json",
            "created_at:dateTime",
            "cause_event_id",
        ],
        links: &[],
    },
];

impl Class {
    fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns
            .iter()
            .map(|column| column.split_once(':').unwrap_or((column, "string")))
    }

    /// `OntologyCreate`.
    pub(crate) fn definition(&self) -> Value {
        let property = |(name, kind): (&str, &str)| {
            let mut property = json!({"name": name, "type": kind});
            if self.key.contains(&name) {
                property["primaryKey"] = true.into();
                property["required"] = true.into();
            }
            property
        };
        let link = |(predicate, target, _): &(&str, &str, &str)| json!({"predicate": predicate, "target": target, "cardinality": "n:1"});
        json!({
            "id": self.name,
            "label": self.name,
            "properties": self.columns().map(property).collect::<Vec<_>>(),
            "relationships": self.links.iter().map(link).collect::<Vec<_>>(),
        })
    }

    /// The id of a row.
    pub(crate) fn id_of(&self, row: &Row) -> String {
        self.key
            .iter()
            .map(|column| row[*column].as_str())
            .collect::<Vec<_>>()
            .join(":")
    }
}

/// All rows, by class.
pub(crate) struct Business(HashMap<&'static str, Vec<Row>>);

impl Business {
    pub(crate) fn read(folder: &Path) -> Self {
        let rows = |class: &Class| {
            let path = folder.join(class.file).with_extension("csv");
            let mut reader = csv::Reader::from_path(&path).unwrap();
            reader.deserialize().map(|row| row.unwrap()).collect()
        };
        Self(
            CLASSES
                .iter()
                .map(|class| (class.name, rows(class)))
                .collect(),
        )
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub(crate) fn of(&self, class: &str) -> &[Row] {
        &self.0[class]
    }

    /// The rows of a class as instances.
    pub(crate) fn instances(&self, class: &Class) -> Vec<Value> {
        self.of(class.name)
            .iter()
            .map(|row| instance(class, row))
            .collect()
    }

    /// The values that occur more than once in a column.
    pub(crate) fn repeated_values(&self, class: &str, column: &str) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in self.of(class) {
            *counts.entry(&row[column]).or_default() += 1;
        }
        let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
        repeated.map(|(value, _)| value.to_owned()).collect()
    }
}

/// A row as an instance: typed values, without empty cells.
pub(crate) fn instance(class: &Class, row: &Row) -> Value {
    let mut data = Map::new();
    for (name, kind) in class.columns() {
        let cell = row[name].as_str();
        if cell.is_empty() {
            continue;
        }
        let value = match kind {
            "integer" | "decimal" | "json" => serde_json::from_str(cell).unwrap(),
            _ => cell.into(),
        };
        data.insert(name.to_owned(), value);
    }
    for (predicate, target, column) in class.links {
        data.insert(
            (*predicate).to_owned(),
            format!("{target}/{}", row[*column]).into(),
        );
    }
    data.into()
}
