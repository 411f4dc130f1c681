//! `migrations/README.md` says what the database says of itself, and its questions have the answers it gives.
//!
//! After a change of the schema run these tests with `CHAINCORE_WRITE_DOCS=1`: they write what they would compare, and
//! `git diff` shows it.

use std::fmt::Write as _;

use crate::mirrored::{chain, database, migrations};
use chaincore_postgres::Database;

/// Where the part begins that is nothing but the database's comments.
const REFERENCE: &str = "\n# What every column means\n";

fn readme() -> String {
    std::fs::read_to_string(migrations().join("README.md")).expect("the README is part of the project")
}

fn compare(written: &str, expected: &str) {
    if std::env::var_os("CHAINCORE_WRITE_DOCS").is_some() {
        std::fs::write(migrations().join("README.md"), expected).expect("the README can be written");
        return;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (written, expected) = (lines(written), lines(expected));
    for (number, (written, expected)) in written.iter().zip(&expected).enumerate() {
        assert_eq!(written, expected, "line {} of migrations/README.md", number + 1);
    }
    assert_eq!(written.len(), expected.len(), "lines of migrations/README.md");
}

/// Relations that are documented: all but partitions and sqlx's own.
const RELATIONS: &str = "SELECT c.oid, n.nspname, c.relname, c.relkind, coalesce(obj_description(c.oid, 'pg_class'), '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('chaincore', 'analytics') AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
        AND c.relname <> '_sqlx_migrations'
    ORDER BY n.nspname DESC, c.oid";

fn rows(database: &Database, text: &str) -> Vec<Vec<String>> {
    let answer = database.sql(&format!("\\pset fieldsep '\\t'\n{text}")).expect("the catalogue can be read");
    answer.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// What the database says of itself, as Markdown.
fn reference(database: &Database) -> String {
    let mut text = String::new();
    let mut schema = String::new();
    for relation in rows(database, RELATIONS) {
        let [oid, of, name, kind, meaning] = relation.as_slice() else {
            panic!("five columns: {relation:?}")
        };
        if *of != schema {
            write_functions(&mut text, database, &schema);
            write!(text, "\n## Schema `{of}`\n").expect("writing to a string");
            schema = of.clone();
        }
        let kind = match kind.as_str() {
            "v" => " (view)",
            "m" => " (materialized view)",
            _ => "",
        };
        write!(
            text,
            "\n### `{of}.{name}`{kind}\n\n{meaning}\n\n| column | type | meaning |\n|---|---|---|\n"
        )
        .expect("writing to a string");
        let columns = "SELECT attname, format_type(atttypid, atttypmod)
                || CASE WHEN attnotnull OR c.relkind IN ('v', 'm') THEN '' ELSE ' or null' END,
                coalesce(col_description(attrelid, attnum), '')
            FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
            WHERE attnum > 0 AND NOT attisdropped AND attrelid =";
        for column in rows(database, &format!("{columns} {oid} ORDER BY attnum")) {
            let [name, kind, meaning] = column.as_slice() else { panic!("three columns: {column:?}") };
            writeln!(text, "| `{name}` | {kind} | {meaning} |").expect("writing to a string");
        }
    }
    write_functions(&mut text, database, &schema);
    text
}

fn functions(database: &Database, schema: &str) -> Vec<Vec<String>> {
    let functions = format!(
        "SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ')', pg_get_function_result(p.oid),
             coalesce(obj_description(p.oid, 'pg_proc'), '')
         FROM pg_proc p WHERE p.pronamespace = '{schema}'::regnamespace ORDER BY p.proname"
    );
    rows(database, &functions)
}

fn write_functions(text: &mut String, database: &Database, schema: &str) {
    if schema.is_empty() {
        return;
    }
    write!(text, "\n### Functions of `{schema}`\n\n| call | result | meaning |\n|---|---|---|\n")
        .expect("writing to a string");
    for function in functions(database, schema) {
        let [call, result, meaning] = function.as_slice() else { panic!("three columns: {function:?}") };
        writeln!(text, "| `{call}` | {result} | {meaning} |").expect("writing to a string");
    }
}

#[test]
fn everything_has_a_meaning() {
    let database = database("meanings");
    let said = |text: &str| {
        text.ends_with('.') && text.starts_with(|c: char| !c.is_whitespace()) && !text.contains('|')
    };
    let relations = rows(&database, RELATIONS);
    assert!(relations.len() > 40, "{relations:?}");
    for relation in relations {
        assert!(said(&relation[4]), "table {}: {:?}", relation[2], relation[4]);
    }
    let columns = "SELECT attrelid::regclass, attname, coalesce(col_description(attrelid, attnum), '')
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE attnum > 0 AND NOT attisdropped AND NOT c.relispartition AND c.relkind IN ('r', 'p', 'v', 'm')
            AND c.relname <> '_sqlx_migrations'
            AND c.relnamespace IN ('chaincore'::regnamespace, 'analytics'::regnamespace)";
    let columns = rows(&database, columns);
    assert!(columns.len() > 250, "{}", columns.len());
    for column in columns {
        assert!(said(&column[2]), "column {}.{}: {:?}", column[0], column[1], column[2]);
    }
    for schema in ["chaincore", "analytics"] {
        for function in functions(&database, schema) {
            assert!(said(&function[2]), "function {}: {:?}", function[0], function[2]);
        }
        let of_schema = format!("SELECT obj_description('{schema}'::regnamespace, 'pg_namespace')");
        assert!(said(&database.sql(&of_schema).unwrap()));
    }
}

/// A question's SQL and the answer that stands under it.
struct Question {
    sql: String,
    answer: std::ops::Range<usize>,
}

fn questions(text: &str) -> Vec<Question> {
    let (open_sql, open_text, close) = ("```sql\n", "```text\n", "```\n");
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(open_sql).map(|start| at + start + open_sql.len()) {
        let end = start + text[start..].find(close).expect("SQL that ends");
        let answer = end + text[end..].find(open_text).expect("an answer to each question") + open_text.len();
        assert!(!text[end + close.len()..answer].contains(open_sql), "no answer to {}", &text[start..end]);
        at = answer + text[answer..].find(close).expect("an answer that ends");
        found.push(Question { sql: text[start..end].to_owned(), answer: answer..at });
    }
    found
}

/// As psql shows it to people.
fn shown(database: &Database, role: &str, sql: &str) -> String {
    let settings = "\\pset tuples_only off\n\\pset footer off\n\\pset format aligned\n";
    let answer = database.sql_as(role, &format!("{settings}{sql}"));
    let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let lines: Vec<_> = answer.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_readme_says_what_the_database_says() {
    let readme = readme();
    let (before, _) = readme.split_once(REFERENCE).expect("the README has its reference");
    let chain = chain("readme");
    chain.sql("SELECT chaincore.add_reader('readme_analyst')").unwrap();
    // Asked with no more rights than an analyst has.
    let mut expected = before.to_owned();
    let questions = questions(before);
    for question in questions.iter().rev() {
        expected.replace_range(question.answer.clone(), &shown(&chain, "readme_analyst", &question.sql));
    }
    for number in 1..=12 {
        assert!(before.contains(&format!("\n**{number}. ")), "there is no question {number}");
    }
    assert_eq!(
        before.matches("?** ").count() + before.matches("?**\n").count(),
        questions.len(),
        "a heading each"
    );
    // Every view and function of the analysts is asked for.
    let asked: String = questions.iter().map(|question| question.sql.as_str()).collect();
    let views = "SELECT relname FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('v', 'm')
            AND relname <> 'coin_days_destroyed'
        UNION SELECT proname FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace
            AND proname NOT IN ('refresh', 'work_of', 'dust_limit', 'pool_share_over')";
    for view in chain.sql(views).unwrap().lines() {
        assert!(asked.contains(&format!("analytics.{view}")), "nothing is asked of {view}");
    }
    expected.push_str(REFERENCE);
    expected.push_str(&reference(&database("reference")));
    compare(&readme, &expected);
}
