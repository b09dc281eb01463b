//! Ten templates as ExternalSecrets have them, with their values.

use std::collections::BTreeMap;

/// A template and what it is rendered with.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) values: BTreeMap<String, Vec<u8>>,
}

/// A name, a text, keys and values.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const ROWS: &[Row] = &[
    (
        "docker config",
        r#"{"auths":{"{{ .registry }}":{"username":"{{ .user }}","password":"{{ .password }}","auth":"{{ printf "%s:%s" .user .password | b64enc }}"}}}"#,
        &[
            ("registry", "registry.example.com"),
            ("user", "robot$deployer"),
            ("password", "glpat-5fQ2mW8xKz1Rt7"),
        ],
    ),
    (
        "env file",
        "DB_HOST={{ .host }}\nDB_PORT={{ .port | default \"5432\" }}\nDB_NAME={{ .database }}\nDB_USER={{ .user }}\n\
         DB_PASSWORD={{ .password | squote }}\n{{- if .ca }}\nDB_CA={{ .ca | b64enc }}\n{{- end }}\n\
         LOG_LEVEL={{ .level | default \"info\" | upper }}\nFEATURES={{ .features | splitList \",\" | join \" \" | quote }}\n",
        &[
            ("host", "db.internal.example.com"),
            ("port", ""),
            ("database", "orders"),
            ("user", "orders_rw"),
            ("password", "p$w'd#2024!x"),
            ("ca", "an authority that is here only as long as a line is"),
            ("level", "debug"),
            ("features", "search,export,audit,billing"),
        ],
    ),
    (
        "JSON merge",
        "{{ mergeOverwrite (fromJson .defaults) (fromJson .overrides) | toJson }}",
        &[
            (
                "defaults",
                r#"{"log":{"level":"info","format":"json"},"http":{"port":8080,"timeout":30,"tls":false},"features":["a","b"],"retries":3}"#,
            ),
            (
                "overrides",
                r#"{"log":{"level":"debug"},"http":{"tls":true,"host":"0.0.0.0"},"token":"s.9dK2LmQ0"}"#,
            ),
        ],
    ),
    (
        "basic auth",
        "{{ .user }}:{{ .password }}\nAuthorization: Basic {{ printf \"%s:%s\" .user .password | b64enc }}\n",
        &[("user", "ann"), ("password", "correct horse battery staple")],
    ),
    (
        "YAML config",
        "{{ $extra := fromJson .extra }}{{ dict \"server\" (dict \"host\" .host \"port\" (atoi .port)) \"auth\" \
         (dict \"user\" .user \"password\" .password) \"extra\" $extra | toYaml }}",
        &[
            ("host", "0.0.0.0"),
            ("port", "8443"),
            ("user", "admin"),
            ("password", "yes: no # maybe"),
            ("extra", r#"{"replicas":3,"ratio":0.25,"zones":["a","b","c"],"enabled":true,"note":null}"#),
        ],
    ),
    (
        "connection URL",
        "postgresql://{{ .user | urlquery }}:{{ .password | urlquery }}@{{ .host }}:{{ .port | default \"5432\" }}/\
         {{ .database }}?sslmode={{ if eq .tls \"true\" }}require{{ else }}disable{{ end }}",
        &[
            ("user", "orders_rw"),
            ("password", "p@ss/w:rd?&=+ü"),
            ("host", "db.internal.example.com"),
            ("port", "6432"),
            ("database", "orders"),
            ("tls", "true"),
        ],
    ),
    (
        "labels",
        "{{ range $key, $value := fromJson .tags }}{{ $key | lower | replace \" \" \"-\" | trunc 63 | trimSuffix \"-\" }}: \
         {{ $value | toString | trunc 63 | quote }}\n{{ end }}",
        &[(
            "tags",
            r#"{"Cost Center":"4711","Team":"payments","Environment":"production","Owner Mail":"ann@example.com","Tier":1,"Managed":true}"#,
        )],
    ),
    (
        "string chain",
        "{{ .name | trim | lower | replace \" \" \"-\" | trunc 24 | trimSuffix \"-\" | printf \"app-%s\" | quote }} \
         {{ .path | splitList \"/\" | join \".\" | upper }} {{ .name | sha256sum | trunc 8 }} {{ .name | snakecase | title }}",
        &[("name", "  Orders Service Production West "), ("path", "kv/data/team/orders/service")],
    ),
];

/// How many keys the template has that goes through them.
const KEYS: usize = 100;

/// All ten.
pub(crate) fn cases() -> Vec<Case> {
    let value = |(key, value): &(&str, &str)| ((*key).to_owned(), value.as_bytes().to_vec());
    let rows = ROWS.iter().map(|(name, text, values)| Case {
        name,
        text,
        values: values.iter().map(value).collect(),
    });
    rows.chain([every_key(), bundle()]).collect()
}

fn every_key() -> Case {
    let value =
        |i: usize| (format!("KEY_{i:03}"), format!("the value of key {i}, some words long").into_bytes());
    Case {
        name: "range over 100 keys",
        text: "{{ range $key, $value := . }}{{ $key }}={{ $value }}\n{{ end }}",
        values: (0..KEYS).map(value).collect(),
    }
}

fn bundle() -> Case {
    let bundle = include_bytes!("../../tests/data/certificates/key-and-chain.pem");
    Case {
        name: "PEM bundle",
        text: "{{ .bundle | filterPEM \"CERTIFICATE\" }}{{ .bundle | filterPEM \"PRIVATE KEY\" }}",
        values: BTreeMap::from([("bundle".to_owned(), bundle.to_vec())]),
    }
}
