use std::collections::BTreeMap;

use crate::forge::runner::expression::{Condition, Context, DEPTH_MAX, Expression, Function, Name, Template, Value};

/// Names with texts, and a status.
struct Fixed {
    names: BTreeMap<&'static str, Value>,
    success: bool,
    cancelled: bool,
}

impl Context for Fixed {
    fn value(&self, name: &Name) -> Option<Value> {
        self.names.get(name.to_string().as_str()).cloned()
    }

    fn status(&self, function: Function) -> bool {
        match function {
            Function::Success => self.success && !self.cancelled,
            Function::Failure => !self.success,
            Function::Cancelled => self.cancelled,
            Function::Always => true,
            Function::Contains | Function::StartsWith | Function::EndsWith => false,
        }
    }
}

fn fixed() -> Fixed {
    let names = BTreeMap::from([
        ("inputs.key", Value::text("t1.1.ab")),
        ("needs.claim.outputs.won", Value::text("true")),
        ("needs.claim.result", Value::text("success")),
        ("steps.a-b.outputs.x_1", Value::text("")),
        ("github.run_id", Value::text("42")),
    ]);
    Fixed { names, success: true, cancelled: false }
}

#[test]
fn expressions_have_the_values_that_github_gives_them() {
    for (text, value) in [
        ("true", "true"),
        ("null", ""),
        ("''", ""),
        ("'it''s }} ü'", "it's }} ü"),
        ("-1.50", "-1.5"),
        ("1e3", "1000"),
        ("inputs.key", "t1.1.ab"),
        ("  needs . claim . outputs . won == 'TRUE' ", "true"),
        ("needs.claim.outputs.won == true", "false"),
        ("github.run_id == 42", "true"),
        ("steps.a-b.outputs.x_1 == null", "true"),
        ("steps.a-b.outputs.x_1 == 0", "true"),
        ("'x' == 0", "false"),
        ("'x' != 0", "true"),
        ("1 == true", "true"),
        ("!'' && !!'a'", "true"),
        ("steps.a-b.outputs.x_1 || 'default'", "default"),
        ("inputs.key && 'yes'", "yes"),
        ("false && nothing.known", "false"),
        ("true || false && false", "true"),
        ("(true || false) && false", "false"),
        ("1 == 1 == true", "true"),
        ("Contains('Hello', 'ELL')", "true"),
        ("startsWith(inputs.key, 'T1.') && endsWith(inputs.key, 'ab')", "true"),
        ("success() && !cancelled() && always() && !failure()", "true"),
    ] {
        let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(expression.evaluate(&fixed()).expect(text).to_string(), value, "{text}");
    }
}

#[test]
fn what_does_not_read_is_refused_by_name() {
    for (text, named) in [
        ("", "the end"),
        ("a &&", "the end"),
        ("a b", "`b`"),
        ("(a", "`)` was expected"),
        ("a.", "after `.`"),
        ("a[0]", "`[` is not supported"),
        ("a > 1", "`>` is not supported"),
        ("'open", "no end"),
        ("1x", "`1x` is no number"),
        ("hashFiles('x')", "no function `hashFiles`"),
        ("contains('a')", "takes 2 arguments, not 1"),
        ("always(1)", "takes 0 arguments, not 1"),
        ("steps.*.outputs", "`*` is not supported"),
    ] {
        let error = Expression::parse(text).expect_err(text).to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
    let deep = format!("{}1{}", "(".repeat(DEPTH_MAX + 1), ")".repeat(DEPTH_MAX + 1));
    assert!(Expression::parse(&deep).expect_err("deep").problem.contains("deeper"));
    assert!(Expression::parse(&"1".repeat(10_000)).expect_err("long").problem.contains("longer"));
}

#[test]
fn an_unknown_name_is_an_error_that_names_it() {
    let expression = Expression::parse("inputs.key == 'a' || needs.other.result == 'success'").expect("reads");
    let error = expression.evaluate(&fixed()).expect_err("unknown").to_string();
    assert!(error.contains("`needs.other.result`"), "{error}");
    assert_eq!(expression.check(&|name| name.parts()[0] == "inputs").expect_err("unknown").to_string(), error);
    assert_eq!(expression.check(&|_| true), Ok(()));
}

#[test]
fn templates_are_filled_in() {
    for (text, filled) in [
        ("plain", "plain"),
        ("orchestrate ${{ inputs.key }}!", "orchestrate t1.1.ab!"),
        ("${{github.run_id}}${{ '}}' }}-", "42}}-"),
        ("$ { {}} ${ x }", "$ { {}} ${ x }"),
    ] {
        assert_eq!(Template::parse(text).expect(text).fill(&fixed()).expect(text), filled);
    }
    assert!(Template::parse("a ${{ inputs.key }").expect_err("open").problem.contains("has no `}}`"));
}

#[test]
fn a_condition_without_status_also_wants_success() {
    let holds = |text: &str, success: bool, cancelled: bool| {
        let context = Fixed { success, cancelled, ..fixed() };
        Condition::parse(text).expect(text).holds(&context).expect(text)
    };
    for (text, well, failed, cancelled) in [
        ("needs.claim.outputs.won == 'true'", true, false, false),
        ("${{ needs.claim.outputs.won == 'no' }}", false, false, false),
        ("${{ !cancelled() && needs.claim.outputs.won == 'true' }}", true, true, false),
        ("always()", true, true, true),
        ("failure()", false, true, false),
        ("cancelled()", false, false, true),
    ] {
        let found = (holds(text, true, false), holds(text, false, false), holds(text, true, true));
        assert_eq!(found, (well, failed, cancelled), "{text}");
    }
}
