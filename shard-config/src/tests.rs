use expect_test::{Expect, expect};
use model::{OrgId, ShardId};
use proptest::prelude::*;

use super::*;

/// Parses `text` under a name of three letters, and compares the error, or the routes of organisations 7 and 1000000.
fn check(text: &str, expected: Expect) {
    let shown = match ShardMap::parse(text, "shards.toml") {
        Err(error) => error.to_string(),
        Ok(map) => [7, 1_000_000].map(|org| map.route(OrgId(org)).to_string()).join("\n"),
    };
    expected.assert_eq(&shown);
}

const HEAD: &str = "version = 3\nshared_shards = 64\n";

fn with_rules(rules: &str) -> String {
    format!("{HEAD}{rules}")
}

#[test]
fn an_organisation_goes_where_the_map_says_and_the_map_says_why() {
    check(
        HEAD,
        expect![[r#"
        organisation 7 goes to org-mod-07: no dedicated rule names it, and 7 mod 64 is 7
        organisation 1000000 goes to org-mod-00: no dedicated rule names it, and 1000000 mod 64 is 0"#]],
    );
    check(
        &with_rules("[[dedicated]]\norg = 7\nreason = \"large\"\n"),
        expect![[r#"
            organisation 7 goes to org-7: the rule at line 4 gives it a shard of its own (large)
            organisation 1000000 goes to org-mod-00: no dedicated rule names it, and 1000000 mod 64 is 0"#]],
    );
    let rules =
        "[[dedicated]]\norgs = [\n  7,\n  1000000,\n]\nreason = \"15 % of all points\"\nsince = \"2026-05-01\"\n";
    check(
        &with_rules(rules),
        expect![[r#"
            organisation 7 goes to org-7: the rule at line 5 gives it a shard of its own since 2026-05-01 (15 % of all points)
            organisation 1000000 goes to org-1000000: the rule at line 6 gives it a shard of its own since 2026-05-01 (15 % of all points)"#]],
    );
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    check("", expect!["shards.toml:1: missing field `version`; shard-config/default.toml documents every key"]);
    check(
        "version = 3\nshared_shards = 65\n",
        expect!["shards.toml:2: shared_shards is 65; segments are named for 64, so set it to 64"],
    );
    check(
        "version = 3\nshared_shards = -64\n",
        expect![
            "shards.toml:2: invalid value: integer `-64`, expected u64; shard-config/default.toml documents every key"
        ],
    );
    check(
        "version = \"3\"\nshared_shards = 64\n",
        expect![[
            r#"shards.toml:1: invalid type: string "3", expected u32; shard-config/default.toml documents every key"#
        ]],
    );
    check(
        "version = 3\nshared_shard = 64\n",
        expect![
            "shards.toml:2: unknown field `shared_shard`, expected one of `version`, `shared_shards`, `dedicated`; shard-config/default.toml documents every key"
        ],
    );
    check(
        "version = 3\n\nshared_shards = \n",
        expect![
            "shards.toml:3: string values must be quoted, expected literal string; shard-config/default.toml documents every key"
        ],
    );
    check(
        &with_rules("[[dedicated]]\norg = 7\n"),
        expect!["shards.toml:3: missing field `reason`; shard-config/default.toml documents every key"],
    );
    check(
        &with_rules("[[dedicated]]\norg = 7\nreason = \"a\"\nuntil = \"b\"\n"),
        expect![
            "shards.toml:6: unknown field `until`, expected one of `org`, `orgs`, `reason`, `since`; shard-config/default.toml documents every key"
        ],
    );
    check(
        &with_rules("\n[[dedicated]]\nreason = \"large\"\n"),
        expect![
            "shards.toml:4: the dedicated rule names no organisation; give it `org = N` or `orgs = [N, ..]`, or remove it"
        ],
    );
    check(
        &with_rules("[dedicated]\norg = 7\nreason = \"a\"\n"),
        expect!["shards.toml:3: invalid type: map, expected a sequence; shard-config/default.toml documents every key"],
    );
}

#[test]
fn the_largest_organisation_can_be_named() {
    let map = ShardMap::parse(
        &with_rules(&format!("[[dedicated]]\norg = {}\nreason = \"large\"\n", u64::MAX)),
        "shards.toml",
    );
    assert_eq!(map.map(|map| map.shard(OrgId(u64::MAX))), Ok(ShardId::Dedicated(OrgId(u64::MAX))));
}

#[test]
fn an_organisation_is_a_number_or_the_text_of_one() {
    let rules = "[[dedicated]]\norg = \"18446744073709551615\"\norgs = [7, \"8\"]\nreason = \"large\"\n";
    let map = ShardMap::parse(&with_rules(rules), "shards.toml").expect("numbers and texts");
    for org in [7, 8, u64::MAX] {
        assert_eq!(map.shard(OrgId(org)), ShardId::Dedicated(OrgId(org)));
    }
    for text in ["\"seven\"", "\"-1\"", "-1", "1.0"] {
        let rule = format!("[[dedicated]]\norg = {text}\nreason = \"large\"\n");
        let error = ShardMap::parse(&with_rules(&rule), "shards.toml").expect_err("no id").to_string();
        assert!(error.contains("shards.toml:4"), "{error}");
    }
}

#[test]
fn an_organisation_with_two_rules_is_refused_with_both_lines() {
    let rule = "[[dedicated]]\norg = 7\nreason = \"large\"\n";
    check(
        &with_rules(&format!("{rule}\n{rule}")),
        expect!["shards.toml:8: organisation 7 has a second rule (the first is at line 4); keep one"],
    );
    check(
        &with_rules("[[dedicated]]\norg = 7\norgs = [8,\n7]\nreason = \"large\"\n"),
        expect!["shards.toml:6: organisation 7 has a second rule (the first is at line 4); keep one"],
    );
}

#[test]
fn the_shipped_default_is_the_built_in_one() {
    assert_eq!(ShardMap::parse(DEFAULT_TOML, "default.toml"), Ok(ShardMap::default()));
}

#[test]
fn the_example_in_the_default_file_is_a_rule() {
    let text = DEFAULT_TOML.replace("# [[dedicated]]", "[[dedicated]]");
    let uncomment = |key: &str, text: String| text.replace(&format!("# {key} = "), &format!("{key} = "));
    let text = ["org", "reason", "since"].into_iter().fold(text, |text, key| uncomment(key, text));
    let map = ShardMap::parse(&text, "default.toml").expect("the example parses");
    assert_eq!(map.shard(OrgId(1_000_000)), ShardId::Dedicated(OrgId(1_000_000)));
}

#[test]
fn the_digest_is_frozen_and_tells_placements_apart_not_their_words() {
    let parse = |rules: &str| ShardMap::parse(&with_rules(rules), "shards.toml").expect("the rules are sound");
    let one = parse("[[dedicated]]\norgs = [7, 8]\nreason = \"a\"\n");
    let reworded = parse("[[dedicated]]\norg = 8\nreason = \"b\"\n[[dedicated]]\norg = 7\nreason = \"c\"\n");
    assert_eq!(one.digest(), reworded.digest());
    assert_ne!(one.digest(), ShardMap::default().digest());
    assert_eq!(parse("").digest(), ShardMap::default().digest());
    expect!["8645fe12f5c59667 957e65e7787997d9"].assert_eq(&format!(
        "{:016x} {:016x}",
        ShardMap::default().digest(),
        one.digest()
    ));
}

/// Generates texts that are close to a map, so that the resolver is reached, not only the parser.
fn nearly_maps() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "version = 3",
        "shared_shards = 64",
        "shared_shards = 63",
        "[[dedicated]]",
        "org = 7",
        "org = 64",
        "orgs = [1, 2]",
        "orgs = []",
        "reason = \"é\"",
        "since = \"2026\"",
        "# é",
        "[dedicated]",
        "=",
        "",
    ]);
    prop::collection::vec(line, 0..12).prop_map(|lines| with_rules(&lines.join("\n")))
}

proptest! {
    #[test]
    fn any_text_is_a_map_or_an_error(text in prop_oneof![any::<String>(), nearly_maps()]) {
        map::fuzz(text.as_bytes());
        if let Err(error) = ShardMap::parse(&text, "shards.toml") {
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn every_organisation_has_one_shard_whose_name_parses_back(org in any::<u64>(), own in prop::collection::btree_set(any::<u64>(), 0..5)) {
        let rules: String = own.iter().map(|org| format!("[[dedicated]]\norg = {org}\nreason = \"r\"\n")).collect();
        let map = ShardMap::parse(&with_rules(&rules), "shards.toml").expect("each organisation has one rule");
        for org in own.iter().copied().chain([org]) {
            let shard = map.route(OrgId(org)).shard;
            prop_assert_eq!(shard.to_string().parse(), Ok(shard));
            prop_assert_eq!(shard == ShardId::Dedicated(OrgId(org)), own.contains(&org));
        }
    }
}
